#include "graph/onnx/knowledge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/evaluate.h"
#include "ops/leaf.h"

namespace adjoint::onnx {

using graph::Node;
using ops::Var;

bool Knowledge::IsKnown(int id) {
  for (int n = static_cast<int>(known_.size()); n <= id; ++n) {
    const Node& node = graph_.node(n);
    bool known = node.op != &ops::InputOp();
    for (Var in : node.inputs) {
      known = known && (known_[in.node] || (node.op->traits.shape_only && in.shape().IsConcrete()));
    }
    known_.push_back(known);
  }
  return known_[id];
}

void Knowledge::Collect(Var v, std::vector<int>* nodes, std::vector<std::string>* inputs) const {
  absl::flat_hash_set<int> seen = {v.node};
  std::vector<int> stack = {v.node};
  while (!stack.empty()) {
    const int id = stack.back();
    stack.pop_back();
    if (computed_.contains(id)) continue;
    const Node& node = graph_.node(id);
    if (node.op == &ops::InputOp()) {
      inputs->push_back(node.attrs.At<std::string>("name"));
      continue;
    }
    nodes->push_back(id);
    for (Var in : node.inputs) {
      if (node.op->traits.shape_only && in.shape().IsConcrete()) continue;
      if (seen.insert(in.node).second) stack.push_back(in.node);
    }
  }
  std::sort(nodes->begin(), nodes->end());
}

absl::Status Knowledge::Evaluate(int id) {
  const Node& node = graph_.node(id);
  if (node.op == &ops::ConstantOp()) {
    computed_[id] = {node.attrs.At<Tensor>("value")};
    return absl::OkStatus();
  }
  std::vector<const void*> inputs;
  for (Var in : node.inputs) {
    const auto it = computed_.find(in.node);
    inputs.push_back(it == computed_.end() ? nullptr : it->second[in.output].raw());
  }
  if (node.op->traits.view) {
    ADJOINT_ASSIGN_OR_RETURN(
        Tensor view,
        computed_[node.inputs[0].node][node.inputs[0].output].Reshaped(node.outputs[0].shape));
    computed_[id] = {std::move(view)};
    return absl::OkStatus();
  }
  ADJOINT_ASSIGN_OR_RETURN(std::vector<Tensor> results, graph::EvaluateNode(node, inputs));
  computed_[id] = std::move(results);
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Knowledge::Get(Var v) {
  if (v.builder != &graph_) {
    return absl::FailedPreconditionError(
        "it must be known when the model is imported, but it is computed in a loop or branch");
  }
  std::vector<int> nodes;
  std::vector<std::string> inputs;
  Collect(v, &nodes, &inputs);
  if (!IsKnown(v.node)) {
    std::sort(inputs.begin(), inputs.end());
    missing_.insert(inputs.begin(), inputs.end());
    return absl::FailedPreconditionError(
        absl::StrCat("it must be known when the model is imported, but it depends on input '",
                     absl::StrJoin(inputs, "', '"), "': give a value of it"));
  }
  for (int id : nodes) {
    if (absl::Status status = Evaluate(id); !status.ok()) {
      return absl::Status(
          status.code() == absl::StatusCode::kFailedPrecondition
              ? absl::StatusCode::kInvalidArgument
              : status.code(),
          absl::StrCat("computing ", graph_.NodeToString(id), ": ", status.message()));
    }
  }
  return computed_[v.node][v.output];
}

std::optional<Tensor> Knowledge::Find(Var v) {
  if (!v.valid() || v.builder != &graph_ || !IsKnown(v.node)) return std::nullopt;
  absl::StatusOr<Tensor> value = Get(v);
  if (!value.ok()) return std::nullopt;
  return *std::move(value);
}

std::optional<std::vector<Dim>> Knowledge::FindDims(Var v) {
  if (auto it = dims_.find(v); it != dims_.end()) return it->second;
  if (!IsInteger(v.dtype()) || v.shape().rank() > 1) return std::nullopt;
  const std::optional<Tensor> value = Find(v);
  std::vector<Dim> dims;
  if (value.has_value()) {
    for (int64_t i = 0; i < value->size(); ++i) {
      dims.push_back(IntAt(*value, i));
    }
    return dims;
  }
  return std::nullopt;
}

void Knowledge::SetDims(Var v, std::vector<Dim> dims) {
  if (v.valid()) dims_[v] = std::move(dims);
}

int64_t IntAt(const Tensor& tensor, int64_t i) {
  return VisitDType(tensor.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T value = static_cast<const T*>(tensor.raw())[i];
    if constexpr (std::is_integral_v<T>) {
      return static_cast<int64_t>(value);
    } else {
      const double number = static_cast<double>(value);
      if (!(number > -9.2e18 && number < 9.2e18)) return int64_t{0};
      return static_cast<int64_t>(number);
    }
  });
}

}  // namespace adjoint::onnx
