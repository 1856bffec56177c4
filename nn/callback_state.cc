#include "nn/callback_state.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/model_file.h"

namespace adjoint::nn {
namespace {

constexpr char kNumbers[] = "numbers";

// In lexicographic order they stand as they were.
std::string TensorName(size_t i) { return absl::StrFormat("tensor_%09d", i); }

}  // namespace

std::string CallbackState::Serialize() const {
  graph::ModelFile file;
  file.variables.Set(kNumbers, Tensor::Vector<double>(numbers));
  for (size_t i = 0; i < tensors.size(); ++i) file.variables.Set(TensorName(i), tensors[i]);
  // Beyond protobuf's two gigabytes there is nothing to keep; Parse then tells.
  return graph::SerializeModel(file).value_or("");
}

absl::StatusOr<CallbackState> CallbackState::Parse(absl::string_view callback,
                                                   absl::string_view bytes, size_t num_numbers) {
  const auto wrong = [&](absl::string_view what) {
    return absl::DataLossError(
        absl::StrCat("the state of callback ", callback, " in the checkpoint: ", what));
  };
  auto file = graph::ParseModel(bytes);
  if (!file.ok()) return wrong(file.status().message());
  const Tensor* const numbers = file->variables.Find(kNumbers);
  if (numbers == nullptr || numbers->dtype() != DType::kF64 ||
      numbers->size() != static_cast<int64_t>(num_numbers)) {
    return wrong("it is that of another callback");
  }
  CallbackState state{{numbers->data<double>().begin(), numbers->data<double>().end()}};
  for (size_t i = 0; file->variables.Has(TensorName(i)); ++i) {
    state.tensors.push_back(file->variables.Find(TensorName(i))->Clone());
  }
  return state;
}

}  // namespace adjoint::nn
