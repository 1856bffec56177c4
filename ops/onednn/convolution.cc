#include "ops/onednn/convolution.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/buffer.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/onednn/engine.h"

namespace adjoint::ops::onednn {
namespace {

using dnnl::memory;
using Dims = memory::dims;

// What a part should take at least, some 40 microseconds.
constexpr double kMinPartFlops = 4e6;
constexpr int64_t kMaxParts = 32;
// Parts of a gradient of weights have weights of their own, to be merged.
constexpr int64_t kMaxMergedParts = 8;
// Images that a primitive takes at once while they are in another layout: what
// a cache holds.
constexpr int64_t kChunkBytes = 768 << 10;
// The same where more is done with them.
constexpr int64_t kSmallChunkBytes = 256 << 10;
constexpr int64_t kMergeGrain = 1 << 14;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
size_t Aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

enum Tensor { kX, kW, kY, kTensors };

// One tensor of a convolution: as it lies in memory, and as the primitive wants
// it.
struct Operand {
  memory::desc plain, inner;
  dnnl::reorder reorder;  // null where they are the same
  bool Reordered() const { return reorder.get(true) != nullptr; }
};

// A convolution of `batch` images to `out` channels a group.
struct Plan {
  int64_t batch = 0, out = 0;
  dnnl::primitive primitive;
  std::array<Operand, kTensors> operands;
  memory::desc bias, scratch;
  size_t scratch_bytes = 0;  // of the primitive and of the reorders
  std::string implementation;
};

// Images first .. first + batch of the plan, and of their results the channels
// of a block.
struct Item {
  int plan;
  int64_t first;
  int64_t block = 0;
};

struct AddTo {
  static ADJOINT_INLINE void Run(const float *__restrict x, float *__restrict y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i];
  }
};

// Output channels of a block are a multiple of this: as many as any layout of
// oneDNN's interleaves.
constexpr int64_t kBlockMultiple = 16;
constexpr int64_t kMaxBlocks = 4;

class ConvolutionKernel : public Kernel {
 public:
  struct Handles {
    std::array<memory, kTensors> plain, inner;
    memory bias, scratch;
    std::vector<dnnl_exec_arg_t> args;
  };
  struct State : KernelState {
    explicit State(const dnnl::engine &engine) : stream(engine) {}
    dnnl::stream stream;
    std::vector<std::vector<Handles>> parts;  // [part][plan]
  };

  absl::Status Run(const KernelArgs &args) const override;
  size_t scratch_bytes() const override { return shared_bytes_ + parts_.size() * part_bytes_; }
  size_t constant_bytes() const override {
    return constant_weights_ == nullptr ? 0 : constant_weights_->size();
  }
  std::unique_ptr<KernelState> MakeState() const override;
  std::string implementation() const override { return plans_[0].implementation; }

 private:
  friend class Planner;

  // Where a tensor's elements are, for one image and one run.
  struct Data {
    std::array<char *, kTensors> tensors;
    char *bias;
  };

  Data DataOf(const KernelArgs &args) const;
  dnnl_status_t ReorderWeights(State &state, char *plain, char *to, char *scratch) const;
  void KeepWeights();
  dnnl_status_t RunItem(int64_t index, int64_t part, const KernelArgs &args) const;
  void Merge(const KernelArgs &args) const;
  // out = the sum of the parts' arrays of `size` at `offset`.
  void MergeInto(const KernelArgs &args, size_t offset, int64_t size, float *out) const;
  // From a block of output channels to the next.
  size_t BlockBytes(Tensor t) const;

