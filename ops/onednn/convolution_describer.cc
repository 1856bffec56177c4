#include "ops/onednn/convolution_describer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ops/onednn/engine.h"

namespace adjoint::ops::onednn {
namespace {

using dnnl::memory;
using Dims = memory::dims;

dnnl::primitive Make(const dnnl::convolution_forward::primitive_desc& pd) {
  return dnnl::convolution_forward(pd);
}
dnnl::primitive Make(const dnnl::convolution_backward_data::primitive_desc& pd) {
  return dnnl::convolution_backward_data(pd);
}
dnnl::primitive Make(const dnnl::convolution_backward_weights::primitive_desc& pd) {
  return dnnl::convolution_backward_weights(pd);
}

}  // namespace

ConvolutionDescriber::ConvolutionDescriber(const ConvolutionConfig& c, int64_t batch, int64_t out)
    : c_(c) {
  // Two spatial axes, or three where the first is more than a formality.
  const int first =
      c.x[0] == 1 && c.kernel[0] == 1 && c.y[0] == 1 && c.pads_begin[0] == 0 && c.pads_end[0] == 0
          ? 1
          : 0;
  auto tail = [&](const std::vector<int64_t>& v) { return Dims(v.begin() + first, v.end()); };
  strides_ = tail(c.strides);
  pads_begin_ = tail(c.pads_begin);
  pads_end_ = tail(c.pads_end);
  dilates_ = tail(c.dilations);
  for (auto& d : dilates_) --d;
  Dims x = {batch, c.groups * c.in}, y = {batch, c.groups * out};
  Dims w = c.groups == 1 ? Dims{out, c.in} : Dims{c.groups, out, c.in};
  for (auto n : tail(c.x)) x.push_back(n);
  for (auto n : tail(c.y)) y.push_back(n);
  for (auto n : tail(c.kernel)) w.push_back(n);
  using tag = memory::format_tag;
  const bool two = first == 1;
  const tag maps =
      c.channels_last ? (two ? tag::nhwc : tag::ndhwc) : (two ? tag::nchw : tag::ncdhw);
  const tag weights =
      c.groups == 1 ? (two ? tag::oihw : tag::oidhw) : (two ? tag::goihw : tag::goidhw);
  const auto f32 = memory::data_type::f32;
  dims_ = {x, w, y};
  auto blocks = [&](int64_t channels) {
    return channels == 8 ? (two ? tag::nChw8c : tag::nCdhw8c)
                         : (two ? tag::nChw16c : tag::nCdhw16c);
  };
  plain_ = {memory::desc(x, f32, c.x_block > 0 ? blocks(c.x_block) : maps),
            memory::desc(w, f32, weights),
            memory::desc(y, f32, c.y_block > 0 ? blocks(c.y_block) : maps)};
  if (out != c.out && c.y_block == 0) {
    // A slice of the channels; there is one image.
    Dims strides = {1, 1};
    for (auto n : tail(c.y)) strides.push_back(n);
    int64_t stride = c.channels_last ? c.out : 1;
    for (size_t i = strides.size(); i-- > 2;) strides[i] = std::exchange(stride, stride * y[i]);
    strides[1] = c.channels_last ? 1 : stride;
    strides[0] = c.channels_last ? stride : stride * c.out;
    plain_[kY] = memory::desc(y, f32, strides);
  }
  if (c.bias || c.bias_gradient) bias_ = memory::desc({c.groups * out}, f32, tag::a);
}

template <class PrimitiveDesc>
bool ConvolutionDescriber::Take(const PrimitiveDesc& pd,
                                const std::array<memory::desc, kRoles>& inner,
                                ConvolutionPlan* plan) const {
  plan->implementation = pd.impl_info_str();
  if (IsReferenceImplementation(plan->implementation)) return false;
  plan->scratch = pd.scratchpad_desc();
  plan->scratch_bytes = plan->scratch.get_size();
  plan->bias = bias_;
  const Role written = WrittenBy(c_.pass);
  for (int t = 0; t < kRoles; ++t) {
    Operand& operand = plan->operands[t];
    operand.plain = plain_[t];
    operand.inner = inner[t];
    operand.reorder = {};
    if (operand.plain == operand.inner) continue;
    const bool out = t == written;
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc reorder(CpuEngine(), out ? operand.inner : operand.plain,
                                                CpuEngine(), out ? operand.plain : operand.inner,
                                                attr);
    operand.reorder = dnnl::reorder(reorder);
    plan->scratch_bytes = std::max(plan->scratch_bytes, reorder.scratchpad_desc().get_size());
  }
  plan->primitive = Make(pd);
  return true;
}

bool ConvolutionDescriber::Describe(Maps as_they_lie, ConvolutionPlan* plan) const {
  const std::array<bool, kRoles> in_blocks = {c_.x_block > 0, false, c_.y_block > 0};
  std::array<memory::desc, kRoles> want;
  for (int t = 0; t < kRoles; ++t) {
    const bool as_it_lies =
        t != kW && (as_they_lie == Maps::kAll || (as_they_lie == Maps::kInBlocks && in_blocks[t]));
    want[t] = as_it_lies ? plain_[t]
                         : memory::desc(dims_[t], memory::data_type::f32, memory::format_tag::any);
  }
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto kind = c_.pass == ConvolutionPass::kForward ? dnnl::prop_kind::forward_inference
                                                         : dnnl::prop_kind::forward_training;
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const memory::desc bias = bias_;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_forward::primitive_desc forward(
      CpuEngine(), kind, algorithm, want[kX], want[kW], bias, want[kY], strides_, dilates_,
      pads_begin_, pads_end_, attr, true);
#else
  const dnnl::convolution_forward::primitive_desc forward(
      dnnl::convolution_forward::desc(kind, algorithm, want[kX], want[kW], bias, want[kY], strides_,
                                      dilates_, pads_begin_, pads_end_),
      attr, CpuEngine(), true);
#endif
  if (forward.get(true) == nullptr) return false;
  if (c_.pass == ConvolutionPass::kForward) {
    return Take(forward, {forward.src_desc(), forward.weights_desc(), forward.dst_desc()}, plan);
  }
  if (c_.pass == ConvolutionPass::kInputGradient) {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::convolution_backward_data::primitive_desc pd(
        CpuEngine(), algorithm, want[kX], want[kW], want[kY], strides_, dilates_, pads_begin_,
        pads_end_, forward, attr, true);
#else
    const dnnl::convolution_backward_data::primitive_desc pd(
        dnnl::convolution_backward_data::desc(algorithm, want[kX], want[kW], want[kY], strides_,
                                              dilates_, pads_begin_, pads_end_),
        attr, CpuEngine(), forward, true);
#endif
    if (pd.get(true) == nullptr) return false;
    return Take(pd, {pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc()}, plan);
  }
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_backward_weights::primitive_desc pd(
      CpuEngine(), algorithm, want[kX], want[kW], bias, want[kY], strides_, dilates_, pads_begin_,
      pads_end_, forward, attr, true);
#else
  const dnnl::convolution_backward_weights::primitive_desc pd(
      dnnl::convolution_backward_weights::desc(algorithm, want[kX], want[kW], bias, want[kY],
                                               strides_, dilates_, pads_begin_, pads_end_),
      attr, CpuEngine(), forward, true);
#endif
  if (pd.get(true) == nullptr) return false;
  return Take(pd, {pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc()}, plan);
}

}  // namespace adjoint::ops::onednn
