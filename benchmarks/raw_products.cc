#include "benchmarks/raw_products.h"

namespace adjoint::benchmarks {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

const dnnl::engine& Engine() {
  static const dnnl::engine* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

dnnl::stream& Stream() {
  static dnnl::stream* const stream = new dnnl::stream(Engine());
  return *stream;
}

memory::desc Desc(memory::dims dims, Tag tag) {
  return memory::desc(dims, memory::data_type::f32, tag);
}

memory Wrap(const memory::desc& desc, const float* data) {
  return memory(desc, Engine(), const_cast<float*>(data));
}

}  // namespace

RawMatMul::RawMatMul(int64_t m, int64_t k, int64_t n, const float* a, const float* b, float* out,
                     const Options& options) {
  const memory::desc lhs = Desc({m, k}, options.transpose_a ? Tag::ba : Tag::ab);
  const memory::desc rhs = Desc({k, n}, options.transpose_b ? Tag::ba : Tag::ab);
  const memory::desc result = Desc({m, n}, Tag::ab);
  const memory::desc bias = options.bias == nullptr ? memory::desc() : Desc({1, n}, Tag::ab);
  dnnl::primitive_attr attr;
  if (options.relu) {
    dnnl::post_ops ops;
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
    attr.set_post_ops(ops);
  }
  const dnnl::matmul::primitive_desc descriptor(dnnl::matmul::desc(lhs, rhs, bias, result), attr,
                                                Engine());
  primitive_ = dnnl::matmul(descriptor);
  args_ = {{DNNL_ARG_SRC, Wrap(lhs, a)},
           {DNNL_ARG_WEIGHTS, Wrap(rhs, b)},
           {DNNL_ARG_DST, Wrap(result, out)}};
  if (options.bias != nullptr) args_.insert({DNNL_ARG_BIAS, Wrap(bias, options.bias)});
}

void RawMatMul::Run() {
  primitive_.execute(Stream(), args_);
  Stream().wait();
}

RawReluGradient::RawReluGradient(int64_t elements, const float* y, const float* dy, float* dx) {
  const memory::desc all = Desc({elements}, Tag::a);
  const auto algorithm = dnnl::algorithm::eltwise_relu_use_dst_for_bwd;
  const dnnl::eltwise_forward::primitive_desc forward(
      dnnl::eltwise_forward::desc(dnnl::prop_kind::forward_training, algorithm, all, 0.0f, 0.0f),
      Engine());
  const dnnl::eltwise_backward::primitive_desc descriptor(
      dnnl::eltwise_backward::desc(algorithm, all, all, 0.0f, 0.0f), Engine(), forward);
  primitive_ = dnnl::eltwise_backward(descriptor);
  args_ = {{DNNL_ARG_DST, Wrap(all, y)},
           {DNNL_ARG_DIFF_DST, Wrap(all, dy)},
           {DNNL_ARG_DIFF_SRC, Wrap(all, dx)}};
}

void RawReluGradient::Run() {
  primitive_.execute(Stream(), args_);
  Stream().wait();
}

RawWeightGradient::RawWeightGradient(int64_t batch, int64_t in, int64_t out, const float* x,
                                     const float* dy, float* dw, float* db) {
  const memory::desc source = Desc({batch, in}, Tag::ab);
  const memory::desc weights = Desc({out, in}, Tag::ba);  // row-major [in, out]
  const memory::desc bias = Desc({out}, Tag::a);
  const memory::desc result = Desc({batch, out}, Tag::ab);
  const dnnl::inner_product_forward::primitive_desc forward(
      dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_training, source, weights, bias,
                                        result),
      Engine());
  const dnnl::inner_product_backward_weights::primitive_desc descriptor(
      dnnl::inner_product_backward_weights::desc(source, weights, bias, result), Engine(), forward);
  primitive_ = dnnl::inner_product_backward_weights(descriptor);
  args_ = {{DNNL_ARG_SRC, Wrap(source, x)},
           {DNNL_ARG_DIFF_DST, Wrap(result, dy)},
           {DNNL_ARG_DIFF_WEIGHTS, Wrap(weights, dw)},
           {DNNL_ARG_DIFF_BIAS, Wrap(bias, db)}};
}

void RawWeightGradient::Run() {
  primitive_.execute(Stream(), args_);
  Stream().wait();
}

}  // namespace adjoint::benchmarks
