#ifndef ADJOINT_APPS_IMDB_TRAIN_PAGE_H_
#define ADJOINT_APPS_IMDB_TRAIN_PAGE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/networks/texts.h"
#include "apps/imdb/options.h"
#include "apps/imdb/report.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// The name of the page in options.out.
std::string ReportPath(const Options& options);

// What the page tells beside the report.
struct TrainedModel {
  nn::Model* model = nullptr;                // that was evaluated
  absl::Span<const float> predictions = {};  // of it, for the test reviews
  int64_t validated = 0;                     // training reviews kept for validation
  std::vector<double> step_seconds = {};
  int64_t batch_size = 0;
  std::string tested = {};  // RunPage::tested
};

// Writes report.html into options.out and says so.
absl::Status WriteTrainPage(const Options& options, const Corpus& corpus, const Report& report,
                            const TrainedModel& trained);

// The same of a classifier that reads texts.
struct TrainedOnTexts {
  Classifier* classifier = nullptr;
  absl::Span<const float> predictions = {};
  // Flags and values, and others that have no flag.
  std::vector<std::pair<std::string, std::string>> settings = {};
  std::vector<double> step_seconds = {};
  int64_t batch_size = 0;
  std::string tested = {};
};

absl::Status WriteTrainPage(const Options& options, const TextCorpus& corpus, const Report& report,
                            const TrainedOnTexts& trained);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_TRAIN_PAGE_H_
