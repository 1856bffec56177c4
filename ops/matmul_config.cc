#include "ops/matmul_config.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace adjoint::ops {
namespace {

int64_t BatchCount(const Shape& shape) {
  int64_t count = 1;
  for (int axis = 0; axis < shape.rank() - 2; ++axis) count *= shape[axis];
  return count;
}

}  // namespace

std::string MatMulShape::ToString() const {
  return absl::StrCat(m, "x", k, transpose_lhs ? "^T" : "", "x", n, transpose_rhs ? "^T" : "");
}

MatMulBatches::MatMulBatches(const MatMulConfig& config) {
  const Shape& lhs = config.lhs.shape;
  const Shape& out = config.out.shape;
  shape = {.m = out[out.rank() - 2],
           .n = out[out.rank() - 1],
           .k = lhs[lhs.rank() - (config.transpose_lhs ? 2 : 1)],
           .transpose_lhs = config.transpose_lhs,
           .transpose_rhs = config.transpose_rhs};
  count = BatchCount(out);
  lhs_count = BatchCount(lhs);
  rhs_count = BatchCount(config.rhs.shape);
  if (!config.transpose_lhs && rhs_count == 1 && lhs_count == count) {
    shape.m *= count;
    count = lhs_count = 1;
  }
}

std::vector<int64_t> MatrixOffsets(const Shape& operand, const Shape& out) {
  const int rank = out.rank() - 2;
  const int skipped = out.rank() - operand.rank();
  std::vector<int64_t> strides(rank, 0);
  int64_t stride = operand[operand.rank() - 1] * operand[operand.rank() - 2];
  for (int axis = rank - 1; axis >= skipped; --axis) {
    const int64_t extent = operand[axis - skipped];
    strides[axis] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
  std::vector<int64_t> offsets = {0};
  for (int axis = 0; axis < rank; ++axis) {
    std::vector<int64_t> next;
    next.reserve(offsets.size() * out[axis]);
    for (int64_t offset : offsets) {
      for (int64_t i = 0; i < out[axis]; ++i) next.push_back(offset + i * strides[axis]);
    }
    offsets = std::move(next);
  }
  return offsets;
}

}  // namespace adjoint::ops
