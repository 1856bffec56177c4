#ifndef ADJOINT_OPS_ONEDNN_MATMUL_H_
#define ADJOINT_OPS_ONEDNN_MATMUL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "ops/kernel.h"
#include "ops/matmul_config.h"

namespace adjoint::ops::onednn {

// A kernel of inputs lhs, rhs and, with `bias`, bias. The result is cut into parts by its shape
// alone, each computed by a primitive that was planned for one thread; the bits do not depend on
// the number of threads. The activation is not a post-op of oneDNN's: its relu makes 0 of NaN. Null
// where oneDNN has nothing better than its reference code: element types other than f32, no
// elements, rank below 2.
absl::StatusOr<std::unique_ptr<Kernel>> MakeMatMul(const MatMulConfig& config);

}  // namespace adjoint::ops::onednn

#endif  // ADJOINT_OPS_ONEDNN_MATMUL_H_
