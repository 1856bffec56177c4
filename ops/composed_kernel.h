#ifndef ADJOINT_OPS_COMPOSED_KERNEL_H_
#define ADJOINT_OPS_COMPOSED_KERNEL_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/attrs.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// Makes a kernel of the reference kernels of several ops: that of a fused op.
//
//   Composer composer(request);
//   const int product = composer.Add(ConvOp(), {composer.Input(0), composer.Input(1)}, attrs);
//   composer.AddTo(0, ReluOp(), {product}, {});
//   return composer.Finish();
class Composer {
 public:
  explicit Composer(const KernelRequest& request);

  // The value that is the request's input i.
  int Input(int i) const { return i; }
  // A step, whose outputs live in scratch, and the value of its first output; the others follow.
  int Add(const OpDef& op, const std::vector<int>& inputs, const Attrs& attrs);
  // A step that writes the request's outputs from `output` on. An elementwise one may read the
  // value that it writes over.
  int AddTo(int output, const OpDef& op, const std::vector<int>& inputs, const Attrs& attrs);

  absl::StatusOr<std::unique_ptr<Kernel>> Finish();

 private:
  enum class Place { kInput, kOutput, kScratch };
  struct Value {
    TensorSpec spec;
    Place place;
    size_t at;  // which, or the offset
  };
  struct Step {
    std::unique_ptr<Kernel> kernel;
    std::vector<int> inputs, outputs;
  };
  class ComposedKernel;

  int AddStep(const OpDef& op, const std::vector<int>& inputs, const Attrs& attrs, int output);

  absl::Status status_;
  std::vector<Value> values_;
  std::vector<Step> steps_;
  size_t values_bytes_ = 0, steps_bytes_ = 0;
};

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_COMPOSED_KERNEL_H_
