// The weights of a model: as tensors, and in files of their own.

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/model.h"
#include "nn/weight_files.h"

namespace adjoint::nn {
namespace {

absl::Status Wrap(const std::string& what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

}  // namespace

absl::Status Model::SaveWeights(const std::string& path) const {
  const std::string what = absl::StrCat("saving the weights of model '", name_, "' to ", path);
  if (!network_.built()) {
    return Wrap(what, absl::FailedPreconditionError("it has no weights yet"));
  }
  if (!variables_.status().ok()) return Wrap(what, variables_.status());
  NamedTensors weights;
  for (const std::string& name : WeightNames()) weights.emplace_back(name, *variables_.Find(name));
  return WriteWeightsFile(path, weights);
}

absl::Status Model::LoadWeights(const std::string& path) {
  const std::string what = absl::StrCat("loading weights of model '", name_, "' from ", path);
  if (!network_.built()) {
    return Wrap(what, absl::FailedPreconditionError(
                          "it has no weights yet: begin it with an Input and compile it, or call "
                          "Build first"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const NamedTensors tensors, ReadWeightsFile(path));
  absl::flat_hash_map<std::string, const Tensor*> in_file;
  for (const auto& [name, tensor] : tensors) {
    if (!absl::StartsWith(name, "optimizer/")) in_file[name] = &tensor;
  }
  std::vector<Tensor> weights;
  for (const std::string& name : WeightNames()) {
    const auto found = in_file.find(name);
    if (found == in_file.end()) {
      return Wrap(what, absl::InvalidArgumentError(absl::StrCat("the file has no weight '", name,
                                                                "', which the model has")));
    }
    const TensorSpec& spec = variables_.Find(name)->spec();
    const Tensor& tensor = *found->second;
    in_file.erase(found);
    absl::Status why;
    if (tensor.shape() == spec.shape) {
      absl::StatusOr<Tensor> converted = ConvertExactly(tensor, spec.dtype);
      if (converted.ok()) {
        weights.push_back(*std::move(converted));
        continue;
      }
      why = converted.status();
    }
    return Wrap(what, absl::InvalidArgumentError(
                          absl::StrCat("weight '", name, "' is ", tensor.spec().ToString(),
                                       " in the file, but the network wants ", spec.ToString(),
                                       why.ok() ? "" : "; ", why.message())));
  }
  for (const auto& [name, tensor] : tensors) {
    if (!in_file.contains(name)) continue;
    return Wrap(what, absl::InvalidArgumentError(
                          absl::StrCat("the file has a weight '", name, "', the model has not")));
  }
  return SetWeights(weights);
}

std::vector<Tensor> Model::GetWeights() const {
  std::vector<Tensor> weights;
  for (const std::string& name : WeightNames()) weights.push_back(variables_.Find(name)->Clone());
  return weights;
}

absl::Status Model::SetWeights(absl::Span<const Tensor> weights) {
  const std::vector<std::string> names = WeightNames();
  if (weights.size() != names.size()) {
    return absl::InvalidArgumentError(absl::StrCat("SetWeights: the model has ", names.size(),
                                                   " weights, but was given ", weights.size()));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    const TensorSpec& spec = variables_.Find(names[i])->spec();
    if (weights[i].spec() != spec) {
      return absl::InvalidArgumentError(absl::StrCat("SetWeights: weight '", names[i], "' is ",
                                                     spec.ToString(), ", but was given ",
                                                     weights[i].spec().ToString()));
    }
  }
  frozen_ = false;
  for (size_t i = 0; i < names.size(); ++i) {
    if (weights[i].bytes() == 0) continue;
    std::memcpy(variables_.FindMutable(names[i])->mutable_raw(), weights[i].raw(),
                static_cast<size_t>(weights[i].bytes()));
  }
  return FollowWithMasters();
}

}  // namespace adjoint::nn
