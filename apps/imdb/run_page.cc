#include "apps/imdb/run_page.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/chart.h"
#include "apps/imdb/explained_text.h"
#include "apps/imdb/network.h"
#include "apps/report/chart.h"
#include "apps/report/html.h"
#include "apps/report/page.h"
#include "apps/report/tables.h"
#include "apps/report/words.h"

namespace adjoint::apps::imdb {
namespace {

// "97.3 %"; so many decimals that it is never wrongly certain.
std::string Sureness(double share) {
  if (share >= 0.999995) return "more than 99.999 %";
  return absl::StrFormat("%.*f %%", share > 0.9995 ? 3 : 1, 100 * share);
}

std::string Percent(double share) { return absl::StrFormat("%.2f %%", 100 * share); }

// The epoch of the least value, from 0. Requires one at least.
size_t Least(const std::vector<double>& values) {
  return static_cast<size_t>(std::min_element(values.begin(), values.end(),
                                              [](double a, double b) {
                                                return a < b || (std::isnan(b) && !std::isnan(a));
                                              }) -
                             values.begin());
}

// The value below which this share of the sorted values lies.
double Quantile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void AddFigures(const RunPage& run, report::Page& page) {
  const Report& report = *run.report;
  if (report.evaluation.has_value()) {
    page.Add(report::Figure{"Test accuracy", Percent((*report.evaluation)[kAccuracy]),
                            absl::StrCat("of ", report::Thousands(report.test_samples), " reviews",
                                         run.tag, run.tested.empty() ? "" : "; ", run.tested)});
    page.Add(report::Figure{"Test loss", absl::StrFormat("%.4f", (*report.evaluation)["loss"])});
  }
  const std::vector<double>& losses = report.history["val_loss"];
  if (!losses.empty()) {
    const size_t best = Least(losses);
    page.Add(report::Figure{
        "Best validation epoch", absl::StrCat(best + 1, " of ", losses.size()),
        absl::StrFormat("loss %.4f, accuracy %s", losses[best],
                        Percent(report.history[absl::StrCat("val_", kAccuracy)][best]))});
  }
  if (report.seconds.train > 0) {
    page.Add(report::Figure{"Training took", report::Duration(report.seconds.train),
                            "validation included"});
  }
  if (run.weights > 0) page.Add(report::Figure{"Weights", report::Thousands(run.weights)});
}

void AddCurves(const RunPage& run, report::Page& page) {
  for (const auto& [name, word] : {std::pair("loss", "loss"), std::pair(kAccuracy, "accuracy")}) {
    const std::vector<double>& training = run.report->history[name];
    const std::vector<double>& validation = run.report->history[absl::StrCat("val_", name)];
    if (training.empty()) continue;
    Chart chart{.title = absl::StrCat("Training and validation ", word),
                .x_label = "Epoch",
                .y_label = word,
                .series = {{absl::StrCat("Training ", word), Series::kDots, training}}};
    if (!validation.empty()) {
      chart.series.push_back({absl::StrCat("Validation ", word), Series::kLine, validation});
    }
    page.Add(report::Card{.title = absl::StrCat(name == kAccuracy ? "Accuracy" : "Loss", run.tag),
                          .html = report::ToHtml(chart),
                          .wide = false});
  }
}

void AddConfusion(const RunPage& run, report::Page& page) {
  if (run.probabilities.empty()) return;
  report::ConfusionMatrix matrix{.classes = {"negative", "positive"}, .counts = {{0, 0}, {0, 0}}};
  for (size_t i = 0; i < run.labels.size(); ++i) {
    ++matrix.counts[run.labels[i] != 0 ? 1 : 0][run.probabilities[i] > 0.5f ? 1 : 0];
  }
  page.Add(report::Card{
      .title = absl::StrCat("Confusion matrix", run.tag),
      .html = report::ToHtml(matrix),
      .note = absl::StrCat("Of the ", report::Thousands(matrix.Total()), " test reviews."),
      .wide = false});
}

// How sure the network was, and how often it was right then.
void AddSureness(const RunPage& run, report::Page& page) {
  constexpr double kBounds[] = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0};
  if (run.probabilities.empty()) return;
  report::Table table{.header = {"Sure to", "Reviews", "Share", "Right"}};
  for (size_t b = 0; b + 1 < std::size(kBounds); ++b) {
    int64_t n = 0, right = 0;
    for (size_t i = 0; i < run.labels.size(); ++i) {
      const double p = run.probabilities[i];
      const double sure = std::max(p, 1 - p);
      const bool last = b + 2 == std::size(kBounds);
      if (sure < kBounds[b] || (sure >= kBounds[b + 1] && !last)) continue;
      ++n;
      right += (p > 0.5) == (run.labels[i] != 0) ? 1 : 0;
    }
    const double all = static_cast<double>(run.labels.size());
    table.rows.push_back({absl::StrFormat("%g–%g %%", 100 * kBounds[b], 100 * kBounds[b + 1]),
                          report::Thousands(n),
                          absl::StrFormat("%.1f %%", 100 * static_cast<double>(n) / all),
                          n == 0 ? "–"
                                 : absl::StrFormat("%.1f %%", 100 * static_cast<double>(right) /
                                                                  static_cast<double>(n))});
  }
  page.Add(report::Card{.title = absl::StrCat("How sure, and how often right", run.tag),
                        .html = report::ToHtml(table),
                        .note = "Of a network that knows what it does not know, 70 to 80 % sure "
                                "is right about three times in four.",
                        .wide = false});
}

void AddMistakes(const RunPage& run, report::Page& page) {
  if (run.mistakes.empty()) return;
  std::string html = report::ColourKey("speaks for negative", "speaks for positive");
  for (const Mistake& mistake : run.mistakes) {
    const double p = mistake.explanation.probability;
    absl::StrAppend(&html, "<article class=\"mistake\"><h3>Truly ", LabelOf(mistake.label),
                    ", called ", LabelOf(p), " with ", Sureness(std::max(p, 1 - p)),
                    "<small>test review ", mistake.index, "</small></h3>",
                    ColouredHtml(mistake.text, mistake.explanation), "</article>\n");
  }
  page.Add(report::Card{.title = "The surest mistakes",
                        .html = html,
                        .note = "Words are coloured by what they add to the logit (gradient × "
                                "input); ? is a word outside the vocabulary."});
}

void AddTimes(const RunPage& run, report::Page& page) {
  const Report& report = *run.report;
  std::string html;
  std::string note;
  if (!run.step_seconds.empty()) {
    std::vector<double> micros, sorted = run.step_seconds;
    for (const double seconds : run.step_seconds) micros.push_back(seconds * 1e6);
    std::sort(sorted.begin(), sorted.end());
    note = absl::StrCat(report::Thousands(static_cast<int64_t>(sorted.size())), " steps of ",
                        run.batch_size, " reviews: half of them took up to ",
                        report::Duration(Quantile(sorted, 0.5)), ", 95 of 100 up to ",
                        report::Duration(Quantile(sorted, 0.95)), ", the slowest ",
                        report::Duration(sorted.back()), ".");
    html = report::ToHtml(Chart{.title = "Time per step",
                                .x_label = "Step",
                                .y_label = "microseconds",
                                .series = {{"Time", Series::kLine, micros}}},
                          {.point = "Step", .decimals = 0, .unit = " µs"});
  }
  report::Table table{.header = {"Part", "Time"}};
  for (const auto& [name, seconds] : {std::pair("Reading the reviews", report.seconds.load),
                                      std::pair("Making vectors of them", report.seconds.vectorize),
                                      std::pair("Training, with validation", report.seconds.train),
                                      std::pair("Training on all reviews", report.seconds.retrain),
                                      std::pair("Evaluation", report.seconds.evaluate)}) {
    if (seconds > 0) table.rows.push_back({name, report::Duration(seconds)});
  }
  page.Add(report::Card{.title = "Time per step",
                        .html = absl::StrCat(html, "<h3>By part</h3>", report::ToHtml(table)),
                        .note = note,
                        .wide = false});
}

}  // namespace

