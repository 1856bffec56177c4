#ifndef ADJOINT_APPS_IMDB_REVIEW_INPUT_H_
#define ADJOINT_APPS_IMDB_REVIEW_INPUT_H_

#include <cstddef>
#include <istream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// Bytes of the longest review that is read from a file.
inline constexpr size_t kLongestReview = 64 << 20;

// The one review that options name: --text, the whole of --file, or the whole of standard input.
absl::StatusOr<std::string> ReadReview(const Options& options);

// Says on standard error that the model has seen no real reviews.
void NoteSyntheticModel();

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_REVIEW_INPUT_H_
