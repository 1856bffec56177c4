#include "apps/report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/chart_axis.h"
#include "apps/report/html.h"
#include "apps/report/tables.h"

namespace adjoint::apps::report {
namespace {

constexpr size_t kMostPoints = 1000;
constexpr size_t kMostRows = 200;  // of the table
constexpr int kColours = 4;        // of the style sheet: .s1 to .s4

// The same chart with runs of `run` values replaced by their means.
Chart Thinned(const Chart& chart, size_t run) {
  Chart thin = chart;
  for (Series& series : thin.series) {
    std::vector<double> means;
    for (size_t i = 0; i < series.values.size(); i += run) {
      const size_t end = std::min(i + run, series.values.size());
      double sum = 0;
      for (size_t j = i; j < end; ++j) sum += series.values[j];
      means.push_back(sum / static_cast<double>(end - i));
    }
    series.values = std::move(means);
  }
  return thin;
}

size_t LongestSeries(const Chart& chart) {
  size_t longest = 0;
  for (const Series& series : chart.series) longest = std::max(longest, series.values.size());
  return longest;
}

// Lines and dots in a square of 1,000 by 1,000 that is stretched to the plot: strokes do not
// stretch with it, and a dot is a line of no length with a round end.
class PlotWriter {
 public:
  // Each point stands for `run` values, of `total` in all.
  PlotWriter(const Chart& chart, size_t run, size_t total, const ChartOptions& options)
      : chart_(chart), run_(run), total_(total), options_(options), frame_(FrameOf(chart, 5)) {
    if (LongestSeries(chart) == 0) frame_.x = {0.5, 1.5, 1};
  }

  std::string Write() {
    html_ = absl::StrCat("<figure class=\"chart\" role=\"group\" aria-label=\"",
                         Escape(chart_.title), "\" data-chart=\"", Escape(Data()), "\">\n");
    Legend();
    absl::StrAppend(&html_, "<div class=\"frame\">\n");
    Labels();
    absl::StrAppend(&html_,
                    "<div class=\"plot\" tabindex=\"0\" aria-label=\"Arrow keys read values "
                    "out\">\n<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" "
                    "aria-hidden=\"true\">\n");
    Grid();
    for (size_t i = 0; i < chart_.series.size(); ++i) Curve(i);
    absl::StrAppend(&html_, "</svg>\n</div>\n</div>\n<figcaption>", Escape(chart_.x_label),
                    "</figcaption>\n", Numbers(), "</figure>");
    return std::move(html_);
  }

 private:
  double X(double place) const { return 1000 * frame_.x.Fraction(place); }
  double Y(double value) const { return 1000 * (1 - frame_.y.Fraction(value)); }
  static int ColourOf(size_t series) { return static_cast<int>(series % kColours) + 1; }

  // What the script needs: places as shares of the plot, and the texts to show there.
  std::string Data() const {
    nlohmann::ordered_json json;
    json["point"] = ValidUtf8(options_.point);
    json["x"] = nlohmann::ordered_json::array();
    json["names"] = nlohmann::ordered_json::array();
    const size_t n = LongestSeries(chart_);
    for (size_t i = 0; i < n; ++i) {
      json["x"].push_back(Rounded(X(static_cast<double>(i + 1)) / 1000));
      json["names"].push_back(NameOf(i));
    }
    json["series"] = nlohmann::ordered_json::array();
    for (const Series& series : chart_.series) {
      nlohmann::ordered_json one;
      one["label"] = ValidUtf8(series.label);
      one["y"] = one["text"] = nlohmann::ordered_json::array();
      for (const double value : series.values) {
        const bool finite = std::isfinite(value);
        one["y"].push_back(finite ? nlohmann::ordered_json(Rounded(Y(value) / 1000))
                                  : nlohmann::ordered_json(nullptr));
        one["text"].push_back(ValueText(value));
      }
      json["series"].push_back(std::move(one));
    }
    return json.dump();
  }

  static double Rounded(double share) { return std::round(share * 1e5) / 1e5; }

  std::string NameOf(size_t i) const {
    const size_t first = i * run_ + 1, last = std::min((i + 1) * run_, total_);
    return first == last ? absl::StrCat(first) : absl::StrCat(first, "–", last);
  }

