#include "ops/op_def.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace adjoint::ops {
namespace {

std::string InputCountRule(const OpDef& op) {
  if (op.min_inputs == op.max_inputs) return absl::StrCat(op.min_inputs);
  if (op.max_inputs == kVariadic) return absl::StrCat(op.min_inputs, " or more");
  return absl::StrCat(op.min_inputs, " to ", op.max_inputs);
}

absl::Status CheckDeclaration(const OpDef& op, size_t inputs, const Attrs& attrs) {
  const int n = static_cast<int>(inputs);
  if (n < op.min_inputs || (op.max_inputs != kVariadic && n > op.max_inputs)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes ", InputCountRule(op), " inputs, but was given ", n));
  }
  for (const AttrDecl& decl : op.attrs) {
    const AttrValue* value = attrs.Find(decl.name);
    if (value == nullptr && !decl.optional) {
      return absl::InvalidArgumentError(
          absl::StrCat("attribute '", decl.name, "' (", AttrKindName(decl.kind), ") is missing"));
    }
    if (value != nullptr && KindOf(*value) != decl.kind) {
      return absl::InvalidArgumentError(absl::StrCat("attribute '", decl.name, "' must be of kind ",
                                                     AttrKindName(decl.kind), ", but is of kind ",
                                                     AttrKindName(KindOf(*value))));
    }
  }
  for (const Attrs::Entry& entry : attrs.entries()) {
    const bool known = std::any_of(op.attrs.begin(), op.attrs.end(),
                                   [&](const AttrDecl& d) { return d.name == entry.first; });
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat("has no attribute '", entry.first, "'"));
    }
  }
  return absl::OkStatus();
}

// Kernels may lay out tables as large as an extent, which may come from a file.
absl::StatusOr<std::unique_ptr<Kernel>> Prepare(const OpDef& op, const KernelDef& def,
                                                const KernelRequest& request) {
  try {
    return def.prepare(request);
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(op.name, "/", def.name, ": out of memory for what the kernel prepares"));
}

}  // namespace

absl::StatusOr<std::vector<TensorSpec>> InferOp(const OpDef& op,
                                                absl::Span<const TensorSpec> inputs,
                                                const Attrs& attrs) {
  ADJOINT_RETURN_IF_ERROR(CheckDeclaration(op, inputs.size(), attrs));
  ADJOINT_ASSIGN_OR_RETURN(std::vector<TensorSpec> outputs, op.infer(InferContext{inputs, attrs}));
  for (const TensorSpec& spec : outputs) {
    ADJOINT_RETURN_IF_ERROR(spec.CheckExtents());
  }
  return outputs;
}

absl::StatusOr<PreparedKernel> PrepareKernel(const OpDef& op, const KernelRequest& request,
                                             absl::Span<const std::string> skip) {
  for (const KernelDef& def : op.kernels) {
    if (std::find(skip.begin(), skip.end(), def.name) != skip.end()) continue;
    ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, Prepare(op, def, request));
    if (kernel != nullptr) {
      return PreparedKernel{std::move(kernel), absl::StrCat(op.name, "/", def.name)};
    }
  }
  return absl::UnimplementedError(absl::StrCat(
      op.name, ": no kernel for (",
      absl::StrJoin(
          request.inputs, ", ",
          [](std::string* out, const TensorSpec& s) { absl::StrAppend(out, s.ToString()); }),
      ")", request.attrs.ToString()));
}

}  // namespace adjoint::ops
