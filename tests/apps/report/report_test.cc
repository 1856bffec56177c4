#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "apps/chart.h"
#include "apps/report/chart.h"
#include "apps/report/html.h"
#include "apps/report/network_picture.h"
#include "apps/report/page.h"
#include "apps/report/pictures.h"
#include "apps/report/tables.h"
#include "apps/report/words.h"
#include "nn/nn.h"

namespace adjoint::apps::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Occurrences of `part`.
int Count(const std::string& text, const std::string& part) {
  int n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(HtmlTest, MarkupIsEscapedAndBytesAreMadeUtf8) {
  EXPECT_EQ(Escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
  EXPECT_EQ(Escape("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(ValidUtf8("a\xFFz"), "a" + bad + "z");
  EXPECT_EQ(ValidUtf8("\xC3"), bad);
  EXPECT_EQ(ValidUtf8("\xC0\xAF"), bad + bad);            // overlong
  EXPECT_EQ(ValidUtf8("\xE0\x80\x80"), bad + bad + bad);  // overlong
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80"), bad + bad + bad);  // a surrogate
  EXPECT_EQ(ValidUtf8("\xF4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(Escape(absl::string_view("a\0b\x1b", 4)), "a" + bad + "b" + bad);
}

TEST(HtmlTest, NumbersAreForPeople) {
  EXPECT_EQ(Thousands(1234567), "1,234,567");
  EXPECT_EQ(Thousands(-999), "-999");
  EXPECT_EQ(Signed(0.416), "+0.42");
  EXPECT_EQ(Signed(-1.3), "\u22121.30");
  EXPECT_EQ(Signed(-0.001), "0.00");
  EXPECT_EQ(Duration(2.5e-6), "2.5 µs");
  EXPECT_EQ(Duration(0.0123), "12.3 ms");
  EXPECT_EQ(Duration(4.567), "4.57 s");
  EXPECT_EQ(Duration(125), "2 min 5 s");
  EXPECT_EQ(Duration(3725), "1 h 2 min");
}

TEST(PageTest, IsOneFileWithoutReferencesOutside) {
  Page page("A <title>", "of \"this\"");
  page.Add(Figure{"Accuracy", "88.4 %", "of & all"});
  page.Add(Card{.title = "One", .html = "<p>raw</p>", .note = "1 < 2"});
  page.Add(Card{.title = "Half", .html = "", .wide = false});
  const std::string html = page.ToHtml();
  EXPECT_THAT(html,
              AllOf(StartsWith("<!doctype html>"), HasSubstr("<title>A &lt;title&gt;</title>"),
                    HasSubstr("<h1>A &lt;title&gt;</h1>\n<p>of &quot;this&quot;</p>"),
                    HasSubstr("<dt>Accuracy</dt><dd>88.4 %</dd><dd class=\"note\">of &amp; "
                              "all</dd>"),
                    HasSubstr("<h2>One</h2>\n<p class=\"note\">1 &lt; 2</p>\n<p>raw</p>"),
                    HasSubstr("<section class=\"card\">\n<h2>Half</h2>"),
                    HasSubstr("prefers-color-scheme: dark"), HasSubstr("width=device-width")));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("http")), Not(HasSubstr("src=")), Not(HasSubstr("@import")),
                          Not(HasSubstr("url("))));
  EXPECT_EQ(Count(html, "</script>"), 1);
}

TEST(ChartTest, HasCurvesLabelsReadOutAndNumbers) {
  const Chart chart{.title = "Loss",
                    .x_label = "Epoch",
                    .y_label = "loss",
                    .series = {{"Training <loss>", Series::kDots, {0.5, 0.25, 0.125}},
                               {"Validation loss", Series::kLine, {0.6, std::nan(""), 0.3}}}};
  const std::string html = ToHtml(chart);
  EXPECT_THAT(html, HasSubstr("<span class=\"s1 dots\">Training &lt;loss&gt;</span>"));
  EXPECT_THAT(html, HasSubstr("<span class=\"s2\">Validation loss</span>"));
  // Three dots; two lines, for the gap between them, of no length.
  EXPECT_EQ(Count(html, "h0"), 3);
  EXPECT_THAT(html, HasSubstr("&quot;point&quot;:&quot;Epoch&quot;"));
  EXPECT_THAT(html, HasSubstr("[&quot;0.6000&quot;,&quot;NaN&quot;,&quot;0.3000&quot;]"));
  EXPECT_THAT(html,
              HasSubstr("<td>2</td><td class=\"number\">0.2500</td><td class=\"number\">NaN"));
}

TEST(ChartTest, ManyValuesAreThinnedToMeans) {
  Chart chart{.title = "t", .x_label = "x", .y_label = "y", .series = {{"s", Series::kLine, {}}}};
  for (int i = 0; i < 2500; ++i) chart.series[0].values.push_back(i);
  const std::string html = ToHtml(chart, {.point = "Step", .decimals = 1, .unit = " µs"});
  EXPECT_THAT(html, HasSubstr("&quot;1–3&quot;,&quot;4–6&quot;"));
  EXPECT_THAT(html, HasSubstr("&quot;1.0 µs&quot;,&quot;4.0 µs&quot;"));
  EXPECT_THAT(html, Not(HasSubstr("<details>")));
  EXPECT_THAT(html, HasSubstr("&quot;2497–2499&quot;,&quot;2500&quot;"));
  EXPECT_LT(html.size(), 120000u);
  EXPECT_THAT(ToHtml(Chart{}), HasSubstr("class=\"chart\""));  // nothing to show, and no crash
}

TEST(TablesTest, ConfusionMatrixHasCountsAndQuality) {
  const ConfusionMatrix matrix{.classes = {"no", "yes"}, .counts = {{90, 10}, {30, 70}}};
  EXPECT_EQ(matrix.Total(), 200);
  const std::string html = ToHtml(matrix);
  EXPECT_THAT(html, HasSubstr("truly no, predicted yes: 10 (10.0 %)"));
  // yes: 70 of 80 predicted, 70 of 100 true, F1 = 140 / 180.
  EXPECT_THAT(html,
              HasSubstr("<td>yes</td><td class=\"number\">87.5 %</td><td class=\"number\">70.0 "
                        "%</td><td class=\"number\">77.8 %</td><td class=\"number\">100</td>"));
  EXPECT_THAT(html, AllOf(HasSubstr(">predicted yes</th>"), HasSubstr(">truly yes</th>")));
  const ConfusionMatrix many{.classes = {"0", "1", "2", "3", "4"},
                             .counts = std::vector(5, std::vector<int64_t>(5, 1))};
  EXPECT_THAT(ToHtml(many), AllOf(HasSubstr("colspan=\"5\">predicted</th>"),
                                  HasSubstr("rowspan=\"5\"><span>truly</span></th>"),
                                  HasSubstr("<th scope=\"col\">4</th>")));
  const std::string none = ToHtml(ConfusionMatrix{.classes = {"a"}, .counts = {{0}}});
  EXPECT_THAT(none, HasSubstr("<td>a</td><td class=\"number\">–</td>"));
}

TEST(WordsTest, AreColouredByTheirContributions) {
  const std::string text = "Not <great>, qzx!";
  const std::vector<Word> words = {{0, 3, -0.5}, {5, 10, 1.0}, {13, 16, 0, /*known=*/false}};
  EXPECT_EQ(
      ColouredText(text, words),
      "<p class=\"words\"><span class=\"neg\" style=\"--c:0.50\" data-tip=\"Not: \u22120.50\">"
      "Not</span> &lt;<span class=\"pos\" style=\"--c:1.00\" data-tip=\"great: +1.00\">great"
      "</span>&gt;, qzx!</p>");
  EXPECT_EQ(ColouredText("", {}), "<p class=\"words\"></p>");
  EXPECT_EQ(ColouredText("One.<br /><br />Two<br>", {}),
            "<p class=\"words\">One.<br><br>Two&lt;br&gt;</p>");
  EXPECT_EQ(Strength(1, 0), 0);
}

TEST(PicturesTest, PngsHaveTheirPixels) {
  const Picture picture{.width = 2, .height = 2, .pixels = {0, 255, 128, 7}, .caption = "a<b"};
  const std::string png = EncodePng(picture);
  EXPECT_THAT(png, StartsWith("\x89PNG\r\n\x1a\n"));
  EXPECT_EQ(png.substr(12, 4), "IHDR");
  EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");
  EXPECT_EQ(png.substr(png.size() - 4), "\xAE\x42\x60\x82");  // the checksum of every IEND
  const std::string grid = PictureGrid({picture, picture}, 4);
  EXPECT_THAT(grid, AllOf(HasSubstr("alt=\"a&lt;b\" width=\"8\" height=\"8\""),
                          HasSubstr("data:image/png;base64,iVBORw0KGgo")));
  EXPECT_EQ(Count(grid, "<figure>"), 2);
}

TEST(NetworkPictureTest, ShowsLayersShapesAndParameters) {
  nn::Sequential chain({nn::Dense(16, {.activation = "relu"}), nn::Dropout(0.25),
                        nn::Dense(1, {.activation = "sigmoid"})});
  ASSERT_TRUE(chain.Build(Tensor::Zeros({DType::kF32, Shape{1, 100}})).ok());
  const std::string svg = NetworkPicture(chain);
  for (const char* part : {">Input<", ">batch × 100<", ">Dense<", ">units 16, relu<",
                           ">1,616 params<", ">rate 0.25<", ">17 params<", ">dense_1<"}) {
    EXPECT_THAT(svg, HasSubstr(part));
  }
  EXPECT_EQ(Count(svg, "<rect"), 4);
  EXPECT_EQ(Count(svg, "marker-end"), 3);

  const nn::LayerOutput x = nn::Input({8});
  const nn::LayerOutput a = nn::Dense(4)(x), b = nn::Dense(4)(x);
  nn::Model model(x, nn::Add()({a, b}));
  ASSERT_TRUE(model.Build(Tensor::Zeros({DType::kF32, Shape{1, 8}})).ok());
  const std::string fork = NetworkPicture(model);
  EXPECT_EQ(Count(fork, "<rect"), 4);
  EXPECT_EQ(Count(fork, "marker-end"), 4);
}

}  // namespace
}  // namespace adjoint::apps::report
