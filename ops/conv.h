#ifndef ADJOINT_OPS_CONV_H_
#define ADJOINT_OPS_CONV_H_

#include <cstdint>
#include <vector>

#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Lists have an entry for each spatial axis, or one for all of them.
struct ConvOptions {
  std::vector<int64_t> strides = {};     // 1 when empty
  std::vector<int64_t> pads_begin = {};  // zeros before the operand; 0 when empty
  std::vector<int64_t> pads_end = {};    // and after it
  std::vector<int64_t> dilations = {};   // distance of a window's elements; 1 when empty
  int64_t groups = 1;
  // The layout of maps: [batch, spatial..., channels] rather than [batch, channels, spatial...].
  bool channels_last = false;
};

// Cross-correlation over one to three spatial axes, as in all networks (Dumoulin and Visin, "A
// guide to convolution arithmetic for deep learning", 2016): of x [batch, in, spatial...] and
// weights [out, in / groups, kernel...], in either layout of x,
//   y[n, o, p] = bias[o] + sum over c and k of w[o, c, k] x[n, c + group's first, p s + k d - pad]
// with floor((extent + pads - (kernel - 1) d - 1) / s) + 1 windows along an axis. Output channels
// are divided among the groups in order; with groups = in it is depthwise. f32 and f64. Errors:
// channels that do not agree with weights and groups, a window wider than the padded operand. An
// extent of 0 is fine for batch and channels.
Var Conv(Operand x, Operand weights, const ConvOptions& options = {});
Var Conv(Operand x, Operand weights, Operand bias, const ConvOptions& options = {});

// The gradient of Conv in x, linear in the other two: what cotangent [batch, out, windows...] says
// about an x of `shape`.
Var ConvInputGradient(Operand cotangent, Operand weights, const Shape& shape,
                      const ConvOptions& options = {});

// The gradient of Conv in its weights, of spatial extents `kernel`.
Var ConvWeightsGradient(Operand x, Operand cotangent, const std::vector<int64_t>& kernel,
                        const ConvOptions& options = {});

struct ConvTransposeOptions {
  std::vector<int64_t> strides = {};
  std::vector<int64_t> pads_begin = {};  // elements taken away from the result's begin
  std::vector<int64_t> pads_end = {};    // and from its end
  std::vector<int64_t> dilations = {};
  std::vector<int64_t> output_padding = {};  // elements added to the result's end; 0 when empty
  // When not empty, the result's spatial extents. The pads are then worked out, half of what must
  // go at each end and the odd element at the begin, or at the end with `odd_at_end` (ONNX's
  // SAME_UPPER).
  std::vector<int64_t> output_shape = {};
  bool odd_at_end = false;
  int64_t groups = 1;
  bool channels_last = false;
};

// Transposed convolution: ConvInputGradient of x [batch, in, spatial...] and weights [in, out /
// groups, kernel...], with (extent - 1) s + (kernel - 1) d + 1 + output_padding - pads elements
// along a spatial axis. The spatial extents of x must be numbers.
Var ConvTranspose(Operand x, Operand weights, const ConvTransposeOptions& options = {});

const OpDef& ConvOp();
const OpDef& ConvInputGradientOp();
const OpDef& ConvWeightsGradientOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CONV_H_
