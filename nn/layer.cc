#include "nn/layer.h"

#include "absl/strings/str_cat.h"

namespace adjoint::nn {

absl::Status Layer::Build(absl::Span<const ValueSpec>, std::vector<VariableDecl>*) const {
  return absl::OkStatus();
}

absl::StatusOr<Attrs> Layer::Config() const {
  return absl::UnimplementedError(
      absl::StrCat("layers of class ", ClassName(),
                   " cannot be saved: the class does not override Layer::Config; do so, and "
                   "register a factory with nn::RegisterLayer"));
}

absl::StatusOr<TensorSpec> OneDenseInput(absl::Span<const ValueSpec> inputs,
                                         absl::string_view class_name) {
  if (inputs.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(class_name, " takes one input, but was given ", inputs.size()));
  }
  if (inputs[0].csr) {
    return absl::InvalidArgumentError(
        absl::StrCat(class_name, " takes a dense input, but was given ", inputs[0].ToString(),
                     "; a Dense layer takes it, and CsrMatrix::ToDense converts it"));
  }
  return inputs[0].tensor;
}

}  // namespace adjoint::nn
