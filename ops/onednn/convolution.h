#ifndef ADJOINT_OPS_ONEDNN_CONVOLUTION_H_
#define ADJOINT_OPS_ONEDNN_CONVOLUTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "ops/kernel.h"

namespace adjoint::ops::onednn {

enum class ConvolutionPass { kForward, kInputGradient, kWeightsGradient };

// A convolution of maps x [batch, groups * in, x...] with weights [groups * out, in, kernel...] to
// y [batch, groups * out, y...], or one of its gradients. Lists have three entries.
struct ConvolutionConfig {
  ConvolutionPass pass = ConvolutionPass::kForward;
  int64_t batch = 0, groups = 1, in = 0, out = 0;  // channels are those of a group
  std::vector<int64_t> x, y, kernel, strides, dilations, pads_begin, pads_end;
  bool channels_last = false;  // of x and y
  // Where not 0, x or y lie in blocks of so many channels, [batch, channels / b, x..., b].
  int64_t x_block = 0, y_block = 0;
  bool bias = false;  // a third input, f32[groups * out], of kForward
  // A second output of kWeightsGradient, f32[groups * out]: the sum of y over all but channels.
  bool bias_gradient = false;

  // What else is done with images `first` .. first + images - 1 of y, a few at a time while the
  // cache has them. kForward calls it with what it has computed at `y`, the gradients before they
  // read what it writes there (so they want `y_in_scratch`). Several threads call it at once, each
  // for other images; which images come together depends on the shapes alone.
  std::function<void(const KernelArgs& args, int64_t first, int64_t images, float* y)> on_images =
      nullptr;
  // The weights' elements where they are the same in every run: they are brought into oneDNN's
  // layout once.
  const void* constant_weights = nullptr;
  // y is no operand of the kernel: those images are all there is of it. What on_images reads and
  // writes is found in the kernel's other operands.
  bool y_in_scratch = false;
};

// The channels of a block in the layout of maps that oneDNN likes best on this processor.
int64_t ChannelsABlock();

// Whether windows over `in` channels that make `out`, those of a group, are so much faster in
// blocks of channels than on channels at the end that bringing a few images at a time there and
// back pays: for many channels, 1.1 to 1.5 x on AVX2; not for windows of one element.
bool PrefersBlocks(int64_t groups, int64_t in, int64_t out, int64_t window);

// A kernel on f32 of inputs x, weights and, with `bias`, bias (kForward); y and weights
// (kInputGradient); or x and y (kWeightsGradient). Further operands are on_images's own, and with
// `y_in_scratch` the one in the place of y. The batch is cut into parts by the shapes alone, each
// computed by a primitive that was planned for one thread; gradients of weights are merged in the
// order of the parts. So the bits do not depend on the number of threads. Maps and weights are
// brought into the layouts that oneDNN wants in scratch, a few images at a time, where they do not
// lie in them. Null where oneDNN has nothing better than its reference code, and for no elements.
absl::StatusOr<std::unique_ptr<Kernel>> MakeConvolution(const ConvolutionConfig& config);

}  // namespace adjoint::ops::onednn

#endif  // ADJOINT_OPS_ONEDNN_CONVOLUTION_H_
