#ifndef ADJOINT_OPS_NONZERO_H_
#define ADJOINT_OPS_NONZERO_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// What elements say, not shapes, decides how large these results are. In a graph a result has the
// extent `size` that the caller gives, padded behind what was found, and a count beside it, i64[],
// of all that was found: where the count is greater than `size`, the first `size` are given. For
// tensors at hand there are functions whose results are as large as they must be (...Of).
//
// Types are all but bf16 and f16. Elements count as in ops/sort.h: all NaNs are equal and greater
// than any number, and -0 equals 0.

// The places of elements that differ from 0 (NaN does), in row-major order: i64 [rank, size], a
// column each, `fill` in the columns behind them. ONNX's NonZero. The gradient is zero by
// definition.
struct NonZeroResult {
  Var indices, count;
};
NonZeroResult NonZero(Operand x, int64_t size, int64_t fill = -1);
absl::StatusOr<Tensor> NonZeroOf(const Tensor& x);

// The slices of x along `axis` where `mask`, a bool vector of that extent, holds: of extent `size`
// along it, zeros behind them.
struct CompressResult {
  Var values, count;
};
CompressResult Compress(Operand x, Operand mask, int64_t size, int64_t axis);

// The distinct elements of x in row-major order: ascending when `sorted`, else in the order in
// which they come first. `values` [size] are those, `fill` behind them; `first` [size] where each
// comes first, 0 behind them; `inverse`, of x's number of elements, which of the values each
// element is; `counts` [size] how often each comes, 0 behind them. All but values are i64. The
// gradient of a value goes to its first element. x has an element at least. ONNX's Unique.
struct UniqueResult {
  Var values, first, inverse, counts, count;
};
UniqueResult Unique(Operand x, int64_t size, bool sorted = true, double fill = 0);

// The same for the elements of a tensor, or for its slices along an axis, in lexicographic order.
// x may be empty.
struct UniqueTensors {
  Tensor values, first, inverse, counts;
};
absl::StatusOr<UniqueTensors> UniqueOf(const Tensor& x, std::optional<int64_t> axis = {},
                                       bool sorted = true);

// Attributes `size` and `fill`; results indices and count.
const OpDef& NonZeroOp();
// Of a vector. Attributes `size` and `sorted`; results first, inverse, counts and count.
const OpDef& UniqueOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_NONZERO_H_
