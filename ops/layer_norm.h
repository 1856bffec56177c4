#ifndef ADJOINT_OPS_LAYER_NORM_H_
#define ADJOINT_OPS_LAYER_NORM_H_

#include <cstdint>

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Normalisation of each sample over its trailing axes, `axis` .. rank-1: as many elements, n, as
// these have. f32 and f64. Ba, Kiros and Hinton, "Layer Normalization" (2016).
//
//   mean = sum(x) / n    inv_std = 1 / sqrt(sum((x - mean)^2) / n + epsilon)
//   y = (x - mean) inv_std scale + bias
//
// in two passes, so that a mean far from 0 takes no digits away. `scale` and `bias` are absent when
// default-constructed and broadcast to the trailing axes; those of exactly their shape are part of
// one kernel. `mean` and `inv_std` have x's shape with the trailing axes of extent 1. All three
// results may be differentiated. Without elements (n = 0) mean and inv_std are NaN.
struct LayerNormResult {
  Var y, mean, inv_std;
};
LayerNormResult LayerNormWithMoments(Operand x, Var scale = {}, Var bias = {}, int64_t axis = -1,
                                     double epsilon = 1e-5);
Var LayerNorm(Operand x, Var scale = {}, Var bias = {}, int64_t axis = -1, double epsilon = 1e-5);

// x scale / sqrt(sum(x^2) / n + epsilon): the same with 0 for the mean. Zhang and Sennrich, "Root
// Mean Square Layer Normalization" (2019).
Var RmsNorm(Operand x, Var scale = {}, int64_t axis = -1, double epsilon = 1e-5);

// Attributes `axis`, `epsilon` and `centered` (false: rms norm, whose mean is given as 0). Operands
// x, and perhaps scale and bias; results y, mean and inv_std.
const OpDef& LayerNormOp();

// The gradient of x: of x, mean, inv_std and g, the cotangent of xhat = (x - mean) inv_std,
//   inv_std (g - mean(g) - xhat mean(g xhat)),
// without the second term when not `centered`. Its own gradient is a composition.
const OpDef& LayerNormGradOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_LAYER_NORM_H_
