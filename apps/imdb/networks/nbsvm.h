#ifndef ADJOINT_APPS_IMDB_NETWORKS_NBSVM_H_
#define ADJOINT_APPS_IMDB_NETWORKS_NBSVM_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "apps/imdb/networks/ngrams.h"
#include "apps/imdb/progress.h"
#include "datasets/imdb.h"
#include "nn/history.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// A linear classifier on n-grams weighted by naive Bayes (Wang and Manning 2012): a text is the set
// of its n-grams, each weighs as much as its log-count ratio, rows have length 1, and what is
// trained multiplies these weights. Logistic loss rather than the SVM's, so that outputs are
// probabilities. The defaults were chosen by cross-validation on the training reviews;
// nbsvm_folds.txt beside this file is its log.
struct NbsvmSettings {
  NgramRule rule = {};
  int min_texts = 2;     // n-grams of fewer reviews are left out
  double smoothing = 1;  // of the log-count ratio
  // Nesterov's momentum; the rate falls to zero as a cosine. Few epochs take the place of a
  // penalty.
  int epochs = 3;
  int64_t batch_size = 256;
  double learning_rate = 100;  // of batches of 256: it is scaled by their size
  double momentum = 0.9;
  double l2 = 0;
  uint64_t seed = 1;
};

// Numbers a column, and what is added to all. Valid as long as the model.
struct NbsvmWeights {
  absl::Span<const float> ratio, kernel;
  double prior = 0;
};

struct Nbsvm {
  nn::Model model;
  NgramVocabulary vocabulary;
  nn::History history;

  // Errors: the model is of another kind or has another number of columns than the vocabulary.
  absl::StatusOr<NbsvmWeights> Weights() const;

  // Of each text the probability that it is positive.
  absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts);
};

struct NbsvmTrainingOptions {
  const datasets::imdb::LabeledTexts* validation = nullptr;  // evaluated after every epoch
  std::ostream* out = nullptr;                               // of the progress
  std::vector<double>* step_seconds = nullptr;               // what each step took is added to it
  StepProgress progress = {};                                // of what comes before the training
};

// Trains one on texts with their labels, both of which must be there. The result does not depend on
// the number of threads.
absl::StatusOr<Nbsvm> TrainNbsvm(const datasets::imdb::LabeledTexts& reviews,
                                 const NbsvmSettings& settings,
                                 const NbsvmTrainingOptions& options = {});

// So small that an epoch has as many steps as one of the real data has with batches of 256.
int64_t NbsvmBatchSize(int64_t num_texts);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_NBSVM_H_
