#ifndef ADJOINT_OPS_ONEDNN_CONVOLUTION_DESCRIBER_H_
#define ADJOINT_OPS_ONEDNN_CONVOLUTION_DESCRIBER_H_

#include <array>
#include <cstdint>

#include "oneapi/dnnl/dnnl.hpp"
#include "ops/onednn/convolution.h"
#include "ops/onednn/convolution_kernel.h"

namespace adjoint::ops::onednn {

// A convolution's descriptors and implementation; the difference between oneDNN 2 and 3 lies in its
// .cc file. Not for use outside this folder.
class ConvolutionDescriber {
 public:
  // `out` channels a group of the result's `c.out`, which are all of them unless there is one
  // group. Keeps a reference to c.
  ConvolutionDescriber(const ConvolutionConfig& c, int64_t batch, int64_t out);

  // Which maps are taken as they lie in memory; others as oneDNN likes them.
  enum class Maps { kAll, kInBlocks, kNone };

  // Sets what `plan` runs. False when oneDNN has no fast implementation. May throw dnnl::error.
  bool Describe(Maps as_they_lie, ConvolutionPlan* plan) const;

 private:
  template <class PrimitiveDesc>
  bool Take(const PrimitiveDesc& pd, const std::array<dnnl::memory::desc, kRoles>& inner,
            ConvolutionPlan* plan) const;

  const ConvolutionConfig& c_;
  dnnl::memory::dims strides_, dilates_, pads_begin_, pads_end_;
  std::array<dnnl::memory::dims, kRoles> dims_;
  std::array<dnnl::memory::desc, kRoles> plain_;
  dnnl::memory::desc bias_;
};

}  // namespace adjoint::ops::onednn

#endif  // ADJOINT_OPS_ONEDNN_CONVOLUTION_DESCRIBER_H_
