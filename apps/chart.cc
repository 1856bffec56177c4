#include "apps/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "apps/chart_axis.h"

namespace adjoint::apps {
namespace {

// A range that holds low..high in some `count` steps of 1, 2 or 5 times a power of ten.
Axis NiceAxis(double low, double high, int count) {
  if (!(low <= high)) return {};
  // Room on both sides of a single value; no wider than what doubles can tell apart and subtract.
  constexpr double kLargest = 1e300;
  low = std::clamp(low, -kLargest, kLargest);
  high = std::clamp(high, -kLargest, kLargest);
  if (high - low <= 1e-9 * std::max(std::abs(low), std::abs(high))) {
    const double room = std::max(0.5, 0.1 * std::abs(low));
    low -= room;
    high += room;
  }
  const double rough = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (double multiple : {5.0, 2.0, 1.0}) {
    if (multiple * power >= rough * 0.999) step = multiple * power;
  }
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

}  // namespace

Frame FrameOf(const Chart& chart, int y_steps) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  size_t epochs = 1;
  for (const Series& s : chart.series) {
    epochs = std::max(epochs, s.values.size());
    for (double v : s.values) {
      if (!std::isfinite(v)) continue;
      low = std::min(low, v);
      high = std::max(high, v);
    }
  }
  Frame frame;
  frame.y = NiceAxis(low, high, y_steps);
  frame.x = NiceAxis(0, static_cast<double>(epochs), 8);
  frame.x.step = std::max(1.0, frame.x.step);
  frame.x.high = static_cast<double>(epochs) + 0.5;
  frame.x.low = 0.5;
  return frame;
}

std::string Label(double value, double step) {
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return absl::StrFormat("%.*f", decimals, value == 0 ? 0.0 : value);
}

namespace {

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

constexpr const char* kColours[] = {"#1f77b4", "#d95f02", "#1b9e77", "#7570b3"};
constexpr double kWidth = 640, kHeight = 420;
constexpr double kLeft = 72, kRight = 24, kTop = 72, kBottom = 56;

class SvgWriter {
 public:
  explicit SvgWriter(const Chart& chart) : chart_(chart), frame_(FrameOf(chart, 6)) {}

  std::string Write() {
    absl::StrAppendFormat(
        &svg_,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" "
        "height=\"%g\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" "
        "role=\"img\" aria-label=\"%s\">\n",
        kWidth, kHeight, kWidth, kHeight, Escaped(chart_.title));
    absl::StrAppendFormat(&svg_, "<rect width=\"%g\" height=\"%g\" fill=\"white\"/>\n", kWidth,
                          kHeight);
    Text((kLeft + kWidth - kRight) / 2, kTop - 42, "middle", chart_.title, "font-size=\"16\"");
    Axes();
    for (size_t i = 0; i < chart_.series.size(); ++i) Curve(i);
    Legend();
    absl::StrAppend(&svg_, "</svg>\n");
    return std::move(svg_);
  }

 private:
  double X(double epoch) const {
    return kLeft + frame_.x.Fraction(epoch) * (kWidth - kLeft - kRight);
  }
  double Y(double value) const {
    return kHeight - kBottom - frame_.y.Fraction(value) * (kHeight - kTop - kBottom);
  }

  void Text(double x, double y, const char* anchor, const std::string& text,
            const std::string& more = "") {
    absl::StrAppendFormat(&svg_,
                          "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"#222\" %s>%s"
                          "</text>\n",
                          x, y, anchor, more, Escaped(text));
  }

  void Line(double x1, double y1, double x2, double y2, const char* colour) {
    absl::StrAppendFormat(&svg_,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n",
                          x1, y1, x2, y2, colour);
  }

  void Axes() {
    const double right = kWidth - kRight, bottom = kHeight - kBottom;
    const Axis& y = frame_.y;
    const int steps = static_cast<int>(std::lround((y.high - y.low) / y.step));
    for (int i = 0; i <= steps; ++i) {
      const double value = y.low + i * y.step;
      Line(kLeft, Y(value), right, Y(value), "#e4e4e4");
      Text(kLeft - 8, Y(value) + 4, "end", Label(value, y.step));
    }
    for (double epoch = frame_.x.step; epoch < frame_.x.high; epoch += frame_.x.step) {
      Line(X(epoch), bottom, X(epoch), bottom + 5, "#222");
      Text(X(epoch), bottom + 20, "middle", Label(epoch, 1));
    }
    Line(kLeft, bottom, right, bottom, "#222");
    Line(kLeft, kTop, kLeft, bottom, "#222");
    Text((kLeft + right) / 2, kHeight - 14, "middle", chart_.x_label);
    const double middle = (kTop + bottom) / 2;
    Text(20, middle, "middle", chart_.y_label,
         absl::StrFormat("transform=\"rotate(-90 20 %.1f)\"", middle));
  }

