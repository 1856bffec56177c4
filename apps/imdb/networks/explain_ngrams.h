#ifndef ADJOINT_APPS_IMDB_NETWORKS_EXPLAIN_NGRAMS_H_
#define ADJOINT_APPS_IMDB_NETWORKS_EXPLAIN_NGRAMS_H_

#include <cstdint>
#include <functional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/networks/ngrams.h"

namespace adjoint::apps::imdb {

// What each n-gram that a model knows adds to the logit of a text, by fingerprint.
using NgramShares = absl::flat_hash_map<uint64_t, double>;

// The explanation of a logit that is `base` and a sum over n-grams: an n-gram is a term, and its
// share is the same for each of its places and for each of their tokens.
Explanation ExplainByNgrams(absl::string_view text, const NgramRule& rule,
                            const NgramShares& shares, double base, double logit);

// Whether the vocabulary has a word of the text.
bool KnowsAToken(absl::string_view text, const NgramVocabulary& vocabulary);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_EXPLAIN_NGRAMS_H_
