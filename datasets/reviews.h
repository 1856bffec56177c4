#ifndef ADJOINT_DATASETS_REVIEWS_H_
#define ADJOINT_DATASETS_REVIEWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/csr_matrix.h"
#include "core/tensor.h"

namespace adjoint::datasets {

// Texts as sequences of word ids, one behind the other in one block, with their labels.
struct Reviews {
  std::vector<int64_t> offsets = {0};  // review i is ids[offsets[i]] .. ids[offsets[i + 1] - 1]
  std::vector<int32_t> ids;
  std::vector<uint8_t> labels;  // 1 or 0 a review; or none at all, where labels are unknown

  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
  absl::Span<const int32_t> operator[](int64_t i) const {
    return {ids.data() + offsets[i], static_cast<size_t>(offsets[i + 1] - offsets[i])};
  }
  // Adds one at the end.
  void Append(absl::Span<const int32_t> review);
  // A copy of reviews begin .. end-1. Requires 0 <= begin <= end <= size().
  Reviews Slice(int64_t begin, int64_t end) const;
};

// The book's vectorize_sequences: f32[n, num_words] with 1 at [i, id] for each id of review i, else
// 0. Errors: an id outside 0 .. num_words-1, no memory.
absl::StatusOr<Tensor> Vectorize(const Reviews& reviews, int64_t num_words);

// The same matrix in compressed rows.
absl::StatusOr<CsrMatrix> VectorizeCsr(const Reviews& reviews, int64_t num_words);

// f32[n, 1]. Errors: the reviews have no labels.
absl::StatusOr<Tensor> Labels(const Reviews& reviews);

enum class PadSide { kPre, kPost };

struct PadOptions {
  int64_t maxlen = 0;  // 0: as long as the longest
  PadSide padding = PadSide::kPre;
  PadSide truncating = PadSide::kPre;
  int32_t value = 0;
};

// Keras' pad_sequences: i32[n, maxlen]; shorter reviews are filled with `value` at their beginning
// (pre) or end (post), longer ones lose their beginning (pre) or end (post).
absl::StatusOr<Tensor> PadSequences(const Reviews& reviews, const PadOptions& options = {});

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_REVIEWS_H_
