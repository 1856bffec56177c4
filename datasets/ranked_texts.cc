#include "datasets/ranked_texts.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::datasets {
namespace {

constexpr int64_t kGrain = 256;  // texts a part

absl::Status OptionError(absl::string_view what, absl::string_view name, int64_t value, int64_t low,
                         int64_t high) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": ", name, " is ", value, "; it may be ", low, " to ", high));
}

}  // namespace

absl::Status CheckIdOptions(absl::string_view what, const IdOptions& o) {
  constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max();
  const auto check = [&](absl::string_view name, int64_t value, int64_t high) {
    return value >= 0 && value <= high ? absl::OkStatus() : OptionError(what, name, value, 0, high);
  };
  ADJOINT_RETURN_IF_ERROR(check("num_words", o.num_words, kMaxId));
  ADJOINT_RETURN_IF_ERROR(check("skip_top", o.skip_top, kMaxId));
  ADJOINT_RETURN_IF_ERROR(check("maxlen", o.maxlen, kMaxId));
  ADJOINT_RETURN_IF_ERROR(check("seed", o.seed, std::numeric_limits<uint32_t>::max()));
  ADJOINT_RETURN_IF_ERROR(check("start_char", o.start_char.value_or(0), kMaxId));
  ADJOINT_RETURN_IF_ERROR(check("oov_char", o.oov_char.value_or(0), kMaxId));
  return check("index_from", o.index_from, kMaxId);
}

int64_t LargestId(const RankedTexts& from, absl::Span<const int64_t> rows, const IdOptions& o) {
  int64_t largest = -1;
  for (const int64_t row : rows) {
    if (o.start_char.has_value()) largest = std::max<int64_t>(largest, *o.start_char);
    for (const int32_t rank : from.ranks[row]) {
      largest = std::max(largest, int64_t{rank} + o.index_from);
    }
  }
  return largest;
}

std::vector<int64_t> OrderedRows(const RankedTexts& from, const IdOptions& o,
                                 NumpyRandomState& random) {
  std::vector<int64_t> rows = random.ShuffledRange(from.ranks.size());
  if (o.maxlen == 0) return rows;
  const int64_t extra = o.start_char.has_value() ? 1 : 0;
  std::erase_if(rows, [&](int64_t row) {
    return static_cast<int64_t>(from.ranks[row].size()) + extra >= o.maxlen;
  });
  return rows;
}

Reviews MakeReviews(const RankedTexts& from, absl::Span<const int64_t> rows, const IdOptions& o,
                    const IdRule& rule) {
  Reviews to;
  const int64_t n = static_cast<int64_t>(rows.size());
  const int64_t extra = o.start_char.has_value() ? 1 : 0;
  // Room for every id; where oov_char is absent and some are dropped, closed up below.
  std::vector<int64_t> ends(static_cast<size_t>(n));
  to.offsets.resize(static_cast<size_t>(n) + 1);
  to.labels.resize(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    to.offsets[i + 1] = to.offsets[i] + static_cast<int64_t>(from.ranks[rows[i]].size()) + extra;
    to.labels[i] = from.labels[rows[i]];
  }
  // One more, since a dropped id is written before it is passed over.
  to.ids.resize(static_cast<size_t>(to.offsets[n]) + 1);
  ParallelForRange(n, kGrain, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> review;
    for (int64_t i = begin; i < end; ++i) {
      const absl::Span<const int32_t> ranks = from.ranks[rows[i]];
      review.resize(ranks.size() + 2);
      int32_t* next = review.data();
      if (extra != 0) next = rule.Place(*o.start_char, next);
      for (const int32_t rank : ranks) next = rule.Place(int64_t{rank} + o.index_from, next);
      std::copy(review.data(), next, to.ids.data() + to.offsets[i]);
      ends[i] = to.offsets[i] + (next - review.data());
    }
  });
  int64_t used = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t begin = to.offsets[i];
    to.offsets[i] = used;
    if (used != begin) {
      std::copy(to.ids.begin() + begin, to.ids.begin() + ends[i], to.ids.begin() + used);
    }
    used += ends[i] - begin;
  }
  to.offsets[n] = used;
  to.ids.resize(static_cast<size_t>(used));
  return to;
}

absl::Status CheckRanks(const RankedTexts& from, const IdOptions& o, absl::string_view part) {
  const int64_t high = int64_t{std::numeric_limits<int32_t>::max()} - o.index_from;
  int32_t least = 0, largest = 0;
  for (const int32_t rank : from.ranks.values) {
    least = std::min(least, rank);
    largest = std::max(largest, rank);
  }
  if (least >= 0 && largest <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the ", part, " hold the word number ",
                                                 least < 0 ? least : largest, "; 0 to ", high,
                                                 " are possible"));
}

}  // namespace adjoint::datasets