  void Curve(size_t index) {
    const Series& s = chart_.series[index];
    const char* const colour = kColours[index % std::size(kColours)];
    std::string points;
    for (size_t i = 0; i < s.values.size(); ++i) {
      if (!std::isfinite(s.values[i])) continue;
      const double x = X(static_cast<double>(i + 1)), y = Y(s.values[i]);
      if (s.style == Series::kDots) {
        absl::StrAppendFormat(&svg_,
                              "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>epoch "
                              "%d: %.4f</title></circle>\n",
                              x, y, colour, i + 1, s.values[i]);
      } else {
        absl::StrAppendFormat(&points, "%.1f,%.1f ", x, y);
      }
    }
    if (points.empty()) return;
    absl::StrAppendFormat(&svg_,
                          "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" "
                          "stroke-width=\"2\"/>\n",
                          points, colour);
  }

  // A row between title and plot, where no curve passes.
  void Legend() {
    constexpr double kMark = 32, kLetter = 7, kGap = 28;
    double width = -kGap;
    for (const Series& s : chart_.series) {
      width += kMark + kLetter * static_cast<double>(s.label.size()) + kGap;
    }
    double x = (kLeft + kWidth - kRight - width) / 2;
    constexpr double kY = kTop - 14;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const Series& s = chart_.series[i];
      const char* const colour = kColours[i % std::size(kColours)];
      if (s.style == Series::kDots) {
        absl::StrAppendFormat(&svg_, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
                              x + 18, kY - 4, colour);
      } else {
        absl::StrAppendFormat(&svg_,
                              "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                              "stroke-width=\"2\"/>\n",
                              x, kY - 4, x + 24, kY - 4, colour);
      }
      Text(x + kMark, kY, "start", s.label);
      x += kMark + kLetter * static_cast<double>(s.label.size()) + kGap;
    }
  }

  const Chart& chart_;
  const Frame frame_;
  std::string svg_;
};

}  // namespace

std::string ToSvg(const Chart& chart) { return SvgWriter(chart).Write(); }

std::string ToText(const Chart& chart, int width) {
  constexpr int kMargin = 8;
  const Frame frame = FrameOf(chart, 4);
  const int columns = std::max(10, width - kMargin - 1);
  // As many rows a step, so that labels stand where their values do.
  const int steps = static_cast<int>(std::lround((frame.y.high - frame.y.low) / frame.y.step));
  const int last_row = steps * std::max(1, 12 / steps);
  std::vector<std::string> rows(last_row + 1, std::string(columns, ' '));
  const auto row_of = [&](double value) {
    const double row = (1 - frame.y.Fraction(value)) * last_row;
    return static_cast<int>(std::lround(std::clamp<double>(row, 0, last_row)));
  };
  const auto column_of = [&](double epoch) {
    return std::clamp(static_cast<int>(frame.x.Fraction(epoch) * columns), 0, columns - 1);
  };
  std::string legend;
  for (const Series& s : chart.series) {
    const char mark = s.style == Series::kDots ? 'o' : '*';
    absl::StrAppend(&legend, legend.empty() ? "" : "   ", std::string(1, mark), " ", s.label);
    for (size_t i = 0; i < s.values.size(); ++i) {
      if (!std::isfinite(s.values[i])) continue;
      rows[row_of(s.values[i])][column_of(static_cast<double>(i + 1))] = mark;
    }
  }
  std::string text = absl::StrCat(chart.title, "\n", std::string(kMargin + 1, ' '), legend, "\n");
  for (int r = 0; r <= last_row; ++r) {
    std::string label;
    for (int i = 0; i <= steps; ++i) {
      const double value = frame.y.low + i * frame.y.step;
      if (row_of(value) == r) label = Label(value, frame.y.step);
    }
    std::string& row = rows[r];
    row.erase(row.find_last_not_of(' ') + 1);
    absl::StrAppendFormat(&text, "%7s |%s\n", label, row);
  }
  absl::StrAppend(&text, std::string(kMargin, ' '), "+", std::string(columns, '-'), "\n");
  std::string ticks(columns, ' ');
  for (double epoch = frame.x.step; epoch < frame.x.high; epoch += frame.x.step) {
    const std::string label = Label(epoch, 1);
    const int at = column_of(epoch);
    if (at + label.size() <= ticks.size()) ticks.replace(at, label.size(), label);
  }
  ticks.erase(ticks.find_last_not_of(' ') + 1);
  absl::StrAppend(&text, std::string(kMargin + 1, ' '), ticks, "  ", chart.x_label, "\n");
  return text;
}

}  // namespace adjoint::apps
