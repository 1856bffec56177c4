#ifndef ADJOINT_OPS_ONEDNN_MATMUL_H_
#define ADJOINT_OPS_ONEDNN_MATMUL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/tensor_spec.h"
#include "ops/kernel.h"
#include "ops/tile.h"

namespace adjoint::ops::onednn {

// activation(lhs rhs + bias), batches broadcast as by the op matmul. Dense row-major operands.
struct MatMulConfig {
  TensorSpec lhs;
  TensorSpec rhs;
  TensorSpec out;
  bool transpose_lhs = false;
  bool transpose_rhs = false;
  bool bias = false;  // a third input, f32[n]
  // Applied in place to each block of the result while it is in the cache. Without a function:
  // none. oneDNN's own post-ops are not used for it: its relu makes 0 of NaN.
  Tile activation;
};

// A kernel of inputs lhs, rhs and, with `bias`, bias. The result is cut into parts by its shape
// alone, each computed by a primitive that was planned for one thread; the bits do not depend on
// the number of threads. Null where oneDNN has nothing better than its reference code: element
// types other than f32, no elements, rank below 2.
absl::StatusOr<std::unique_ptr<Kernel>> MakeMatMul(const MatMulConfig& config);

}  // namespace adjoint::ops::onednn

#endif  // ADJOINT_OPS_ONEDNN_MATMUL_H_
