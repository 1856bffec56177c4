#ifndef ADJOINT_APPS_IMDB_TRAIN_PAGE_H_
#define ADJOINT_APPS_IMDB_TRAIN_PAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "apps/imdb/corpus.h"
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
  std::vector<double> step_seconds = {};
  int64_t batch_size = 0;
  std::string tested = {};  // RunPage::tested
};

// Writes report.html into options.out and says so.
absl::Status WriteTrainPage(const Options& options, const Corpus& corpus, const Report& report,
                            const TrainedModel& trained);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_TRAIN_PAGE_H_
