#include "apps/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace adjoint::apps {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Chart LossChart(std::vector<double> training, std::vector<double> validation) {
  return {.title = "Training and validation loss",
          .x_label = "Epochs",
          .y_label = "loss",
          .series = {{"Training loss", Series::kDots, std::move(training)},
                     {"Validation loss", Series::kLine, std::move(validation)}}};
}

size_t Count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// The first thing that is no well-formed XML, or "". Knows elements, attributes and text.
std::string XmlProblem(const std::string& xml) {
  std::vector<std::string> open;
  bool had_root = false;
  for (size_t at = 0; at < xml.size();) {
    if (xml[at] != '<') {
      if (xml[at] == '&') {
        const std::string entity = xml.substr(at, xml.find(';', at) - at + 1);
        if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;") {
          return "bare & at " + std::to_string(at);
        }
      }
      if (open.empty() && std::isspace(static_cast<unsigned char>(xml[at])) == 0) {
        return "text outside the root";
      }
      ++at;
      continue;
    }
    // The tag's end is the first '>' outside quotes; quotes hold no '<'.
    size_t end = at + 1;
    for (bool quoted = false; end < xml.size() && (quoted || xml[end] != '>'); ++end) {
      if (xml[end] == '"') quoted = !quoted;
      if (xml[end] == '<') return "< within a tag at " + std::to_string(end);
    }
    if (end >= xml.size()) return "a tag without an end";
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag) return "<" + tag + "> closes nothing";
      open.pop_back();
    } else {
      if (open.empty() && had_root) return "two roots";
      had_root = true;
      if (tag.back() != '/') open.push_back(name);
    }
    at = end + 1;
  }
  return open.empty() ? "" : "<" + open.back() + "> is open";
}

TEST(ChartTest, DrawsTextAsItStands) {
  EXPECT_EQ(ToText(LossChart({0.5, 0.3, 0.2, 0.1}, {0.4, 0.35, 0.38, 0.45}), 50),
            "Training and validation loss\n"
            "         o Training loss   * Validation loss\n"
            "    0.5 |     o\n"
            "        |\n"
            "        |                                   *\n"
            "    0.4 |     *\n"
            "        |                         *\n"
            "        |               *\n"
            "    0.3 |               o\n"
            "        |\n"
            "        |\n"
            "    0.2 |                         o\n"
            "        |\n"
            "        |\n"
            "    0.1 |                                   o\n"
            "        +-----------------------------------------\n"
            "              1         2         3         4  Epochs\n");
}

TEST(ChartTest, TextStaysWithinItsWidth) {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(std::sin(i));
  for (const int width : {20, 40, 72, 200}) {
    const std::string text = ToText(LossChart(values, values), width);
    const size_t rows = text.find(" |");  // title and legend are the caller's
    size_t begin = text.rfind('\n', rows) + 1;
    for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const bool last = end + 1 == text.size();  // the axis' name follows its numbers
      EXPECT_LE(end - begin, static_cast<size_t>(width) + (last ? 8 : 0))
          << text.substr(begin, end - begin);
    }
  }
}

TEST(ChartTest, SvgIsWellFormedAndHoldsEveryPoint) {
  Chart chart = LossChart({0.5, 0.3, 0.2}, {0.4, 0.35, 0.38});
  chart.title = "Loss <of> \"reviews\" & more";
  const std::string svg = ToSvg(chart);
  EXPECT_EQ(XmlProblem(svg), "") << svg;
  EXPECT_EQ(Count(svg, "<title>epoch"), 3u);
  EXPECT_EQ(Count(svg, "<polyline"), 1u);
  EXPECT_NE(svg.find("<title>epoch 2: 0.3000</title>"), std::string::npos);
  EXPECT_NE(svg.find(">Loss &lt;of&gt; &quot;reviews&quot; &amp; more</text>"), std::string::npos);
  EXPECT_NE(svg.find(">Training loss</text>"), std::string::npos);
  EXPECT_NE(svg.find(">Validation loss</text>"), std::string::npos);
}

TEST(ChartTest, LeavesOutWhatIsNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const Chart chart = LossChart({0.5, kNan, 0.2, inf}, {-inf, 0.35, kNan, 0.4});
  const std::string svg = ToSvg(chart);
  EXPECT_EQ(XmlProblem(svg), "");
  EXPECT_EQ(Count(svg, "<title>epoch"), 2u);
  for (const std::string& text : {svg, ToText(chart)}) {
    EXPECT_EQ(text.find("nan"), std::string::npos) << text;
    EXPECT_EQ(text.find("inf"), std::string::npos) << text;
  }
}

TEST(ChartTest, DrawsChartsOfLittleOrExtremeData) {
  const std::vector<double> none, one = {0.7}, same = {0.5, 0.5, 0.5}, bad = {kNan, kNan},
                                  huge = {1e300, -1e300}, tiny = {1e-12, 3e-12},
                                  flat = {1e20, 1e20}, largest = {1.7e308, -1.7e308};
  for (const std::vector<double>& values : {none, one, same, bad, huge, tiny, flat, largest}) {
    const Chart chart = LossChart(values, values);
    EXPECT_EQ(XmlProblem(ToSvg(chart)), "");
    const std::string text = ToText(chart);
    EXPECT_GE(Count(text, " |"), 8u) << text;
    EXPECT_LE(Count(text, " |"), 14u) << text;
    EXPECT_LT(text.size(), 4000u) << text;
    const bool marks = !values.empty() && std::isfinite(values[0]);
    EXPECT_EQ(text.find('*', text.find(" |")) != std::string::npos, marks) << text;
  }
  EXPECT_EQ(XmlProblem(ToSvg(Chart{})), "");
  EXPECT_GE(Count(ToText(Chart{}), " |"), 8u);
}

}  // namespace
}  // namespace adjoint::apps
