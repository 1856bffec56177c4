#ifndef ADJOINT_OPS_ONEDNN_CONVOLUTION_KERNEL_H_
#define ADJOINT_OPS_ONEDNN_CONVOLUTION_KERNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/buffer.h"
#include "oneapi/dnnl/dnnl.hpp"
#include "ops/kernel.h"
#include "ops/onednn/convolution.h"

// How a planned convolution runs. convolution.cc plans it. Not for use outside this folder.

namespace adjoint::ops::onednn {

// The tensors of a convolution: maps, weights, and the result's maps.
enum Role { kX, kW, kY, kRoles };

// The one that a pass writes.
inline Role WrittenBy(ConvolutionPass pass) {
  if (pass == ConvolutionPass::kForward) return kY;
  return pass == ConvolutionPass::kInputGradient ? kX : kW;
}

// One of them: as it lies in memory, and as the primitive wants it.
struct Operand {
  dnnl::memory::desc plain, inner;
  dnnl::reorder reorder;  // null where they are the same
  bool Reordered() const { return reorder.get(true) != nullptr; }
};

// A convolution of `batch` images to `out` channels a group.
struct ConvolutionPlan {
  int64_t batch = 0, out = 0;
  dnnl::primitive primitive;
  std::array<Operand, kRoles> operands;
  dnnl::memory::desc bias, scratch;
  size_t scratch_bytes = 0;  // of the primitive and of the reorders
  std::string implementation;
};

// Images first .. first + batch of the plan, and of their results the channels of a block.
struct Item {
  int plan;
  int64_t first;
  int64_t block = 0;
};

// Runs its items in parts, each on one thread. ConvolutionPlanner fills it.
class ConvolutionKernel : public Kernel {
 public:
  struct Handles {
    std::array<dnnl::memory, kRoles> plain, inner;
    dnnl::memory bias, scratch;
    std::vector<dnnl_exec_arg_t> args;
  };
  struct State : KernelState {
    explicit State(const dnnl::engine& engine) : stream(engine) {}
    dnnl::stream stream;
    std::vector<std::vector<Handles>> parts;  // [part][plan]
  };

  absl::Status Run(const KernelArgs& args) const override;
  size_t scratch_bytes() const override { return shared_bytes_ + parts_.size() * part_bytes_; }
  size_t constant_bytes() const override {
    return constant_weights_ == nullptr ? 0 : constant_weights_->size();
  }
  std::unique_ptr<KernelState> MakeState() const override;
  std::string implementation() const override { return plans_[0].implementation; }

 private:
  friend class ConvolutionPlanner;

  // Where a tensor's elements are, for one image and one run.
  struct Data {
    std::array<char*, kRoles> tensors;
    char* bias;
  };

  Data DataOf(const KernelArgs& args) const;
  dnnl_status_t ReorderWeights(State& state, char* plain, char* to, char* scratch) const;
  void KeepWeights();
  dnnl_status_t RunItem(int64_t index, int64_t part, const KernelArgs& args) const;
  void Merge(const KernelArgs& args) const;
  // out = the sum of the parts' arrays of `size` at `offset`.
  void MergeInto(const KernelArgs& args, size_t offset, int64_t size, float* out) const;
  // From a block of output channels to the next.
  size_t BlockBytes(Role t) const;

  ConvolutionConfig config_;
  Role written_ = kY;
  std::array<size_t, kRoles> image_bytes_ = {};  // 0 for the weights
  int64_t weights_ = 0;                          // elements
  std::vector<ConvolutionPlan> plans_;
  std::vector<Item> items_;
  std::vector<std::pair<int, int>> parts_;  // items first .. last-1
  // With one image at a time the result's channels may be cut instead, into blocks of so many.
  int64_t block_ = 0;  // 0: they are not
  // Scratch: the weights of each plan, or of each block, then for each part its tensors in the
  // plan's layout, its gradients of weights and bias, those of one item, its images of y, and
  // oneDNN's own.
  size_t shared_bytes_ = 0, part_bytes_ = 0;
  struct Weights {
    int plan;
    int64_t block;
    size_t offset;
  };
  std::vector<Weights> weights_at_;
  std::shared_ptr<Buffer> constant_weights_;  // in place of the scratch's
  std::array<size_t, kRoles> inner_offset_ = {};
  size_t merged_offset_ = 0, scratch_offset_ = 0;
  size_t merged_bias_offset_ = 0;
  // Of one item, where a part sums those of several.
  size_t item_offset_ = 0, item_bias_offset_ = 0;
  size_t y_offset_ = 0;
};

}  // namespace adjoint::ops::onednn

#endif  // ADJOINT_OPS_ONEDNN_CONVOLUTION_KERNEL_H_
