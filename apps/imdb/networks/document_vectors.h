#ifndef ADJOINT_APPS_IMDB_NETWORKS_DOCUMENT_VECTORS_H_
#define ADJOINT_APPS_IMDB_NETWORKS_DOCUMENT_VECTORS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "apps/imdb/networks/document_vector_layer.h"
#include "apps/imdb/networks/ngrams.h"
#include "apps/imdb/progress.h"
#include "core/csr_matrix.h"
#include "core/tensor.h"
#include "datasets/imdb.h"

namespace adjoint::apps::imdb {

// How vectors of n-grams are learnt from texts without labels (document_vector_layer.h has the
// objective). The defaults were chosen by cross-validation on the training reviews;
// ensemble_folds.txt beside this file is its log.
struct DocumentVectorSettings {
  NgramRule ngrams = {};
  // Only n-grams that tell labels apart have vectors: those whose log-count ratio of naive Bayes is
  // at least this far from 0 among the texts with labels. Few are as good as all and faster.
  double least_ratio = 0.8;
  int min_texts = 10;   // of the texts to learn from, and
  int min_labeled = 3;  // of those with labels, in which an n-gram stands
  DocumentVectorRule rule = {};
  int steps = 2;        // of a text's vector while n-grams are learnt
  int64_t drawn = 256;  // n-grams a batch, by frequency, that stand for all others
  int epochs = 4;
  int64_t batch_size = 128;
  double learning_rate = 0.3;  // of Adagrad with a rate a row; it falls to 0 along a line
  uint64_t seed = 1;
};

// Makes batches, and the numbers of texts that an n-gram must stand in, so small for so few texts
// that an epoch has as many steps as one of the real data has.
void ScaleTo(int64_t num_texts, DocumentVectorSettings& settings);

// Vectors of n-grams, by which any text has one.
struct DocumentVectors {
  NgramVocabulary vocabulary;
  DocumentVectorRule rule;
  Tensor ngrams;  // f32[vocabulary.size(), units], rows of length 1
  Tensor drawn;   // f32[drawn, units], rows of it drawn by frequency
};

struct DocumentVectorTraining {
  // Called with what to tell the user: a line of what was counted, and one an epoch.
  std::function<void(const std::string& line)> tell = {};
  // Of each step of it.
  StepProgress progress = {};
};

// Learns them from `texts`. Labels have a part in the choice of n-grams alone. The result does not
// depend on the number of threads. Errors: no n-gram is left.
absl::StatusOr<DocumentVectors> TrainDocumentVectors(absl::Span<const std::string> texts,
                                                     const datasets::imdb::LabeledTexts& labeled,
                                                     const DocumentVectorSettings& settings,
                                                     const DocumentVectorTraining& training = {});

// One step of it, for tests: the vectors after the texts of a batch, x [batch, n], were learnt from
// at this rate. squares: Adagrad's sums, [n, 1]; `drawn` are numbers of n-grams.
absl::Status LearnNgrams(const CsrMatrix& x, absl::Span<const int64_t> drawn, double rate,
                         const DocumentVectorSettings& settings, Tensor* ngrams, Tensor* squares);

// The vector of each text, f32[texts, units].
absl::StatusOr<Tensor> VectorsOf(absl::Span<const std::string> texts,
                                 const DocumentVectors& vectors,
                                 const ShareProgress& progress = {});

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_DOCUMENT_VECTORS_H_
