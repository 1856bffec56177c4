#ifndef ADJOINT_APPS_IMDB_NETWORKS_ENSEMBLE_H_
#define ADJOINT_APPS_IMDB_NETWORKS_ENSEMBLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "apps/imdb/networks/document_vectors.h"
#include "apps/imdb/networks/nbsvm.h"
#include "datasets/imdb.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// A logistic regression on documents' vectors, without a bias: a text of which nothing is known is
// neither positive nor negative.
struct DocumentClassifierSettings {
  DocumentVectorSettings vectors = {};
  double l2 = 7.5e-6;  // times the squares of its weights, beside the mean cross-entropy
  int epochs = 20;
  int64_t batch_size = 256;
  double learning_rate = 0.1;  // of Adam, falling to 0 as a cosine
};

struct DocumentClassifier {
  DocumentVectors vectors;
  std::vector<float> kernel;  // a weight a unit

  // Of each text, log(p / (1 - p)) for the probability p that it is positive.
  absl::StatusOr<std::vector<float>> Logits(absl::Span<const std::string> texts) const;
};

// Learns vectors of n-grams from `unlabeled` alone, so that those of labeled and of any other texts
// come about in one way, and then the classifier from the vectors of `labeled`. The result does not
// depend on the number of threads.
absl::StatusOr<DocumentClassifier> TrainDocumentClassifier(
    absl::Span<const std::string> unlabeled, const datasets::imdb::LabeledTexts& labeled,
    const DocumentClassifierSettings& settings, const DocumentVectorTraining& training = {});

// How much the logit of the documents' vectors counts beside the NB-SVM's. Chosen by
// cross-validation: ensemble_folds.txt.
inline constexpr double kDocumentWeight = 0.5;

// An NB-SVM and a classifier of documents' vectors in one network of two inputs: the logit is the
// NB-SVM's and `weight` times the other's.
struct Ensemble {
  nn::Model model;
  NgramVocabulary ngrams;   // columns of the first input, as the NB-SVM reads it
  NgramVocabulary telling;  // columns of the second: 1 where a text has one

  // The two inputs. Errors: the model is none of this kind or does not fit the vocabularies.
  absl::StatusOr<nn::DataList> Rows(absl::Span<const std::string> texts) const;

  // Of each text the probability that it is positive.
  absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts);
};

absl::StatusOr<Ensemble> Join(const Nbsvm& nbsvm, const DocumentClassifier& documents,
                              double weight = kDocumentWeight);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_ENSEMBLE_H_
