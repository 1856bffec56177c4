#include <string>

#include "benchmarks/report/contests.h"
#include "benchmarks/report/figures.h"
#include "benchmarks/report/process.h"
#include "benchmarks/report/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adjoint::benchmarks {
namespace {

using ::testing::HasSubstr;

// A file of Google Benchmark's with one row for each (name, microseconds).
std::string Json(const std::vector<std::pair<std::string, double>>& rows) {
  std::string text = R"({"context": {}, "benchmarks": [)";
  for (const auto& [name, us] : rows) {
    if (text.back() != '[') text += ",";
    text += R"({"run_type": "iteration", "run_name": ")" + name + R"(", "real_time": )" +
            std::to_string(us) + R"(, "time_unit": "us", "GFLOP/s": 2e0})";
  }
  return text + "]}";
}

std::string Report(const Figures& figures, const Contest& contest) {
  return ReportText(figures, {contest}, {}, {});
}

TEST(Figures, RatiosAreTakenTurnByTurnAgainstTheFastestRivalThere) {
  Figures figures;
  // A phase in which everything takes ten times as long changes no ratio.
  ASSERT_TRUE(
      figures.AddGoogleBenchmark(0, Json({{"a/x/real_time", 10}, {"b", 20}, {"c", 5}})).ok());
  ASSERT_TRUE(figures.AddGoogleBenchmark(1, Json({{"a/x/real_time", 100}, {"b", 200}})).ok());
  ASSERT_TRUE(figures.AddGoogleBenchmark(2, Json({{"a/x/real_time", 12}, {"b", 20}})).ok());
  ASSERT_TRUE(figures.AddGoogleBenchmark(3, Json({{"a/x/real_time", 12}})).ok());
  const auto ratio = figures.TimesFastest("a/x", {"b", "c"});
  ASSERT_TRUE(ratio.has_value());
  EXPECT_NEAR(ratio->value, 0.6, 1e-9);  // of 10 / 5, 100 / 200 and 12 / 20
  EXPECT_EQ(ratio->rival, "b");
  EXPECT_NEAR(*figures.MedianSeconds("a/x"), 12e-6, 1e-12);
  EXPECT_NEAR(*figures.MedianFlops("b"), 2e9, 1);
  EXPECT_FALSE(figures.TimesFastest("a/x", {"nobody"}).has_value());
}

TEST(Figures, OfRepetitionsTheMedianCountsAndOfPyTorchsVariantsTheFastest) {
  Figures figures;
  ASSERT_TRUE(figures
                  .AddGoogleBenchmark(0, Json({{"a/repeats:3/manual_time", 1},
                                               {"a/repeats:3/manual_time", 9},
                                               {"a/repeats:3/manual_time", 2}}))
                  .ok());
  EXPECT_NEAR(*figures.MedianSeconds("a"), 2e-6, 1e-12);
  ASSERT_TRUE(figures
                  .AddPyTorch(0, R"({"results": [{"name": "a", "median_seconds": 3},
                                     {"name": "a", "median_seconds": 2},
                                     {"name": "a", "error": "cannot"}]})")
                  .ok());
  EXPECT_EQ(*figures.MedianSeconds("a/pytorch"), 2);
  EXPECT_FALSE(figures.AddGoogleBenchmark(0, "{\"benchmarks\": [").ok());
  EXPECT_FALSE(figures.AddPyTorch(0, "[]").ok());
}

TEST(ReportText, SaysOfEveryGoalWhetherItIsMet) {
  Figures figures;
  ASSERT_TRUE(figures.AddGoogleBenchmark(0, Json({{"ours", 110}, {"rival/raw", 100}})).ok());
  const Contest ratio{"work", {"ours"}, {"rival/raw"}, Contest::kRatio, 1.2};
  EXPECT_THAT(
      Report(figures, ratio),
      HasSubstr("| work | 110.00 us | raw 100.00 us | 1.10 x | at most 1.20 x its time | met |"));
  Contest strict = ratio;
  strict.goal = 1.05;
  EXPECT_THAT(Report(figures, strict), HasSubstr("| **missed** |"));
  EXPECT_THAT(Report(figures, strict), HasSubstr("0 met, 1 missed, 0 not measured"));
  Contest faster = ratio;
  faster.measure = Contest::kFaster;
  faster.goal = 0.9;
  EXPECT_THAT(Report(figures, faster), HasSubstr("| 0.91 x | 0.9 x as fast | met |"));
  const Contest sum{"both", {"ours", "rival/raw"}, {}, Contest::kSeconds, 200e-6};
  EXPECT_THAT(Report(figures, sum),
              HasSubstr("| both | 210.00 us |  | 210.00 us | at most 200.00 us | **missed** |"));
  Contest absent = ratio;
  absent.rivals = {"not/there"};
  EXPECT_THAT(Report(figures, absent), HasSubstr("not measured: not/there"));
  EXPECT_THAT(Report(figures, absent), HasSubstr("0 met, 0 missed, 1 not measured"));
}

TEST(ReportText, CallsGrowthMoreThanLinear) {
  Figures figures;
  for (int times : {1, 2, 4, 8}) {
    const std::string name = "scaling/" + std::to_string(times);
    ASSERT_TRUE(figures.AddGoogleBenchmark(0, Json({{name, 10.0 * times}})).ok());
  }
  EXPECT_THAT(ReportText(figures, {}, {{"size", "scaling/"}}, {}), HasSubstr("linear or less"));
  ASSERT_TRUE(figures
                  .AddGoogleBenchmark(0, R"({"benchmarks": [{"run_type": "iteration",
                      "run_name": "scaling/8", "real_time": 90, "time_unit": "us", "GFLOP/s": 1.6}]})")
                  .ok());
  EXPECT_THAT(ReportText(figures, {}, {{"size", "scaling/"}}, {}),
              HasSubstr("90.00 us (1.25) | **more than linear** |"));
}

TEST(Contests, EveryRoundHasContestants) {
  for (const Round& round : AllRounds()) EXPECT_FALSE(round.contestants.empty()) << round.name;
  for (const Contest& contest : AllContests()) {
    EXPECT_FALSE(contest.ours.empty()) << contest.work;
    EXPECT_EQ(contest.rivals.empty(), contest.measure == Contest::kSeconds) << contest.work;
  }
}

TEST(RunToEnd, ReturnsWhatAProgramWroteOrHowItEnded) {
  EXPECT_EQ(RunToEnd({{"/bin/sh", "-c", "echo $GREETING; pwd"}, "/tmp", {{"GREETING", "hello"}}})
                .value_or(""),
            "hello\n/tmp\n");
  EXPECT_THAT(RunToEnd({{"/bin/sh", "-c", "echo first; echo last >&2; exit 3"}, "", {}})
                  .status()
                  .ToString(),
              HasSubstr("/bin/sh ended with exit code 3: last"));
  EXPECT_THAT(RunToEnd({{"/no/such/program"}, "", {}}).status().ToString(),
              HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace adjoint::benchmarks
