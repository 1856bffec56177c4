#ifndef ADJOINT_OPS_GEMM_PLAN_H_
#define ADJOINT_OPS_GEMM_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/simd.h"
#include "ops/matmul_config.h"

namespace adjoint::ops {

// How a product is computed: by which library, and how its operands are walked.
struct MatMulPlan {
  enum class Path {
    kOneDnn,
    kGemm,  // ops/gemm; for a vector or a single term (m, n or k = 1) loops of its own, and no rest
  };
  Path path = Path::kGemm;
  bool swap = false;        // computes the transposed result from the transposed operands
  bool pack_a = false;      // copies blocks of the operand on the left (after swapping)
  bool pack_b = true;       // and of the one on the right
  bool rows_first = false;  // the right operand's block stays in the cache, not its panels
  int64_t depth = 400;      // the most that is summed at a time

  bool operator==(const MatMulPlan&) const = default;
  // "onednn", or "gemm" and words of "swap pack_a pack_b rows_first depth=400".
  std::string ToString() const;
  static absl::StatusOr<MatMulPlan> Parse(absl::string_view text);
};

// The plan for a shape: that of the nearest shape of a table measured by //benchmarks:tune_matmul,
// when one lies within a factor of 1.5 along m, n and k, else by rule. Pure: nothing depends on a
// clock.
MatMulPlan ChooseMatMulPlan(const MatMulShape& shape, Isa isa = CurrentIsa());

// Plans worth timing for a shape; ChooseMatMulPlan()'s is among them.
std::vector<MatMulPlan> CandidateMatMulPlans(const MatMulShape& shape);

// Whether the shape has a vector or a single term.
bool IsVectorProduct(const MatMulShape& shape);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_GEMM_PLAN_H_
