#ifndef ADJOINT_APPS_IMDB_NETWORKS_NGRAM_SECTION_H_
#define ADJOINT_APPS_IMDB_NETWORKS_NGRAM_SECTION_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "apps/imdb/networks/ngrams.h"
#include "apps/imdb/options.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// What a model file says of the n-grams that its network reads (apps/imdb_ngrams.proto): one
// vocabulary, or two of the same rule.
struct NgramSection {
  std::string source;  // of the reviews that it was trained on
  bool synthetic = false;
  std::vector<const NgramVocabulary*> vocabularies;

  std::string Serialized() const;
};

struct LoadedNgrams {
  std::string source;
  bool synthetic = false;
  std::vector<NgramVocabulary> vocabularies;
};

// Reads the model's section `name`, which has so many vocabularies. Errors: it is missing or
// damaged.
absl::StatusOr<LoadedNgrams> LoadNgrams(const nn::Model& model, absl::string_view name,
                                        size_t vocabularies);

// "1,108,243 n-grams of up to 3 words and marks".
std::string SummaryOf(const NgramVocabulary& vocabulary);

// Classifier::Accept of networks that read n-grams. what: "an NB-SVM".
absl::Status AcceptNgramModel(const Options& options, absl::string_view network,
                              absl::string_view what);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_NGRAM_SECTION_H_
