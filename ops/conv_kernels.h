#ifndef ADJOINT_OPS_CONV_KERNELS_H_
#define ADJOINT_OPS_CONV_KERNELS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/attrs.h"
#include "core/shape.h"
#include "ops/onednn/convolution.h"
#include "ops/op_def.h"

// What the ops of conv.h and of fused_conv.h share.

namespace adjoint::ops {

// The declarations of a convolution's attributes, and `others`.
std::vector<AttrDecl> ConvAttrs(std::vector<AttrDecl> others = {});

// A convolution of x with weights to y by these attributes, without a bias.
absl::StatusOr<onednn::ConvolutionConfig> ConvolutionConfigFor(onednn::ConvolutionPass pass,
                                                               const Shape& x, const Shape& weights,
                                                               const Shape& y, const Attrs& attrs);

// Operations of a convolution to y, or of either of its gradients: each element of y is a sum of
// products.
double ConvFlops(const TensorSpec& y, const TensorSpec& weights);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CONV_KERNELS_H_
