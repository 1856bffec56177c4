#include "nn/state_bindings.h"

#include <algorithm>

#include "ops/cast.h"

namespace adjoint::nn {

graph::StateBinding* StateBindings::Find(const std::string& variable) {
  for (graph::StateBinding& binding : bindings_) {
    if (binding.variable == variable) return &binding;
  }
  return nullptr;
}

Var StateBindings::Read(const std::string& variable, const TensorSpec& spec) {
  if (graph::StateBinding* const binding = Find(variable)) return binding->read;
  const Var read = graph_.Input(variable, spec, std::source_location());
  bindings_.push_back({variable, read, read});
  return read;
}

Var StateBindings::ReadAs(const std::string& variable, const TensorSpec& spec, DType dtype) {
  const Var read = Read(variable, spec);
  if (spec.dtype == dtype) return read;
  const auto [it, added] = converted_.try_emplace(variable);
  if (added) it->second = ops::Cast(read, dtype);
  return it->second;
}

void StateBindings::Write(const std::string& variable, Var value) { Find(variable)->write = value; }

Value AddInput(graph::Program& program, graph::Graph& graph, absl::string_view name,
               const ValueSpec& spec) {
  const Shape& shape = spec.tensor.shape;
  if (spec.csr) {
    const std::source_location nowhere;
    const int64_t cols = shape.dim(1).value();
    const CsrVar input = spec.ones ? graph.CsrOnesInput(name, shape.dim(0), cols, nowhere)
                                   : graph.CsrInput(name, shape.dim(0), cols, nowhere);
    program.AddInput(name, input);
    return input;
  }
  const Var input = graph.Input(name, spec.tensor, std::source_location());
  program.AddInput(name, input);
  return input;
}

}  // namespace adjoint::nn
