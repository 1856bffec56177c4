#include "ops/onednn/convolution_kernel.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "ops/onednn/engine.h"

namespace adjoint::ops::onednn {
namespace {

using dnnl::memory;

// Elements of a part of the sum over the parts' gradients.
constexpr int64_t kMergeGrain = 1 << 14;

struct AddTo {
  static ADJOINT_INLINE void Run(const float* __restrict x, float* __restrict y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] += x[i];
  }
};

}  // namespace

ConvolutionKernel::Data ConvolutionKernel::DataOf(const KernelArgs& args) const {
  auto in = [&](int i) { return static_cast<char*>(const_cast<void*>(args.inputs[i])); };
  char* const out = static_cast<char*>(args.outputs[0]);
  const bool no_y = config_.y_in_scratch;
  switch (config_.pass) {
    case ConvolutionPass::kInputGradient:
      return {{out, in(1), no_y ? nullptr : in(0)}, nullptr};
    case ConvolutionPass::kWeightsGradient:
      return {{in(0), out, no_y ? nullptr : in(1)},
              config_.bias_gradient ? static_cast<char*>(args.outputs[1]) : nullptr};
    case ConvolutionPass::kForward:
      break;
  }
  return {{in(0), in(1), no_y ? nullptr : out}, config_.bias ? in(2) : nullptr};
}

