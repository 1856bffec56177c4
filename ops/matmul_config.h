#ifndef ADJOINT_OPS_MATMUL_CONFIG_H_
#define ADJOINT_OPS_MATMUL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor_spec.h"
#include "ops/tile.h"

namespace adjoint::ops {

// What a kernel of matmul or fused_matmul is prepared for: activation(scale lhs rhs + bias +
// residual), batches broadcast as by the op. Dense row-major operands.
struct MatMulConfig {
  TensorSpec lhs;
  TensorSpec rhs;
  TensorSpec out;
  bool transpose_lhs = false;
  bool transpose_rhs = false;
  // Further inputs, in this order.
  bool bias = false;      // [n]
  bool scale = false;     // one element
  bool residual = false;  // of the result's spec
  int scale_input() const { return bias ? 3 : 2; }
  int residual_input() const { return scale_input() + (scale ? 1 : 0); }
  // How a block of the result is multiplied by the scale and added to, in place; there where they
  // are needed. And what is applied to it last: without a function, nothing.
  Tile multiply, add, activation;
  const void* constant_rhs = nullptr;  // rhs's elements where they are the same in every run
};

// One of the products of a config: m x k times k x n.
struct MatMulShape {
  int64_t m, n, k;
  bool transpose_lhs = false;
  bool transpose_rhs = false;

  bool operator==(const MatMulShape&) const = default;
  std::string ToString() const;  // "512x10000^Tx16": m, k and n
};

// The products of a config. Where one matrix on the right meets a batch of untransposed ones on the
// left, these are the rows of one tall matrix.
struct MatMulBatches {
  explicit MatMulBatches(const MatMulConfig& config);

  MatMulShape shape;
  int64_t count;      // products
  int64_t lhs_count;  // matrices on the left, and on the right
  int64_t rhs_count;
};

// Elements from the start of an operand to its matrix for each product of the result `out`.
std::vector<int64_t> MatrixOffsets(const Shape& operand, const Shape& out);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_MATMUL_CONFIG_H_
