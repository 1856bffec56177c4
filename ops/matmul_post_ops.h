#ifndef ADJOINT_OPS_MATMUL_POST_OPS_H_
#define ADJOINT_OPS_MATMUL_POST_OPS_H_

#include <cstdint>

#include "ops/kernel.h"
#include "ops/matmul_config.h"

namespace adjoint::ops {

// What a fused product does to its sums, block by block while the cache has them:
// activation(scale x + bias + residual), each part where the config has it, in this order and each
// rounded: the bits are those of separate ops.
class MatMulPostOps {
 public:
  MatMulPostOps() = default;
  // For f32. `n`: the length of the result's rows.
  MatMulPostOps(const MatMulConfig& config, int64_t n);

  // Whether the product is to add the bias itself: there is one, and nothing comes before it.
  bool bias_in_product() const { return config_.bias && !config_.scale; }
  bool empty() const { return !scale_ && !bias_ && !residual_ && config_.activation.fn == nullptr; }

  // In place, on `rows` x `columns` elements of result `out` of the kernel, from element `at` on.
  void Apply(const KernelArgs& args, int64_t at, int64_t rows, int64_t columns) const;

 private:
  void ApplyToRow(const KernelArgs& args, int64_t at, int64_t count) const;

  MatMulConfig config_;
  int64_t n_ = 0;
  bool scale_ = false, bias_ = false, residual_ = false;
};

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_MATMUL_POST_OPS_H_
