#include "datasets/reviews.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::datasets {
namespace {

constexpr int64_t kGrain = 512;  // reviews a part

// Requires that some id is outside 0 .. num_words-1.
absl::Status IdError(const Reviews& reviews, int64_t num_words) {
  for (int64_t i = 0; i < reviews.size(); ++i) {
    for (const int32_t id : reviews[i]) {
      if (id < 0 || id >= num_words) {
        return absl::InvalidArgumentError(absl::StrCat(
            "cannot vectorize: review ", i, " has the id ", id, " and num_words ", num_words,
            " allows 0 to ", num_words - 1, "; load the reviews with this num_words"));
      }
    }
  }
  return absl::InternalError("cannot vectorize: an id changed meanwhile");
}

// The largest id, once all are known to be in 0 .. num_words-1; 0 when there is none.
absl::StatusOr<int32_t> CheckIds(const Reviews& reviews, int64_t num_words) {
  if (num_words < 1 || num_words > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot vectorize: num_words is ", num_words, ", not 1 to 2147483647"));
  }
  // A negative id is a huge one without its sign.
  uint32_t largest = 0;
  for (const int32_t id : reviews.ids) largest = std::max(largest, static_cast<uint32_t>(id));
  if (largest < static_cast<uint32_t>(num_words)) return static_cast<int32_t>(largest);
  return IdError(reviews, num_words);
}

}  // namespace

void Reviews::Append(absl::Span<const int32_t> review) {
  ids.insert(ids.end(), review.begin(), review.end());
  offsets.push_back(static_cast<int64_t>(ids.size()));
}

Reviews Reviews::Slice(int64_t begin, int64_t end) const {
  Reviews slice;
  slice.offsets.assign(offsets.begin() + begin, offsets.begin() + end + 1);
  slice.ids.assign(ids.begin() + offsets[begin], ids.begin() + offsets[end]);
  for (int64_t& offset : slice.offsets) offset -= offsets[begin];
  if (!labels.empty()) slice.labels.assign(labels.begin() + begin, labels.begin() + end);
  return slice;
}

absl::StatusOr<Tensor> Vectorize(const Reviews& reviews, int64_t num_words) {
  ADJOINT_RETURN_IF_ERROR(CheckIds(reviews, num_words).status());
  ADJOINT_ASSIGN_OR_RETURN(Tensor dense,
                           Tensor::Allocate({DType::kF32, Shape{reviews.size(), num_words}}));
  float* const rows = dense.mutable_data<float>().data();
  ParallelForRange(reviews.size(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* const row = rows + i * num_words;
      std::memset(row, 0, static_cast<size_t>(num_words) * sizeof(float));
      for (const int32_t id : reviews[i]) row[id] = 1.0f;
    }
  });
  return dense;
}

absl::StatusOr<CsrMatrix> VectorizeCsr(const Reviews& reviews, int64_t num_words) {
  ADJOINT_ASSIGN_OR_RETURN(const int32_t largest, CheckIds(reviews, num_words));
  const int64_t parts = (reviews.size() + kGrain - 1) / kGrain;
  std::vector<std::vector<int32_t>> columns(static_cast<size_t>(parts));
  std::vector<int64_t> offsets(static_cast<size_t>(reviews.size()) + 1, 0);
  ParallelFor(parts, [&](int64_t part) {
    const int64_t begin = part * kGrain, end = std::min(begin + kGrain, reviews.size());
    std::vector<int32_t>& to = columns[part];
    to.reserve(static_cast<size_t>(reviews.offsets[end] - reviews.offsets[begin]));
    // A bit a word, cleared again as it is read: ids come out sorted and once.
    std::vector<uint64_t> bits(static_cast<size_t>(largest) / 64 + 1, 0);
    for (int64_t i = begin; i < end; ++i) {
      const size_t before = to.size();
      size_t low = bits.size(), high = 0;
      for (const int32_t id : reviews[i]) {
        const size_t word = static_cast<size_t>(id) / 64;
        bits[word] |= uint64_t{1} << (id % 64);
        low = std::min(low, word);
        high = std::max(high, word + 1);
      }
      for (size_t word = low; word < high; ++word) {
        for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
          to.push_back(static_cast<int32_t>(word * 64) + __builtin_ctzll(left));
        }
        bits[word] = 0;
      }
      offsets[i + 1] = static_cast<int64_t>(to.size() - before);
    }
  });
  std::vector<int32_t> all;
  size_t total = 0;
  for (const std::vector<int32_t>& part : columns) total += part.size();
  all.reserve(total);
  for (std::vector<int32_t>& part : columns) {
    all.insert(all.end(), part.begin(), part.end());
    part = {};
  }
  for (int64_t i = 0; i < reviews.size(); ++i) offsets[i + 1] += offsets[i];
  return CsrMatrix::Create(num_words, offsets, all);
}

absl::StatusOr<Tensor> Labels(const Reviews& reviews) {
  if (static_cast<int64_t>(reviews.labels.size()) != reviews.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(reviews.size(), " reviews have ", reviews.labels.size(), " labels"));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor labels,
                           Tensor::Allocate({DType::kF32, Shape{reviews.size(), 1}}));
  std::copy(reviews.labels.begin(), reviews.labels.end(), labels.mutable_data<float>().begin());
  return labels;
}

absl::StatusOr<Tensor> PadSequences(const Reviews& reviews, const PadOptions& options) {
  if (options.maxlen < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot pad: maxlen is ", options.maxlen, ", not 0 (the longest) or more"));
  }
  int64_t width = options.maxlen;
  for (int64_t i = 0; options.maxlen == 0 && i < reviews.size(); ++i) {
    width = std::max(width, static_cast<int64_t>(reviews[i].size()));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor padded,
                           Tensor::Allocate({DType::kI32, Shape{reviews.size(), width}}));
  int32_t* row = padded.mutable_data<int32_t>().data();
  for (int64_t i = 0; i < reviews.size(); ++i, row += width) {
    absl::Span<const int32_t> review = reviews[i];
    const int64_t kept = std::min<int64_t>(review.size(), width);
    review = options.truncating == PadSide::kPre ? review.last(kept) : review.first(kept);
    const int64_t first = options.padding == PadSide::kPre ? width - kept : 0;
    std::fill(row, row + width, options.value);
    std::copy(review.begin(), review.end(), row + first);
  }
  return padded;
}

}  // namespace adjoint::datasets
