#ifndef ADJOINT_OPS_GEMM_MATMUL_H_
#define ADJOINT_OPS_GEMM_MATMUL_H_

#include <memory>

#include "ops/gemm/plan.h"
#include "ops/kernel.h"
#include "ops/matmul_config.h"

namespace adjoint::ops {

// A kernel of inputs lhs, rhs and, with `bias`, bias. With config.constant_rhs, the kernel packs
// rhs once, where the plan does not swap the operands and all products have one rhs. The result is
// cut into parts by its shape alone, and each element is summed by one thread in an order that
// depends on the shape alone. Null for element types other than f32, and where there is nothing to
// multiply or nothing to write.
std::unique_ptr<Kernel> MakeGemmMatMul(const MatMulConfig& config, const MatMulPlan& plan);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_GEMM_MATMUL_H_
