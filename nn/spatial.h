#ifndef ADJOINT_NN_SPATIAL_H_
#define ADJOINT_NN_SPATIAL_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/shape.h"
#include "nn/value.h"

// What layers over maps have in common. They take [batch, spatial..., channels] ("channels_last",
// the default) or [batch, channels, spatial...] ("channels_first").

namespace adjoint::nn {

// A number for each spatial axis, or one for all of them: 3 or {3, 5}.
class Sizes {
 public:
  Sizes() = default;                                                // none
  Sizes(int size) : values_({size}) {}                              // NOLINT: implicit
  Sizes(std::initializer_list<int64_t> sizes) : values_(sizes) {}   // NOLINT: implicit
  Sizes(std::vector<int64_t> sizes) : values_(std::move(sizes)) {}  // NOLINT: implicit

  const std::vector<int64_t>& values() const { return values_; }
  bool empty() const { return values_.empty(); }

  // One for each of `rank` axes, all positive, or an error that calls them `what`.
  absl::StatusOr<std::vector<int64_t>> ForRank(int rank, absl::string_view what) const;

 private:
  std::vector<int64_t> values_;
};

// The one dense input of a layer over `rank` spatial axes, or an error.
absl::StatusOr<TensorSpec> OneInputOfMaps(absl::Span<const ValueSpec> inputs, int rank,
                                          absl::string_view class_name);

// Its channels, which must be a number.
absl::StatusOr<int64_t> ChannelsOf(const Shape& maps, bool channels_last,
                                   absl::string_view class_name);

absl::StatusOr<bool> IsChannelsLast(absl::string_view data_format);

// "valid", "same", or "causal" where that is allowed.
absl::Status CheckPadding(absl::string_view padding, bool causal_allowed);

struct Pads {
  std::vector<int64_t> begin, end;
};

// Keras' padding of maps for windows whose elements are `spans` from first to last. "valid": none.
// "same": so that there are ceil(extent / stride) windows, the odd element at the end; where a
// stride is above 1 its axis must be a number. "causal": all at the begin.
absl::StatusOr<Pads> PadsOf(absl::string_view padding, const Shape& maps, bool channels_last,
                            const std::vector<int64_t>& spans, const std::vector<int64_t>& strides);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_SPATIAL_H_
