#include "ops/kernel.h"

#include <utility>

namespace adjoint::ops {
namespace {

class FunctionKernel : public Kernel {
 public:
  FunctionKernel(KernelFn fn, size_t scratch_bytes, std::string implementation)
      : fn_(std::move(fn)),
        scratch_bytes_(scratch_bytes),
        implementation_(std::move(implementation)) {}

  absl::Status Run(const KernelArgs& args) const override { return fn_(args); }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string implementation() const override { return implementation_; }

 private:
  const KernelFn fn_;
  const size_t scratch_bytes_;
  const std::string implementation_;
};

}  // namespace

std::unique_ptr<Kernel> MakeKernel(KernelFn fn, size_t scratch_bytes, std::string implementation) {
  return std::make_unique<FunctionKernel>(std::move(fn), scratch_bytes, std::move(implementation));
}

}  // namespace adjoint::ops
