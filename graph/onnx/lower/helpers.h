#ifndef ADJOINT_GRAPH_ONNX_LOWER_HELPERS_H_
#define ADJOINT_GRAPH_ONNX_LOWER_HELPERS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "graph/onnx/lower/lowering.h"
#include "ops/cast.h"

namespace adjoint::onnx {

// What `fn` makes of x in another element type, cast back to x's own; in x's type when it is one of
// `as_is`.
template <class Fn>
Var Via(Var x, DType through, std::initializer_list<DType> as_is, Fn fn) {
  const DType own = x.dtype();
  for (DType dtype : as_is) {
    if (dtype == own) return fn(x);
  }
  return ops::Cast(fn(ops::Cast(x, through)), own);
}

inline constexpr std::initializer_list<DType> kFloatTypes = {DType::kF32, DType::kF64};

// Indices that may count from the end of an axis, made to count from its begin.
Var FromBegin(NodeContext& c, Var indices, Var x, int64_t axis);

// 0, 1, ..., rank-1.
std::vector<int64_t> AllAxes(int rank);

// The permutation that moves `axis` to the end, and its inverse.
std::vector<int64_t> AxisToEnd(int axis, int rank);
std::vector<int64_t> Inverse(const std::vector<int64_t>& permutation);

// x [..., n, ...] seen as [before, n, after] around `axis`.
struct Around {
  int64_t before = 1, extent = 1, after = 1;
};
Around ExtentsAround(NodeContext& c, Var x, int axis);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_LOWER_HELPERS_H_
