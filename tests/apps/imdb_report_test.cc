// report.html of the app and the page of imdb explain, looked at in a browser.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_format.h"
#include "tests/apps/browser.h"
#include "tests/apps/imdb_place.h"

namespace adjoint::apps {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class ImdbReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!Browser::IsInstalled()) GTEST_SKIP() << "chromium and chromium-driver are not installed";
  }
};

// Requests that the page has made to anywhere.
constexpr char kRequests[] =
    "return performance.getEntriesByType('resource').filter("
    "(entry) => !entry.name.startsWith('data:')).length";

TEST_F(ImdbReportTest, ShowsTheTraining) {
  const Json report = Json::parse(ReadAll(TrainedPlace().here() / "report.json"), nullptr, false);
  const Place place("report");
  Browser browser(place.here());
  browser.OpenFile(TrainedPlace().here() / "imdb_out/report.html");
  EXPECT_EQ(browser.Run("return document.title"),
            "Positive or negative? (built-in synthetic reviews)");
  EXPECT_EQ(browser.Run(kRequests), 0);
  EXPECT_EQ(browser.Console(), Json::array());
  const std::string accuracy =
      absl::StrFormat("%.2f %%", 100 * report["evaluate"]["accuracy"].get<double>());
  EXPECT_EQ(browser.Run("return document.querySelector('.figures dd').textContent"), accuracy);

  // The charts: four epochs, a dot each, and what they read out.
  EXPECT_EQ(browser.Run("return document.querySelectorAll('.chart').length"), 3);
  EXPECT_EQ(browser.Run("return document.querySelector('.chart .plot path.dots').getTotalLength() "
                        "=== 0 && document.querySelector('.chart path.dots').getAttribute('d')"
                        ".split('M').length"),
            5);
  EXPECT_EQ(browser.Run("return document.querySelector('#tip').hidden"), true);
  browser.Hover(".plot");
  // The middle lies between epochs 2 and 3.
  browser.Hover(".plot", 40);
  EXPECT_TRUE(browser.Becomes("return !document.querySelector('#tip').hidden"));
  const std::string tip = browser.Run("return document.querySelector('#tip').textContent");
  EXPECT_EQ(tip, absl::StrFormat("Epoch 3Training loss%.4fValidation loss%.4f",
                                 report["history"]["loss"][2].get<double>(),
                                 report["history"]["val_loss"][2].get<double>()));
  EXPECT_EQ(browser.Run("return document.querySelectorAll('.marker').length"), 2);
  browser.Screenshot("report_hover");
  // By keyboard.
  browser.Run("document.querySelectorAll('.plot')[1].focus()");
  browser.Press(Browser::kArrowRight);
  EXPECT_EQ(browser.Run("return document.querySelector('#tip b').textContent"), "Epoch 1");
  browser.Run("document.activeElement.blur()");
  EXPECT_TRUE(browser.Becomes("return document.querySelector('#tip').hidden"));

  // The confusion matrix counts every test review.
  EXPECT_EQ(browser.Run("return [...document.querySelectorAll('.confusion b')].map((b) => "
                        "+b.textContent.replace(',', '')).reduce((a, b) => a + b)"),
            2000);
  const Json right = browser.Run(
      "return [...document.querySelectorAll('.confusion .right b')].map((b) => "
      "+b.textContent.replace(',', '')).reduce((a, b) => a + b)");
  EXPECT_NEAR(right.get<double>() / 2000, report["evaluate"]["accuracy"], 1e-6);

  // Mistakes: what is said is wrong, and words are coloured both ways.
  EXPECT_EQ(browser.Run("return document.querySelectorAll('.mistake').length"), 8);
  EXPECT_EQ(browser.Run("return [...document.querySelectorAll('.mistake h3')].every((h) => "
                        "/^Truly (negative, called positive|positive, called negative) with "
                        "(more than )?\\d+\\.\\d+ %/.test(h.textContent))"),
            true);
  EXPECT_EQ(browser.Run("return document.querySelectorAll('.mistake .pos').length > 20 && "
                        "document.querySelectorAll('.mistake .neg').length > 20"),
            true);
  browser.Run("document.querySelector('.mistake').scrollIntoView()");
  browser.Hover(".mistake .neg");
  EXPECT_TRUE(
      browser.Becomes("const tip = document.querySelector('#tip'); return !tip.hidden && "
                      "tip.textContent === document.querySelector('.mistake .neg').dataset.tip"));

  // Steps: 4 epochs of 38.
  EXPECT_EQ(browser.Run("return JSON.parse(document.querySelectorAll('.chart')[2].dataset.chart)"
                        ".x.length"),
            152);
  EXPECT_EQ(browser.Run("return document.querySelectorAll('svg.network rect').length"), 4);
  EXPECT_EQ(browser.Run("return document.querySelector('.settings').textContent.includes("
                        "'optimizerrmsprop')"),
            true);
  browser.Run("scrollTo(0, 0)");
  browser.Hover("h1");
  browser.Screenshot("report");

  browser.Resize(375, 812);
  EXPECT_EQ(browser.Run("return document.documentElement.scrollWidth <= innerWidth"), true);
  EXPECT_EQ(browser.Run("return [...document.querySelectorAll('.card')].every((card) => "
                        "card.getBoundingClientRect().width > 330)"),
            true);
  browser.Screenshot("report_phone");
}

TEST_F(ImdbReportTest, FollowsTheReadersScheme) {
  const Place place("report_dark");
  const std::string ink = "return getComputedStyle(document.body).backgroundColor";
  Browser browser(place.here(), {"--blink-settings=preferredColorScheme=0"});
  browser.OpenFile(TrainedPlace().here() / "imdb_out/report.html");
  EXPECT_EQ(browser.Run(ink), "rgb(14, 17, 22)");
  browser.Screenshot("report_dark");
}

TEST_F(ImdbReportTest, AnExplanationIsAPage) {
  const RunResult run = Imdb(TrainedPlace(), {"explain", "--html=why.html",
                                              "--text=A superb film <i>but</i> boring, boring."});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("Written to why.html\n"));
  const Place place("explain_page");
  Browser browser(place.here());
  browser.OpenFile(TrainedPlace().here() / "why.html");
  EXPECT_EQ(browser.Run(kRequests), 0);
  EXPECT_EQ(browser.Console(), Json::array());
  EXPECT_EQ(browser.Run("return document.querySelectorAll('.words')[1].textContent"),
            "A superb film <i>but</i> boring, boring.");
  EXPECT_EQ(browser.Run("return [...document.querySelectorAll('.words:not(.key) .neg')].filter("
                        "(word) => word.textContent === 'boring').length"),
            2);
  EXPECT_EQ(browser.Run("return document.querySelector('.bars').textContent.includes('boring ×2')"),
            true);
  browser.Screenshot("explain");
}

}  // namespace
}  // namespace adjoint::apps
