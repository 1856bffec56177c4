#ifndef ADJOINT_APPS_IMDB_CORPUS_H_
#define ADJOINT_APPS_IMDB_CORPUS_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "apps/imdb/options.h"
#include "datasets/imdb.h"
#include "nn/data.h"

namespace adjoint::apps::imdb {

inline constexpr char kSyntheticSource[] = "built-in synthetic reviews";

// The reviews that the app works on, and how they were encoded.
struct Corpus {
  datasets::imdb::ImdbData data;
  datasets::imdb::LoadOptions encoding;
  bool synthetic = false;

  // The first reviews of the training set, which are kept for validation: two in five, the
  // notebook's 10,000 of 25,000.
  int64_t validation_size() const { return data.train.size() * 2 / 5; }
  // To stand beside an accuracy: empty for real reviews.
  std::string Tag() const;
};

// Loads what options.data names, with ids below num_words. Where it names nothing, nothing is found
// and nothing can be downloaded, the result is the synthetic corpus. Tells `out` what it does, in
// a line each.
absl::StatusOr<Corpus> LoadCorpus(const Options& options, int64_t num_words, std::ostream& out);

// Reviews as the network is fed with them: f32[n, num_words] of zeros and ones, or where `length`
// is not 0 the last ids of each as i32[n, length] (datasets::PadSequences). Errors: not enough
// memory, among others.
absl::StatusOr<nn::DataList> VectorizeFor(const datasets::Reviews& reviews, int64_t num_words,
                                          bool sparse, int64_t length = 0);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_CORPUS_H_
