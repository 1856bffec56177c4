#ifndef ADJOINT_DATASETS_RANKED_TEXTS_H_
#define ADJOINT_DATASETS_RANKED_TEXTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/io/int_lists.h"
#include "datasets/numpy_random.h"
#include "datasets/reviews.h"

// What Keras' data sets of texts have in common: how ranks of words become ids. For the data sets'
// own files.

namespace adjoint::datasets {

// Texts before shuffle and options: ranks, not ids.
struct RankedTexts {
  io::IntLists ranks;
  std::vector<uint8_t> labels;
};

// The arguments of Keras' load_data for texts; see imdb.h.
struct IdOptions {
  int64_t num_words = 0;
  int64_t skip_top = 0;
  int64_t maxlen = 0;
  int64_t seed = 113;
  std::optional<int32_t> start_char = 1;
  std::optional<int32_t> oov_char = 2;
  int32_t index_from = 3;
};

// Whether each is in its range. `what` begins the message: "cannot load IMDB reviews".
absl::Status CheckIdOptions(absl::string_view what, const IdOptions& options);

// Whether every rank can become an id. `part` is in the message: "training reviews".
absl::Status CheckRanks(const RankedTexts& from, const IdOptions& options, absl::string_view part);

// What becomes of ids: Keras' rule on num_words, skip_top and oov_char.
struct IdRule {
  int64_t low, high;  // ids low .. high-1 stay; high <= 2^31
  std::optional<int32_t> oov;

  // Writes what becomes of `id` at `to` and returns where the next goes.
  int32_t* Place(int64_t id, int32_t* to) const {
    if (id >= low && id < high) {
      *to = static_cast<int32_t>(id);
      return to + 1;
    }
    *to = oov.value_or(0);
    return oov.has_value() ? to + 1 : to;
  }
};

// The largest id of the given rows, -1 when there is none.
int64_t LargestId(const RankedTexts& from, absl::Span<const int64_t> rows,
                  const IdOptions& options);

// Rows in their new order, without those that maxlen leaves out.
std::vector<int64_t> OrderedRows(const RankedTexts& from, const IdOptions& options,
                                 NumpyRandomState& random);

// The given rows as ids.
Reviews MakeReviews(const RankedTexts& from, absl::Span<const int64_t> rows,
                    const IdOptions& options, const IdRule& rule);

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_RANKED_TEXTS_H_