  std::string ValueText(double value) const {
    if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : (value > 0 ? "∞" : "−∞");
    return absl::StrCat(absl::StrFormat("%.*f", options_.decimals, value),
                        ValidUtf8(options_.unit));
  }

  void Legend() {
    absl::StrAppend(&html_, "<div class=\"legend\">");
    if (chart_.series.size() > 1) {
      for (size_t i = 0; i < chart_.series.size(); ++i) {
        absl::StrAppend(&html_, "<span class=\"s", ColourOf(i),
                        chart_.series[i].style == Series::kDots ? " dots" : "", "\">",
                        Escape(chart_.series[i].label), "</span>");
      }
    } else {
      absl::StrAppend(&html_, Escape(chart_.y_label));
    }
    absl::StrAppend(&html_, "</div>\n");
  }

  std::vector<double> Steps(const Axis& axis) const {
    std::vector<double> steps;
    const int n = static_cast<int>(std::lround((axis.high - axis.low) / axis.step));
    for (int i = 0; i <= n; ++i) steps.push_back(axis.low + i * axis.step);
    return steps;
  }

  void Labels() {
    absl::StrAppend(&html_, "<div class=\"y-axis\" aria-hidden=\"true\">");
    for (const double value : Steps(frame_.y)) {
      absl::StrAppendFormat(&html_, "<span style=\"top:%.2f%%\">%s</span>", Y(value) / 10,
                            Label(value, frame_.y.step));
    }
    absl::StrAppend(&html_, "</div>\n<div class=\"x-axis\" aria-hidden=\"true\">");
    for (double place = frame_.x.step; place < frame_.x.high; place += frame_.x.step) {
      absl::StrAppendFormat(&html_, "<span style=\"left:%.2f%%\">%s</span>", X(place) / 10,
                            Thousands(std::llround(place) * static_cast<int64_t>(run_)));
    }
    absl::StrAppend(&html_, "</div>\n");
  }

  void Grid() {
    for (const double value : Steps(frame_.y)) {
      absl::StrAppendFormat(&html_, "<path class=\"grid\" d=\"M0 %.1fH1000\"/>", Y(value));
    }
    absl::StrAppend(&html_, "\n");
  }

  void Curve(size_t index) {
    const Series& series = chart_.series[index];
    const bool dots = series.style == Series::kDots;
    std::string path;
    bool pen_down = false;
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!std::isfinite(series.values[i])) {
        pen_down = false;
        continue;
      }
      absl::StrAppendFormat(&path, "%s%.1f %.1f", pen_down && !dots ? "L" : "M",
                            X(static_cast<double>(i + 1)), Y(series.values[i]));
      if (dots || series.values.size() == 1) absl::StrAppend(&path, "h0");
      pen_down = true;
    }
    absl::StrAppend(&html_, "<path class=\"s", ColourOf(index), dots ? " dots" : "", "\" d=\"",
                    path, "\"/>\n");
  }

  std::string Numbers() const {
    const size_t n = LongestSeries(chart_);
    if (n > kMostRows) return "";
    Table table{.header = {options_.point}};
    for (const Series& series : chart_.series) table.header.push_back(series.label);
    for (size_t i = 0; i < n; ++i) {
      std::vector<std::string> row = {NameOf(i)};
      for (const Series& series : chart_.series) {
        row.push_back(i < series.values.size() ? ValueText(series.values[i]) : "");
      }
      table.rows.push_back(std::move(row));
    }
    return absl::StrCat("<details><summary>Numbers</summary>", ToHtml(table), "</details>\n");
  }

  const Chart& chart_;
  const size_t run_, total_;
  const ChartOptions& options_;
  Frame frame_;
  std::string html_;
};

}  // namespace

std::string ToHtml(const Chart& chart, const ChartOptions& options) {
  const size_t total = LongestSeries(chart);
  const size_t run = (total + kMostPoints - 1) / kMostPoints;
  if (run <= 1) return PlotWriter(chart, 1, total, options).Write();
  const Chart thin = Thinned(chart, run);
  return PlotWriter(thin, run, total, options).Write();
}

}  // namespace adjoint::apps::report
