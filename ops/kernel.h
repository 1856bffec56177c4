#ifndef ADJOINT_OPS_KERNEL_H_
#define ADJOINT_OPS_KERNEL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/tensor_spec.h"

namespace adjoint::ops {

// What a kernel is prepared for. Every shape is concrete. Borrowed; not valid after the call.
struct KernelRequest {
  absl::Span<const TensorSpec> inputs;
  absl::Span<const TensorSpec> outputs;
  const Attrs& attrs;
  // The elements of the inputs that are the same in every run, null for the others; empty where
  // nothing is known. They outlive the kernel, which may keep them in a layout of its own.
  absl::Span<const void* const> constants = {};

  const void* constant(size_t input) const {
    return input < constants.size() ? constants[input] : nullptr;
  }
};

// Whatever a kernel needs to keep per concurrent caller (oneDNN memory objects, say).
class KernelState {
 public:
  virtual ~KernelState() = default;
};

// The operands of one run. Dense row-major arrays of the specs prepared for, 64-byte aligned where
// they lie in an arena and aligned to their element always. Inputs may equal each other. An output
// equals an input only where the op's record lists the pair as an alias.
struct KernelArgs {
  const void* const* inputs;
  void* const* outputs;
  void* scratch;       // scratch_bytes() bytes, 64-byte aligned
  KernelState* state;  // what MakeState() returned to this caller
};

// A computation prepared once for given specs and attributes and run many times. Immutable:
// several threads may run it at once, each with operands, scratch and state of its own.
class Kernel {
 public:
  virtual ~Kernel() = default;

  // Writes every element of every output. An error is about values (an index out of range); it
  // leaves the outputs undefined.
  virtual absl::Status Run(const KernelArgs& args) const = 0;

  virtual size_t scratch_bytes() const { return 0; }
  // What it keeps of the request's constants.
  virtual size_t constant_bytes() const { return 0; }
  virtual std::unique_ptr<KernelState> MakeState() const { return nullptr; }

  // The implementation chosen underneath, such as "brg:avx2"; empty when there is nothing to add
  // to the kernel's name.
  virtual std::string implementation() const { return ""; }
};

// Prepares a kernel, or returns null where it declines the case.
using PrepareFn = std::function<absl::StatusOr<std::unique_ptr<Kernel>>(const KernelRequest&)>;

// One way to compute an op.
struct KernelDef {
  std::string name;  // "reference", "simd", "onednn"
  PrepareFn prepare;
};

// A kernel that is a plain function of its operands.
using KernelFn = std::function<absl::Status(const KernelArgs&)>;
std::unique_ptr<Kernel> MakeKernel(KernelFn fn, size_t scratch_bytes = 0,
                                   std::string implementation = "");

// The operands of a kernel as arrays of T.
template <typename T>
const T* In(const KernelArgs& args, int i) {
  return static_cast<const T*>(args.inputs[i]);
}
template <typename T>
T* Out(const KernelArgs& args, int i = 0) {
  return static_cast<T*>(args.outputs[i]);
}

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_KERNEL_H_
