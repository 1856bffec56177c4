#include "graph/body_kernel.h"

#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "graph/op_lookup.h"

namespace adjoint::graph {
namespace {

const CompileOptions& ReferenceOptions() {
  static const CompileOptions* const options = [] {
    std::set<std::string> names;
    for (const ops::OpDef* op : AllOps()) {
      for (const ops::KernelDef& kernel : op->kernels) names.insert(kernel.name);
    }
    names.erase("reference");
    auto* const reference = new CompileOptions;
    reference->optimize = false;
    reference->skip_kernels.assign(names.begin(), names.end());
    return reference;
  }();
  return *options;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Executable>> CompileBody(const Body& body, BodyKernel kind) {
  return Executable::Compile(
      body.program(), kind == BodyKernel::kReference ? ReferenceOptions() : CompileOptions{});
}

BodyState::BodyState(const Executable& executable)
    : inputs(executable.program().inputs.size()), outputs(executable.program().outputs.size()) {
  auto made = executable.NewWorkspace();
  status = made.status();
  if (made.ok()) workspace = *std::move(made);
}

std::string KernelNames(const Executable& executable) {
  return absl::StrJoin(
      executable.Steps(), ", ",
      [](std::string* out, const Executable::Step& step) { out->append(step.kernel); });
}

int64_t BytesOf(const TensorSpec& spec) { return spec.ByteSize().value_or(0); }

void CopyBytes(void* to, const void* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

}  // namespace adjoint::graph
