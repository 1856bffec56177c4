#include "apps/mnist/page.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/mnist/augment.h"
#include "apps/mnist/network.h"
#include "apps/report/chart.h"
#include "apps/report/html.h"
#include "apps/report/network_picture.h"
#include "apps/report/page.h"
#include "apps/report/pictures.h"
#include "apps/report/tables.h"

namespace adjoint::apps::mnist {
namespace {

constexpr size_t kMostPictures = 60;

void AddFigures(const RunSummary& run, report::Page& page) {
  const Judgement& judgement = *run.judgement;
  page.Add(report::Figure{
      "Test accuracy", absl::StrFormat("%.2f %%", 100 * judgement.accuracy()),
      absl::StrCat(report::Thousands(static_cast<int64_t>(judgement.mistakes.size())),
                   " mistakes on ", report::Thousands(judgement.images), " images")});
  page.Add(report::Figure{"Test loss", absl::StrFormat("%.4f", run.test_loss)});
  page.Add(report::Figure{"Training took", report::Duration(run.train_seconds),
                          absl::StrCat(run.history->num_epochs(), " epochs")});
}

void AddConfusion(const Judgement& judgement, report::Page& page) {
  report::ConfusionMatrix matrix;
  for (int label = 0; label < kClasses; ++label) {
    matrix.classes.push_back(absl::StrCat(label));
    matrix.counts.emplace_back(judgement.confusion[label].begin(),
                               judgement.confusion[label].end());
  }
  page.Add(report::Card{
      .title = "Confusion matrix", .html = report::ToHtml(matrix), .note = "Of the test images."});
}

void AddMistakes(const RunSummary& run, report::Page& page) {
  std::vector<report::Picture> pictures;
  for (const Mistake& m : run.judgement->mistakes) {
    if (pictures.size() == kMostPictures) break;
    report::Picture picture = PaperPicture(run.data->test.image(m.index));
    picture.caption = absl::StrCat(m.label, ", taken for ", m.prediction);
    picture.note = absl::StrFormat("%.1f %%", 100 * m.probability);
    pictures.push_back(std::move(picture));
  }
  if (pictures.empty()) return;
  page.Add(report::Card{.title = "The surest mistakes",
                        .html = report::PictureGrid(pictures),
                        .note = "Below each: its label, what it was taken for, and how surely."});
}

}  // namespace

Chart ChartOf(const nn::History& history, const std::string& name) {
  Chart chart = {.title = absl::StrCat("Training ", name),
                 .x_label = "Epochs",
                 .y_label = name,
                 .series = {{absl::StrCat("Training ", name), Series::kDots, history[name]}}};
  const std::vector<double>& validation = history[absl::StrCat("val_", name)];
  if (!validation.empty()) {
    chart.title = absl::StrCat("Training and validation ", name);
    chart.series.push_back({absl::StrCat("Validation ", name), Series::kLine, validation});
  }
  return chart;
}

std::string RunPage(const RunSummary& run) {
  const Options& o = *run.options;
  report::Page page("Handwritten digits",
                    absl::StrCat("The ", o.network == "conv" ? "convolutional" : "dense",
                                 " network, trained on ", run.data->source));
  AddFigures(run, page);
  for (const char* name : {"loss", kAccuracy}) {
    const Chart chart = ChartOf(*run.history, name);
    page.Add(report::Card{.title = chart.title, .html = report::ToHtml(chart), .wide = false});
  }
  AddMistakes(run, page);
  AddConfusion(*run.judgement, page);
  page.Add(report::Card{
      .title = "The network", .html = report::NetworkPicture(*run.model), .wide = false});
  page.Add(report::Card{
      .title = "Settings",
      .html = report::ToHtml(std::vector<std::pair<std::string, std::string>>{
          {"Network", o.network},
          {"Epochs", absl::StrCat(o.epochs)},
          {"Batch size", absl::StrCat(o.batch_size)},
          {"Training images", report::Thousands(run.data->train.size() - o.validation)},
          {"Validation images", report::Thousands(o.validation)},
          {"Varied at random", VariesDigits(o) ? VariationText() : "no"},
          {"Seed", absl::StrCat(o.seed)},
          {"Model", o.model}}),
      .wide = false});
  return page.ToHtml();
}

}  // namespace adjoint::apps::mnist
