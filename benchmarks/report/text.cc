#include "benchmarks/report/text.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace adjoint::benchmarks {
namespace {

constexpr double kBinaryGoal = 6e6;
// Cost an operation that grows by more than this with size is called not linear.
constexpr double kLinear = 1.15;

std::string Duration(double seconds) {
  if (seconds >= 1) return absl::StrFormat("%.2f s", seconds);
  if (seconds >= 1e-3) return absl::StrFormat("%.2f ms", seconds * 1e3);
  if (seconds >= 1e-6) return absl::StrFormat("%.2f us", seconds * 1e6);
  return absl::StrFormat("%.1f ns", seconds * 1e9);
}

// A contest's row and whether its goal is met; no verdict where it was not measured.
struct Row {
  std::string text;
  std::optional<bool> met;
};

Row RowOf(const Figures& figures, const Contest& contest) {
  double ours = 0;
  for (const std::string& name : contest.ours) {
    const std::optional<double> seconds = figures.MedianSeconds(name);
    if (!seconds) {
      return {absl::StrFormat("| %s | not measured | | | | |\n", contest.work), std::nullopt};
    }
    ours += *seconds;
  }
  std::string rival, measured, goal;
  bool met = false;
  if (contest.measure == Contest::kSeconds) {
    measured = Duration(ours);
    goal = absl::StrCat("at most ", Duration(contest.goal));
    met = ours <= contest.goal;
  } else {
    const auto ratio = figures.TimesFastest(contest.ours[0], contest.rivals);
    goal = contest.measure == Contest::kRatio
               ? absl::StrFormat("at most %.2f x its time", contest.goal)
               : absl::StrFormat("%.1f x as fast", contest.goal);
    if (!ratio) {
      return {absl::StrFormat("| %s | %s | not measured: %s | | %s | |\n", contest.work,
                              Duration(ours), absl::StrJoin(contest.rivals, ", "), goal),
              std::nullopt};
    }
    rival = absl::StrCat(ratio->rival.substr(ratio->rival.rfind('/') + 1), " ",
                         Duration(*figures.MedianSeconds(ratio->rival)));
    const bool faster = contest.measure == Contest::kFaster;
    measured = absl::StrFormat("%.2f x", faster ? 1 / ratio->value : ratio->value);
    met = faster ? 1 / ratio->value >= contest.goal : ratio->value <= contest.goal;
  }
  return {absl::StrFormat("| %s | %s | %s | %s | %s | %s |\n", contest.work, Duration(ours), rival,
                          measured, goal, met ? "met" : "**missed**"),
          met};
}

void AppendGrowths(const Figures& figures, const std::vector<Growth>& growths, std::string* out) {
  absl::StrAppend(
      out,
      "\n## Cost against size\n\n"
      "A training step of a perceptron with two hidden layers of 256 units on batches of 64, "
      "as one size grows. In brackets the time an operation, as a multiple of the first "
      "column's: 1.00 is linear.\n\n| what grows | x 1 | x 2 | x 4 | x 8 | |\n"
      "|---|---|---|---|---|---|\n");
  for (const Growth& growth : growths) {
    std::string cells;
    double first = 0, worst = 0;
    for (int times : {1, 2, 4, 8}) {
      const std::string name = absl::StrCat(growth.prefix, times);
      const std::optional<double> seconds = figures.MedianSeconds(name);
      const std::optional<double> flops = figures.MedianFlops(name);
      if (!seconds || !flops || *flops <= 0) {
        absl::StrAppend(&cells, " not measured |");
        continue;
      }
      if (first == 0) first = *flops;
      worst = std::max(worst, first / *flops);
      absl::StrAppend(&cells, absl::StrFormat(" %s (%.2f) |", Duration(*seconds), first / *flops));
    }
    absl::StrAppend(out, "| ", growth.what, " |", cells,
                    worst > kLinear ? " **more than linear** |\n" : " linear or less |\n");
  }
}

void AppendFigures(const Figures& figures, std::string* out) {
  absl::StrAppend(out, "\n## Every figure\n\n| benchmark | median | GFLOP/s |\n|---|---|---|\n");
  for (const std::string& name : figures.Names()) {
    const std::optional<double> flops = figures.MedianFlops(name);
    absl::StrAppend(out, "| ", name, " | ", Duration(*figures.MedianSeconds(name)), " | ",
                    flops ? absl::StrFormat("%.1f", *flops * 1e-9) : "", " |\n");
  }
}

}  // namespace

std::string ReportText(const Figures& figures, const std::vector<Contest>& contests,
                       const std::vector<Growth>& growths, const ReportContext& context) {
  std::string rows;
  int met = 0, missed = 0, unknown = 0;
  const auto count = [&](std::optional<bool> verdict) {
    ++(!verdict ? unknown : *verdict ? met : missed);
  };
  for (const Contest& contest : contests) {
    const Row row = RowOf(figures, contest);
    rows += row.text;
    count(row.met);
  }
  if (context.binary_bytes >= 0) {
    const bool small = context.binary_bytes <= kBinaryGoal;
    absl::StrAppend(
        &rows, absl::StrFormat(
                   "| stripped imdb, linked to shared system libraries | %.1f MB | | | at most "
                   "%.0f MB | %s |\n",
                   context.binary_bytes * 1e-6, kBinaryGoal * 1e-6, small ? "met" : "**missed**"));
    count(small);
  }
  std::string out = absl::StrFormat(
      "# Results\n\nWritten by `bazel run //benchmarks:report`; not edited by hand. Up to %d "
      "turns, "
      "%d threads. "
      "Contestants are processes of their own that took turns; a ratio is the median of the turns' "
      "ratios, times are medians. Absolute times move with the machine, ratios hold better.\n\n",
      context.turns, context.threads);
  for (const auto& [what, value] : context.machine) {
    absl::StrAppend(&out, "- ", what, ": ", value, "\n");
  }
  absl::StrAppend(&out, "\n## Goals\n\n", met, " met, ", missed, " missed, ", unknown,
                  " not measured.\n\n| work | ours | fastest rival | measured | goal | |\n"
                  "|---|---|---|---|---|---|\n",
                  rows);
  if (!context.misses.empty()) {
    absl::StrAppend(&out, "\nNot measured:\n\n");
    for (const std::string& miss : context.misses) absl::StrAppend(&out, "- ", miss, "\n");
  }
  AppendGrowths(figures, growths, &out);
  AppendFigures(figures, &out);
  return out;
}

}  // namespace adjoint::benchmarks
