#include "nn/weight_files.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/io/npz.h"
#include "core/io/safetensors.h"
#include "core/status_macros.h"
#include "graph/model_file.h"

namespace adjoint::nn {
namespace {

enum class Format { kSafetensors, kNpz, kModel };

Format FormatOf(const std::string& path) {
  if (absl::EndsWithIgnoreCase(path, ".safetensors")) return Format::kSafetensors;
  return absl::EndsWithIgnoreCase(path, ".npz") ? Format::kNpz : Format::kModel;
}

bool HoldsFractions(DType dtype) { return IsFloating(dtype) || IsHalf(dtype); }

}  // namespace

absl::Status WriteWeightsFile(const std::string& path, const NamedTensors& weights) {
  switch (FormatOf(path)) {
    case Format::kSafetensors:
      return io::WriteSafetensors(path, weights, {{"producer", "adjoint"}});
    case Format::kNpz:
      return io::WriteNpz(path, weights);
    case Format::kModel:
      break;
  }
  graph::ModelFile file;
  for (const auto& [name, tensor] : weights) file.variables.Set(name, tensor);
  return graph::WriteModelFile(path, file);
}

absl::StatusOr<NamedTensors> ReadWeightsFile(const std::string& path) {
  switch (FormatOf(path)) {
    case Format::kSafetensors: {
      ADJOINT_ASSIGN_OR_RETURN(io::Safetensors file, io::ReadSafetensors(path));
      return std::move(file.tensors);
    }
    case Format::kNpz:
      return io::ReadNpz(path);
    case Format::kModel:
      break;
  }
  ADJOINT_ASSIGN_OR_RETURN(const graph::ModelFile file, graph::ReadModelFile(path));
  NamedTensors tensors;
  for (const std::string& name : file.variables.Names()) {
    tensors.emplace_back(name, *file.variables.Find(name));
  }
  return tensors;
}

absl::StatusOr<Tensor> ConvertExactly(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  if (!HoldsFractions(tensor.dtype()) || !HoldsFractions(dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(DTypeName(tensor.dtype()), " does not become ", DTypeName(dtype)));
  }
  ADJOINT_ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate({dtype, tensor.shape()}));
  return VisitDType(dtype, [&](auto tag) -> absl::StatusOr<Tensor> {
    using T = typename decltype(tag)::type;
    const absl::Span<T> to = result.mutable_data<T>();
    for (int64_t i = 0; i < tensor.size(); ++i) {
      const double value = tensor.ValueAt(i);
      to[i] = static_cast<T>(value);
      const double back = static_cast<double>(to[i]);
      if (back != value && !(std::isnan(back) && std::isnan(value))) {
        return absl::InvalidArgumentError(
            absl::StrFormat("element %d, %.9g, would become %.9g as %s", i, value, back,
                            std::string(DTypeName(dtype))));
      }
    }
    return result;
  });
}

}  // namespace adjoint::nn