std::unique_ptr<KernelState> ConvolutionKernel::MakeState() const {
  // Only out of memory can fail here, as in any allocation.
  const dnnl::engine& engine = CpuEngine();
  auto state = std::make_unique<State>(engine);
  auto wrap = [&](const memory::desc& desc) { return memory(desc, engine, nullptr); };
  std::array<int, kRoles> ids = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
  if (config_.pass == ConvolutionPass::kInputGradient) {
    ids = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
  } else if (config_.pass == ConvolutionPass::kWeightsGradient) {
    ids = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
  }
  for (size_t part = 0; part < parts_.size(); ++part) {
    std::vector<Handles>& all = state->parts.emplace_back();
    for (const ConvolutionPlan& plan : plans_) {
      Handles& h = all.emplace_back();
      for (int t = 0; t < kRoles; ++t) {
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

void Set(const memory& m, char* data) { dnnl_memory_set_data_handle(m.get(), data); }

dnnl_status_t Reorder(const dnnl::reorder& reorder, const dnnl::stream& stream, const memory& from,
                      const memory& to, const memory& scratch) {
  const dnnl_exec_arg_t args[] = {
      {DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}, {DNNL_ARG_SCRATCHPAD, scratch.get()}};
  return dnnl_primitive_execute(reorder.get(), stream.get(), 3, args);
}

// Weights that are read, for all parts, to where weights_at_ says from `to` on. `scratch` is a
// part's.
dnnl_status_t ConvolutionKernel::ReorderWeights(State& state, char* plain, char* to,
                                                char* scratch) const {
  const OneThreadScope one_thread;
  for (const Weights& at : weights_at_) {
    const Operand& w = plans_[at.plan].operands[kW];
    if (!w.Reordered()) continue;
    const Handles& h = state.parts[0][at.plan];
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
  char* const plain = static_cast<char*>(const_cast<void*>(config_.constant_weights));
  const dnnl_status_t status =
      ReorderWeights(static_cast<State&>(*state), plain, static_cast<char*>((*kept)->data()),
                     static_cast<char*>((*scratch)->data()));
  if (status != dnnl_success) return;
  constant_weights_ = *kept;
  shared_bytes_ = 0;
}

size_t ConvolutionKernel::BlockBytes(Role t) const {
  const size_t channels = block_ * sizeof(float);
  if (t == kX || block_ == 0) return 0;
  if (t == kW) return channels * (weights_ / config_.out);
  return config_.channels_last && config_.y_block == 0
             ? channels
             : channels * (image_bytes_[kY] / sizeof(float) / config_.out);
}

dnnl_status_t ConvolutionKernel::RunItem(int64_t index, int64_t part,
                                         const KernelArgs& args) const {
  const Item& item = items_[index];
  State& state = *static_cast<State*>(args.state);
  const ConvolutionPlan& plan = plans_[item.plan];
  const Handles& h = state.parts[part][item.plan];
  char* const shared = static_cast<char*>(args.scratch);
  char* const own = shared + shared_bytes_ + part * part_bytes_;
  char* const weights =
      constant_weights_ == nullptr ? shared : static_cast<char*>(constant_weights_->data());
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
  float* y_images = nullptr;
  for (int t = 0; t < kRoles; ++t) {
    const Operand& operand = plan.operands[t];
    char* plain = t == kY && config_.y_in_scratch
                      ? own + y_offset_
                      : data.tensors[t] + item.first * image_bytes_[t] +
                            item.block * BlockBytes(static_cast<Role>(t));
    if (t == kW && written_ == kW && parts_.size() > 1) plain = own + merged_offset_;
    if (t == kY) {
      y_images = reinterpret_cast<float*>(plain);
      if (written_ != kY && config_.on_images) {
        config_.on_images(args, item.first, plan.batch, y_images);
      }
    }
    Set(h.plain[t], plain);
    if (t == kW && written_ == kW) {
      char* const sum = operand.Reordered() ? own + inner_offset_[kW] : plain;
      Set(h.inner[kW], more ? own + item_offset_ : sum);
    } else if (!operand.Reordered()) {
      Set(h.inner[t], plain);
    } else if (t == kW) {
      // Of several blocks the entries are in their order; else in that of the plans.
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
  const Operand& result = plan.operands[written_];
  if (written_ == kW) {
    char* const whole = parts_.size() > 1 ? own + merged_offset_ : data.tensors[kW];
    char* const sum = result.Reordered() ? own + inner_offset_[kW] : whole;
    if (more) {
      static const auto add = Simd<AddTo>::Select();
      add(reinterpret_cast<const float*>(own + item_offset_), reinterpret_cast<float*>(sum),
          static_cast<int64_t>(result.inner.get_size() / sizeof(float)));
      if (config_.bias_gradient) {
        char* const bias = parts_.size() > 1 ? own + merged_bias_offset_ : data.bias;
        add(reinterpret_cast<const float*>(own + item_bias_offset_), reinterpret_cast<float*>(bias),
            config_.groups * config_.out);
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
void ConvolutionKernel::Merge(const KernelArgs& args) const {
  MergeInto(args, merged_offset_, weights_, static_cast<float*>(args.outputs[0]));
  if (!config_.bias_gradient) return;
  MergeInto(args, merged_bias_offset_, config_.groups * config_.out,
            static_cast<float*>(args.outputs[1]));
}

void ConvolutionKernel::MergeInto(const KernelArgs& args, size_t offset, int64_t size,
                                  float* out) const {
  const char* const first = static_cast<const char*>(args.scratch) + shared_bytes_ + offset;
  ParallelForRange(size, kMergeGrain, [&](int64_t begin, int64_t end) {
    for (size_t part = 0; part < parts_.size(); ++part) {
      const float* const from = reinterpret_cast<const float*>(first + part * part_bytes_);
      if (part == 0) {
        std::copy(from + begin, from + end, out + begin);
      } else {
        for (int64_t i = begin; i < end; ++i) out[i] += from[i];
      }
    }
  });
}

absl::Status ConvolutionKernel::Run(const KernelArgs& args) const {
  std::atomic<dnnl_status_t> failed{dnnl_success};
  if (written_ != kW && constant_weights_ == nullptr) {
    char* const scratch = static_cast<char*>(args.scratch);
    failed = ReorderWeights(*static_cast<State*>(args.state), DataOf(args).tensors[kW], scratch,
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
    char* const y = static_cast<char*>(args.outputs[0]);
    ParallelFor(config_.batch, [&](int64_t i) {
      config_.on_images(args, i, 1, reinterpret_cast<float*>(y + i * image_bytes_[kY]));
    });
  }
  if (failed != dnnl_success) {
    return absl::InternalError(absl::StrCat("oneDNN: running a convolution (", implementation(),
                                            ") gave status ", failed.load()));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::ops::onednn