  ConvolutionConfig config_;
  Tensor written_ = kY;
  std::array<size_t, kTensors> image_bytes_ = {};  // 0 for the weights
  int64_t weights_ = 0;                            // elements
  std::vector<Plan> plans_;
  std::vector<Item> items_;
  std::vector<std::pair<int, int>> parts_;  // items first .. last-1
  // With one image at a time the result's channels may be cut instead, into
  // blocks of so many.
  int64_t block_ = 0;  // 0: they are not
  // Scratch: the weights of each plan, or of each block, then for each part its
  // tensors in the plan's layout, its gradients of weights and bias, those of
  // one item, its images of y, and oneDNN's own.
  size_t shared_bytes_ = 0, part_bytes_ = 0;
  struct Weights {
    int plan;
    int64_t block;
    size_t offset;
  };
  std::vector<Weights> weights_at_;
  std::shared_ptr<Buffer> constant_weights_;  // in place of the scratch's
  std::array<size_t, kTensors> inner_offset_ = {};
  size_t merged_offset_ = 0, scratch_offset_ = 0;
  size_t merged_bias_offset_ = 0;
  // Of one item, where a part sums those of several.
  size_t item_offset_ = 0, item_bias_offset_ = 0;
  size_t y_offset_ = 0;
};

ConvolutionKernel::Data ConvolutionKernel::DataOf(const KernelArgs &args) const {
  auto in = [&](int i) { return static_cast<char *>(const_cast<void *>(args.inputs[i])); };
  char *const out = static_cast<char *>(args.outputs[0]);
  const bool no_y = config_.y_in_scratch;
  switch (config_.pass) {
    case ConvolutionPass::kInputGradient:
      return no_y ? Data{{out, in(0), nullptr}, nullptr} : Data{{out, in(1), in(0)}, nullptr};
    case ConvolutionPass::kWeightsGradient:
      return {{in(0), out, no_y ? nullptr : in(1)},
              config_.bias_gradient ? static_cast<char *>(args.outputs[1]) : nullptr};
    case ConvolutionPass::kForward:
      break;
  }
  return {{in(0), in(1), no_y ? nullptr : out}, config_.bias ? in(2) : nullptr};
}

std::unique_ptr<KernelState> ConvolutionKernel::MakeState() const {
  // Only out of memory can fail here, as in any allocation.
  const dnnl::engine &engine = CpuEngine();
  auto state = std::make_unique<State>(engine);
  auto wrap = [&](const memory::desc &desc) { return memory(desc, engine, nullptr); };
  std::array<int, kTensors> ids = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
  if (config_.pass == ConvolutionPass::kInputGradient) {
    ids = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
  } else if (config_.pass == ConvolutionPass::kWeightsGradient) {
    ids = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
  }
  for (size_t part = 0; part < parts_.size(); ++part) {
    std::vector<Handles> &all = state->parts.emplace_back();
    for (const Plan &plan : plans_) {
      Handles &h = all.emplace_back();
      for (int t = 0; t < kTensors; ++t) {
        h.plain[t] = wrap(plan.operands[t].plain);
        h.inner[t] = wrap(plan.operands[t].inner);
        h.args.push_back({ids[t], h.inner[t].get()});
      }
      h.scratch = wrap(plan.scratch);
      h.args.push_back({DNNL_ARG_SCRATCHPAD, h.scratch.get()});
      if (config_.bias || config_.bias_gradient) {
        h.bias = wrap(plan.bias);
        h.args.push_back({config_.bias ? DNNL_ARG_BIAS : DNNL_ARG_DIFF_BIAS, h.bias.get()});
      }
    }
  }
  return state;
}

void Set(const memory &m, char *data) { dnnl_memory_set_data_handle(m.get(), data); }

dnnl_status_t Reorder(const dnnl::reorder &reorder, const dnnl::stream &stream, const memory &from,
                      const memory &to, const memory &scratch) {
  const dnnl_exec_arg_t args[] = {
      {DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}, {DNNL_ARG_SCRATCHPAD, scratch.get()}};
  return dnnl_primitive_execute(reorder.get(), stream.get(), 3, args);
}

// Weights that are read, for all parts, to where weights_at_ says from `to` on. `scratch` is a
// part's.
dnnl_status_t ConvolutionKernel::ReorderWeights(State &state, char *plain, char *to,
                                                char *scratch) const {
  const OneThreadScope one_thread;
  for (const Weights &at : weights_at_) {
    const Operand &w = plans_[at.plan].operands[kW];
    if (!w.Reordered()) continue;
    const Handles &h = state.parts[0][at.plan];
    Set(h.plain[kW], plain + at.block * BlockBytes(kW));
    Set(h.inner[kW], to + at.offset);
    Set(h.scratch, scratch + scratch_offset_);
    const dnnl_status_t status =
        Reorder(w.reorder, state.stream, h.plain[kW], h.inner[kW], h.scratch);
    if (status != dnnl_success) return status;
  }
  return dnnl_success;
}

// Brings constant weights into the plans' layouts; where that fails, every run does.
void ConvolutionKernel::KeepWeights() {
  if (written_ == kW || config_.constant_weights == nullptr || shared_bytes_ == 0) return;
  const absl::StatusOr<std::shared_ptr<Buffer>> kept = Buffer::Allocate(shared_bytes_);
  const absl::StatusOr<std::shared_ptr<Buffer>> scratch = Buffer::Allocate(part_bytes_);
  if (!kept.ok() || !scratch.ok()) return;
  const std::unique_ptr<KernelState> state = MakeState();
  char *const plain = static_cast<char *>(const_cast<void *>(config_.constant_weights));
  const dnnl_status_t status =
      ReorderWeights(static_cast<State &>(*state), plain, static_cast<char *>((*kept)->data()),
                     static_cast<char *>((*scratch)->data()));
  if (status != dnnl_success) return;
  constant_weights_ = *kept;
  shared_bytes_ = 0;
}

size_t ConvolutionKernel::BlockBytes(Tensor t) const {
  const size_t channels = block_ * sizeof(float);
  if (t == kX || block_ == 0) return 0;
  if (t == kW) return channels * (weights_ / config_.out);
  return config_.channels_last ? channels
                               : channels * (image_bytes_[kY] / sizeof(float) / config_.out);
}

dnnl_status_t ConvolutionKernel::RunItem(int64_t index, int64_t part,
                                         const KernelArgs &args) const {
  const Item &item = items_[index];
  State &state = *static_cast<State *>(args.state);
  const Plan &plan = plans_[item.plan];
  const Handles &h = state.parts[part][item.plan];
  char *const shared = static_cast<char *>(args.scratch);
  char *const own = shared + shared_bytes_ + part * part_bytes_;
  char *const weights =
      constant_weights_ == nullptr ? shared : static_cast<char *>(constant_weights_->data());
  const Data data = DataOf(args);
  Set(h.scratch, own + scratch_offset_);
  // A part sums the gradients of its items.
  const bool more = written_ == kW && index > parts_[part].first;
  if (config_.bias) Set(h.bias, data.bias + item.block * block_ * sizeof(float));
  if (config_.bias_gradient) {
    Set(h.bias, more                ? own + item_bias_offset_
                : parts_.size() > 1 ? own + merged_bias_offset_
                                    : data.bias);
  }
  float *y_images = nullptr;
  for (int t = 0; t < kTensors; ++t) {
    const Operand &operand = plan.operands[t];
    char *plain = t == kY && config_.y_in_scratch
                      ? own + y_offset_
                      : data.tensors[t] + item.first * image_bytes_[t] +
                            item.block * BlockBytes(static_cast<Tensor>(t));
    if (t == kW && written_ == kW && parts_.size() > 1) plain = own + merged_offset_;
    if (t == kY) {
      y_images = reinterpret_cast<float *>(plain);
      if (written_ != kY && config_.on_images) {
        config_.on_images(args, item.first, plan.batch, y_images);
      }
    }
    Set(h.plain[t], plain);
    if (t == kW && written_ == kW) {
      char *const sum = operand.Reordered() ? own + inner_offset_[kW] : plain;
      Set(h.inner[kW], more ? own + item_offset_ : sum);
    } else if (!operand.Reordered()) {
      Set(h.inner[t], plain);
    } else if (t == kW) {
      // Of several blocks the entries are in their order; else in that of the
      // plans.
      Set(h.inner[t], weights + weights_at_[block_ > 0 ? item.block : item.plan].offset);
    } else {
      Set(h.inner[t], own + inner_offset_[t]);
      if (t == written_) continue;
      const dnnl_status_t status =
          Reorder(operand.reorder, state.stream, h.plain[t], h.inner[t], h.scratch);
      if (status != dnnl_success) return status;
    }
  }
  dnnl_status_t status = dnnl_primitive_execute(plan.primitive.get(), state.stream.get(),
                                                static_cast<int>(h.args.size()), h.args.data());
  if (status != dnnl_success) return status;
  const Operand &result = plan.operands[written_];
  if (written_ == kW) {
    char *const whole = parts_.size() > 1 ? own + merged_offset_ : data.tensors[kW];
    char *const sum = result.Reordered() ? own + inner_offset_[kW] : whole;
    if (more) {
      static const auto add = Simd<AddTo>::Select();
      add(reinterpret_cast<const float *>(own + item_offset_), reinterpret_cast<float *>(sum),
          static_cast<int64_t>(result.inner.get_size() / sizeof(float)));
      if (config_.bias_gradient) {
        char *const bias = parts_.size() > 1 ? own + merged_bias_offset_ : data.bias;
        add(reinterpret_cast<const float *>(own + item_bias_offset_),
            reinterpret_cast<float *>(bias), config_.groups * config_.out);
      }
    }
    if (!result.Reordered() || index + 1 < parts_[part].second) return status;
    Set(h.inner[kW], sum);
    return Reorder(result.reorder, state.stream, h.inner[kW], h.plain[kW], h.scratch);
  }
  if (result.Reordered()) {
    status = Reorder(result.reorder, state.stream, h.inner[written_], h.plain[written_], h.scratch);
  }
  if (written_ == kY && config_.on_images && block_ == 0) {
    config_.on_images(args, item.first, plan.batch, y_images);
  }
  return status;
}

// The gradients of weights and bias: the sums over the parts, in their order.
void ConvolutionKernel::Merge(const KernelArgs &args) const {
  MergeInto(args, merged_offset_, weights_, static_cast<float *>(args.outputs[0]));
  if (!config_.bias_gradient) return;
  MergeInto(args, merged_bias_offset_, config_.groups * config_.out,
            static_cast<float *>(args.outputs[1]));
}

void ConvolutionKernel::MergeInto(const KernelArgs &args, size_t offset, int64_t size,
                                  float *out) const {
  const char *const first = static_cast<const char *>(args.scratch) + shared_bytes_ + offset;
  ParallelForRange(size, kMergeGrain, [&](int64_t begin, int64_t end) {
    for (size_t part = 0; part < parts_.size(); ++part) {
      const float *const from = reinterpret_cast<const float *>(first + part * part_bytes_);
      if (part == 0) {
        std::copy(from + begin, from + end, out + begin);
      } else {
        for (int64_t i = begin; i < end; ++i) out[i] += from[i];
      }
    }
  });
}

absl::Status ConvolutionKernel::Run(const KernelArgs &args) const {
  std::atomic<dnnl_status_t> failed{dnnl_success};
  if (written_ != kW && constant_weights_ == nullptr) {
    char *const scratch = static_cast<char *>(args.scratch);
    failed = ReorderWeights(*static_cast<State *>(args.state), DataOf(args).tensors[kW], scratch,
                            scratch + shared_bytes_);
  }
  auto run = [&](int64_t part) {
    const OneThreadScope one_thread;
    for (int i = parts_[part].first; i < parts_[part].second; ++i) {
      const dnnl_status_t status = RunItem(i, part, args);
      if (status != dnnl_success) failed = status;
    }
  };
  if (parts_.size() == 1) {
    run(0);
  } else {
    ParallelFor(static_cast<int64_t>(parts_.size()), run);
    if (written_ == kW) Merge(args);
  }
  if (written_ == kY && config_.on_images && block_ > 0) {
    // Images whose channels several parts have computed.
    char *const y = static_cast<char *>(args.outputs[0]);
    ParallelFor(config_.batch, [&](int64_t i) {
      config_.on_images(args, i, 1, reinterpret_cast<float *>(y + i * image_bytes_[kY]));
    });
  }
  if (failed != dnnl_success) {
    return absl::InternalError(absl::StrCat("oneDNN: running a convolution (", implementation(),
                                            ") gave status ", failed.load()));
  }
  return absl::OkStatus();
}

// A convolution's descriptors and implementation; the difference between oneDNN
// 2 and 3 lies here. False when oneDNN has none.
class Describer {
 public:
  // `out` channels a group of the result's `c.out`, which are all of them
  // unless there is one group.
  Describer(const ConvolutionConfig &c, int64_t batch, int64_t out) : c_(c) {
    // Two spatial axes, or three where the first is more than a formality.
    const int first =
        c.x[0] == 1 && c.kernel[0] == 1 && c.y[0] == 1 && c.pads_begin[0] == 0 && c.pads_end[0] == 0
            ? 1
            : 0;
    auto tail = [&](const std::vector<int64_t> &v) { return Dims(v.begin() + first, v.end()); };
    strides_ = tail(c.strides);
    pads_begin_ = tail(c.pads_begin);
    pads_end_ = tail(c.pads_end);
    dilates_ = tail(c.dilations);
    for (auto &d : dilates_) --d;
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
    plain_ = {memory::desc(x, f32, maps), memory::desc(w, f32, weights),
              memory::desc(y, f32, maps)};
    if (out != c.out) {
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

  // With maps as they lie in memory, or as oneDNN likes them.
  bool Describe(bool maps_as_they_are, Plan *plan) const {
    std::array<memory::desc, kTensors> want;
    for (int t = 0; t < kTensors; ++t) {
      want[t] = t != kW && maps_as_they_are
                    ? plain_[t]
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
        dnnl::convolution_forward::desc(kind, algorithm, want[kX], want[kW], bias, want[kY],
                                        strides_, dilates_, pads_begin_, pads_end_),
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

 private:
  template <class PrimitiveDesc>
  bool Take(const PrimitiveDesc &pd, const std::array<memory::desc, kTensors> &inner,
            Plan *plan) const {
    plan->implementation = pd.impl_info_str();
    if (IsReferenceImplementation(plan->implementation)) return false;
    plan->scratch = pd.scratchpad_desc();
    plan->scratch_bytes = plan->scratch.get_size();
    plan->bias = bias_;
    const Tensor written = c_.pass == ConvolutionPass::kForward         ? kY
                           : c_.pass == ConvolutionPass::kInputGradient ? kX
                                                                        : kW;
    for (int t = 0; t < kTensors; ++t) {
      Operand &operand = plan->operands[t];
      operand.plain = plain_[t];
      operand.inner = inner[t];
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
  static dnnl::primitive Make(const dnnl::convolution_forward::primitive_desc &pd) {
    return dnnl::convolution_forward(pd);
  }
  static dnnl::primitive Make(const dnnl::convolution_backward_data::primitive_desc &pd) {
    return dnnl::convolution_backward_data(pd);
  }
  static dnnl::primitive Make(const dnnl::convolution_backward_weights::primitive_desc &pd) {
    return dnnl::convolution_backward_weights(pd);
  }

  const ConvolutionConfig &c_;
  Dims strides_, dilates_, pads_begin_, pads_end_;
  std::array<Dims, kTensors> dims_;
  std::array<memory::desc, kTensors> plain_;
  memory::desc bias_;
};

int64_t Product(const std::vector<int64_t> &extents) {
  int64_t product = 1;
  for (int64_t n : extents) product *= n;
  return product;
}

// Cuts the batch and creates the primitives: at most two, for full chunks and
// for the rest.
class Planner {
 public:
  explicit Planner(const ConvolutionConfig &config) : c_(config) {}

  // Null when oneDNN has no fast implementation. May throw dnnl::error.
  std::unique_ptr<Kernel> Plan() {
    kernel_ = std::make_unique<ConvolutionKernel>();
    batches_.clear();
    ConvolutionKernel &k = *kernel_;
    k.config_ = c_;
    k.written_ = c_.pass == ConvolutionPass::kForward         ? kY
                 : c_.pass == ConvolutionPass::kInputGradient ? kX
                                                              : kW;
    k.weights_ = c_.groups * c_.out * c_.in * Product(c_.kernel);
    k.image_bytes_[kX] = c_.groups * c_.in * Product(c_.x) * sizeof(float);
    k.image_bytes_[kY] = c_.groups * c_.out * Product(c_.y) * sizeof(float);
    Cut();
    if (k.block_ > 0) {
      if (!AddPlan(1, k.block_)) return nullptr;
      if (c_.out % k.block_ != 0 && !AddPlan(1, c_.out % k.block_)) return nullptr;
    } else {
      for (const int64_t batch : batches_) {
        if (!AddPlan(batch, c_.out)) return nullptr;
      }
      // Gradients of weights are summed over items in the plans' layout.
      if (k.written_ == kW && k.plans_.size() == 2 &&
          k.plans_[0].operands[kW].inner != k.plans_[1].operands[kW].inner) {
        one_size_ = true;
        return Plan();
      }
    }
    LayOut();
    k.KeepWeights();
    return std::move(kernel_);
  }

 private:
  void Cut() {
    ConvolutionKernel &k = *kernel_;
    const double image_flops =
        2.0 * c_.groups * c_.out * c_.in * Product(c_.y) * Product(c_.kernel);
    double most = std::clamp<double>(image_flops * c_.batch / kMinPartFlops, 1, kMaxParts);
    int64_t chunk = INT64_MAX;
    const int64_t image_bytes = k.image_bytes_[kX] + k.image_bytes_[kY];
    if (c_.pass == ConvolutionPass::kWeightsGradient) {
      // Not more parts than it takes for the weights to be as large as the
      // maps.
      const double maps = 1.0 * image_bytes * c_.batch;
      most = std::min(
          {most, 1.0 * kMaxMergedParts, std::max(2.0, maps / (k.weights_ * sizeof(float)))});
    } else {
      chunk = std::max<int64_t>(1, kChunkBytes / image_bytes);
    }
    if (c_.on_images) chunk = std::max<int64_t>(1, kSmallChunkBytes / image_bytes);
    if (c_.pass == ConvolutionPass::kForward && c_.groups == 1 && c_.batch < most / 2 &&
        c_.out >= 2 * kBlockMultiple && !c_.y_in_scratch) {
      CutChannels(std::min<int64_t>(kMaxBlocks, static_cast<int64_t>(most) / c_.batch));
      return;
    }
    const int64_t share = CeilDiv(c_.batch, static_cast<int64_t>(most));
    chunk = std::min(chunk, share);
    // Equal chunks, where the share has a divisor not much smaller.
    for (int64_t n = chunk; n > chunk / 2; --n) {
      if (share % n != 0) continue;
      chunk = n;
      break;
    }
    if (one_size_) {
      while (c_.batch % chunk != 0) --chunk;
    }
    const int64_t chunks = CeilDiv(c_.batch, chunk);
    const int64_t chunks_a_part = CeilDiv(share, chunk);
    for (int64_t i = 0; i < chunks; ++i) {
      const int64_t batch = std::min(chunk, c_.batch - i * chunk);
      if (batches_.empty() || batches_.back() != batch) batches_.push_back(batch);
      k.items_.push_back({static_cast<int>(batches_.size()) - 1, i * chunk});
    }
    for (int64_t i = 0; i < chunks; i += chunks_a_part) {
      k.parts_.emplace_back(i, std::min(i + chunks_a_part, chunks));
    }
  }

  // Few images: each one's channels are cut into `most` blocks at the most. Each block brings the
  // image into its layout for itself, so there should not be many.
  void CutChannels(int64_t most) {
    ConvolutionKernel &k = *kernel_;
    k.block_ = CeilDiv(CeilDiv(c_.out, most), kBlockMultiple) * kBlockMultiple;
    const int64_t blocks = CeilDiv(c_.out, k.block_);
    for (int64_t i = 0; i < c_.batch; ++i) {
      for (int64_t block = 0; block < blocks; ++block) {
        const int items = static_cast<int>(k.items_.size());
        k.items_.push_back({(block + 1) * k.block_ > c_.out ? 1 : 0, i, block});
        k.parts_.emplace_back(items, items + 1);
      }
    }
  }

  // Whether oneDNN's own layout of maps, in blocks of channels, is so much faster than channels at
  // the end that bringing a few images at a time there and back pays: for windows over many
  // channels, 1.1 to 1.5 x on AVX2; not where the images are pooled at once, nor for 1x1 windows.
  bool WantsBlocks() const {
    constexpr int64_t kManyChannels = 32;
    return c_.groups == 1 && Product(c_.kernel) > 1 && !c_.y_in_scratch &&
           std::min(c_.in, c_.out) >= kManyChannels;
  }

  // Maps as they lie in memory where that is as good: channels at the end.
  bool AddPlan(int64_t batch, int64_t out) {
    const Describer describer(c_, batch, out);
    onednn::Plan plan;
    plan.batch = batch;
    plan.out = out;
    const bool as_they_lie = c_.channels_last && out == c_.out && !WantsBlocks() &&
                             describer.Describe(true, &plan) &&
                             absl::string_view(plan.implementation).substr(0, 4) != "gemm";
    if (!as_they_lie && !describer.Describe(false, &plan)) return false;
    kernel_->plans_.push_back(std::move(plan));
    return true;
  }

  void LayOut() {
    ConvolutionKernel &k = *kernel_;
    size_t scratch = 0;
    std::array<size_t, kTensors> inner = {};
    for (const onednn::Plan &plan : k.plans_) {
      scratch = std::max(scratch, plan.scratch_bytes);
      for (int t = 0; t < kTensors; ++t) {
        const Operand &operand = plan.operands[t];
        if (!operand.Reordered() || (t == kW && k.written_ != kW)) continue;
        inner[t] = std::max(inner[t], Aligned(operand.inner.get_size()));
      }
    }
    const int64_t sets = k.block_ > 0 ? CeilDiv(c_.out, k.block_) : k.plans_.size();
    for (int64_t i = 0; k.written_ != kW && i < sets; ++i) {
      const int plan = k.block_ == 0 ? static_cast<int>(i) : (i + 1) * k.block_ > c_.out ? 1 : 0;
      k.weights_at_.push_back({plan, k.block_ == 0 ? 0 : i, k.shared_bytes_});
      const Operand &w = k.plans_[plan].operands[kW];
      if (w.Reordered()) k.shared_bytes_ += Aligned(w.inner.get_size());
    }
    for (int t = 0; t < kTensors; ++t) {
      k.inner_offset_[t] = k.part_bytes_;
      k.part_bytes_ += inner[t];
    }
    const auto take = [&k](size_t bytes) {
      return std::exchange(k.part_bytes_, k.part_bytes_ + Aligned(bytes));
    };
    const size_t bias = c_.bias_gradient ? c_.groups * c_.out * sizeof(float) : 0;
    if (k.written_ == kW && k.parts_.size() > 1) {
      k.merged_offset_ = take(k.weights_ * sizeof(float));
      k.merged_bias_offset_ = take(bias);
    }
    if (k.written_ == kW && k.items_.size() > k.parts_.size()) {
      k.item_offset_ = take(k.plans_[0].operands[kW].inner.get_size());
      k.item_bias_offset_ = take(bias);
    }
    if (c_.y_in_scratch) k.y_offset_ = take(k.plans_[0].batch * k.image_bytes_[kY]);
    k.scratch_offset_ = k.part_bytes_;
    k.part_bytes_ += Aligned(scratch);
  }

  const ConvolutionConfig &c_;
  std::unique_ptr<ConvolutionKernel> kernel_;
  std::vector<int64_t> batches_;
  bool one_size_ = false;  // all chunks must have as many images
};

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> MakeConvolution(const ConvolutionConfig &config) {
  if (config.batch == 0 || config.in == 0 || config.out == 0 || Product(config.x) == 0 ||
      Product(config.y) == 0) {
    return std::unique_ptr<Kernel>();
  }
  try {
    const OneThreadScope one_thread;
    return Planner(config).Plan();
  } catch (const dnnl::error &error) {
    // What oneDNN does not describe at all it says by an error without meaning.
    if (error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments) {
      return std::unique_ptr<Kernel>();
    }
    return ErrorFrom("preparing a convolution", error);
  } catch (const std::bad_alloc &) {
    return absl::ResourceExhaustedError("oneDNN: preparing a convolution: out of memory");
  }
}

}  // namespace adjoint::ops::onednn