std::vector<int64_t> SurestMistakes(absl::Span<const uint8_t> labels,
                                    absl::Span<const float> probabilities, int label, size_t most) {
  std::vector<int64_t> places;
  for (size_t i = 0; i < labels.size(); ++i) {
    const bool positive = probabilities[i] > 0.5f;
    if (labels[i] == label && positive != (label == 1)) places.push_back(static_cast<int64_t>(i));
  }
  const auto sure = [&](int64_t i) {
    return label == 1 ? -probabilities[static_cast<size_t>(i)]
                      : probabilities[static_cast<size_t>(i)];
  };
  std::stable_sort(places.begin(), places.end(),
                   [&](int64_t a, int64_t b) { return sure(a) > sure(b); });
  places.resize(std::min(places.size(), most));
  return places;
}

std::string ToHtml(const RunPage& run) {
  report::Page page(run.title, run.subtitle);
  AddFigures(run, page);
  AddCurves(run, page);
  AddConfusion(run, page);
  AddSureness(run, page);
  AddMistakes(run, page);
  AddTimes(run, page);
  if (!run.network_svg.empty()) {
    page.Add(report::Card{.title = "The network", .html = run.network_svg, .wide = false});
  }
  page.Add(report::Card{.title = "Settings", .html = report::ToHtml(run.settings)});
  return page.ToHtml();
}

}  // namespace adjoint::apps::imdb
