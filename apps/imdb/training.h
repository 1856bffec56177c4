#ifndef ADJOINT_APPS_IMDB_TRAINING_H_
#define ADJOINT_APPS_IMDB_TRAINING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/options.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// What is done with networks by the notebook and the command train alike. All write to standard
// output; a standard output that is gone ends them with an error.

// Whether charts, model and report can come to be where `options` wants them (CheckWritable). To be
// called once the data are there, so that wrong data leave no empty folder.
absl::Status CheckResultsWritable(const Options& options);

// Adds what each step of a Fit took to `seconds`, which outlives it.
std::shared_ptr<nn::Callback> StepTimer(std::vector<double>* seconds);

// options.batch_size; for a corpus smaller than the real one, and when the user named none, so much
// smaller that an epoch has as many steps. Says so in a line.
int64_t ChooseBatchSize(const Options& options, const Corpus& corpus);

// Trains for `epochs`. `validation` may be empty, as may the folder of checkpoints. What each step
// took is added to `step_seconds`, unless that is null. With `stop_early` training ends after an
// epoch whose validation loss is above the least so far, and the weights are those of that epoch.
absl::StatusOr<nn::History> Train(nn::Model& model, const nn::DataList& x, const nn::DataList& y,
                                  const nn::ValidationData& validation, int epochs,
                                  int64_t batch_size, const nn::CheckpointOptions& checkpoint = {},
                                  std::vector<double>* step_seconds = nullptr,
                                  bool stop_early = false);

// Keys and values, the plots as text, and as loss.svg and accuracy.svg in options.out.
absl::Status ShowHistory(const nn::History& history, const Options& options, const Corpus& corpus);

// Loss and accuracy on the reviews, in batches of 32 as Keras takes them.
absl::StatusOr<nn::Logs> EvaluateOn(nn::Model& model, const nn::DataList& x, const nn::DataList& y);

// The probabilities, f32[n, 1]; `verbose` as in nn::PredictOptions.
absl::StatusOr<Tensor> PredictFor(nn::Model& model, const nn::DataList& x, int verbose = 0);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_TRAINING_H_
