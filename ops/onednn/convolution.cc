#include "ops/onednn/convolution.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "absl/strings/string_view.h"
#include "ops/onednn/convolution_describer.h"
#include "ops/onednn/convolution_kernel.h"
#include "ops/onednn/engine.h"

namespace adjoint::ops::onednn {
namespace {

// What a part should take at least, some 40 microseconds.
constexpr double kMinPartFlops = 4e6;
constexpr int64_t kMaxParts = 32;
// Parts of a gradient of weights have weights of their own, to be merged.
constexpr int64_t kMaxMergedParts = 8;
// Images that a primitive takes at once while they are in another layout: what a cache holds.
constexpr int64_t kChunkBytes = 768 << 10;
// The same where more is done with them.
constexpr int64_t kSmallChunkBytes = 256 << 10;

// Output channels of a block are a multiple of this: as many as any layout of oneDNN's interleaves.
constexpr int64_t kBlockMultiple = 16;
constexpr int64_t kMaxBlocks = 4;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
size_t Aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

int64_t Product(const std::vector<int64_t>& extents) {
  int64_t product = 1;
  for (int64_t n : extents) product *= n;
  return product;
}

}  // namespace

// Cuts the batch and creates the primitives: at most two, for full chunks and for the rest.
class ConvolutionPlanner {
 public:
  explicit ConvolutionPlanner(const ConvolutionConfig& config) : c_(config) {}

  // Null when oneDNN has no fast implementation. May throw dnnl::error.
  std::unique_ptr<Kernel> Plan() {
    kernel_ = std::make_unique<ConvolutionKernel>();
    batches_.clear();
    ConvolutionKernel& k = *kernel_;
    k.config_ = c_;
    k.written_ = WrittenBy(c_.pass);
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
    ConvolutionKernel& k = *kernel_;
    const double image_flops =
        2.0 * c_.groups * c_.out * c_.in * Product(c_.y) * Product(c_.kernel);
    double most = std::clamp<double>(image_flops * c_.batch / kMinPartFlops, 1, kMaxParts);
    int64_t chunk = INT64_MAX;
    const int64_t image_bytes = k.image_bytes_[kX] + k.image_bytes_[kY];
    if (c_.pass == ConvolutionPass::kWeightsGradient) {
      // Not more parts than it takes for the weights to be as large as the maps.
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
    ConvolutionKernel& k = *kernel_;
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

  // Maps as they lie in memory where that is as good: channels at the end.
  bool AddPlan(int64_t batch, int64_t out) {
    using Maps = ConvolutionDescriber::Maps;
    const ConvolutionDescriber describer(c_, batch, out);
    ConvolutionPlan plan;
    plan.batch = batch;
    plan.out = out;
    bool made = false;
    if (c_.x_block > 0 || c_.y_block > 0) {
      made = describer.Describe(Maps::kInBlocks, &plan);
    } else if (c_.channels_last && out == c_.out &&
               (c_.y_in_scratch || !PrefersBlocks(c_.groups, c_.in, c_.out, Product(c_.kernel)))) {
      made = describer.Describe(Maps::kAll, &plan) &&
             absl::string_view(plan.implementation).substr(0, 4) != "gemm";
    }
    if (!made && !describer.Describe(Maps::kNone, &plan)) return false;
    kernel_->plans_.push_back(std::move(plan));
    return true;
  }

  void LayOut() {
    ConvolutionKernel& k = *kernel_;
    size_t scratch = 0;
    std::array<size_t, kRoles> inner = {};
    for (const ConvolutionPlan& plan : k.plans_) {
      scratch = std::max(scratch, plan.scratch_bytes);
      for (int t = 0; t < kRoles; ++t) {
        const Operand& operand = plan.operands[t];
        if (!operand.Reordered() || (t == kW && k.written_ != kW)) continue;
        inner[t] = std::max(inner[t], Aligned(operand.inner.get_size()));
      }
    }
    const int64_t sets = k.block_ > 0 ? CeilDiv(c_.out, k.block_) : k.plans_.size();
    for (int64_t i = 0; k.written_ != kW && i < sets; ++i) {
      const int plan = k.block_ == 0 ? static_cast<int>(i) : (i + 1) * k.block_ > c_.out ? 1 : 0;
      k.weights_at_.push_back({plan, k.block_ == 0 ? 0 : i, k.shared_bytes_});
      const Operand& w = k.plans_[plan].operands[kW];
      if (w.Reordered()) k.shared_bytes_ += Aligned(w.inner.get_size());
    }
    for (int t = 0; t < kRoles; ++t) {
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

  const ConvolutionConfig& c_;
  std::unique_ptr<ConvolutionKernel> kernel_;
  std::vector<int64_t> batches_;
  bool one_size_ = false;  // all chunks must have as many images
};

int64_t ChannelsABlock() {
  static const bool wide = (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) &
                            static_cast<unsigned>(dnnl_cpu_isa_avx512_core)) ==
                           static_cast<unsigned>(dnnl_cpu_isa_avx512_core);
  return wide ? 16 : 8;
}

bool PrefersBlocks(int64_t groups, int64_t in, int64_t out, int64_t window) {
  constexpr int64_t kManyChannels = 32;
  return groups == 1 && window > 1 && std::min(in, out) >= kManyChannels;
}

absl::StatusOr<std::unique_ptr<Kernel>> MakeConvolution(const ConvolutionConfig& config) {
  if (config.batch == 0 || config.in == 0 || config.out == 0 || Product(config.x) == 0 ||
      Product(config.y) == 0) {
    return std::unique_ptr<Kernel>();
  }
  for (const int64_t block : {config.x_block, config.y_block}) {
    if (block != 0 && block != 8 && block != 16) return std::unique_ptr<Kernel>();
  }
  try {
    const OneThreadScope one_thread;
    return ConvolutionPlanner(config).Plan();
  } catch (const dnnl::error& error) {
    // What oneDNN does not describe at all it says by an error without meaning.
    if (error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments) {
      return std::unique_ptr<Kernel>();
    }
    return ErrorFrom("preparing a convolution", error);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("oneDNN: preparing a convolution: out of memory");
  }
}

}  // namespace adjoint::ops::onednn
