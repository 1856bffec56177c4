#include "apps/imdb/attribution.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradients.h"
#include "nn/state_bindings.h"
#include "ops/arithmetic.h"

namespace adjoint::apps::imdb {
namespace {

// How much room a row of `entries` gets, so that reviews of nearly all lengths are run by one
// executable: the shares have the room's extent, and the kernels stop at the row's end.
int64_t RoomFor(int64_t entries) {
  int64_t room = 1024;
  while (room < entries) room *= 2;
  return room;
}

// The tensor, zeros behind it.
Tensor Padded(const Tensor& tensor, int64_t room) {
  Tensor padded = Tensor::Zeros({tensor.dtype(), Shape{room}});
  if (tensor.bytes() > 0) {
    std::memcpy(padded.mutable_raw(), tensor.raw(), static_cast<size_t>(tensor.bytes()));
  }
  return padded;
}

}  // namespace

absl::StatusOr<Attribution> Attribution::Create(const nn::Model& model, const nn::ValueSpec& input,
                                                const Choice& choice) {
  return Create(model, absl::MakeConstSpan(&input, 1), 0, choice);
}

absl::StatusOr<Attribution> Attribution::Create(const nn::Model& model,
                                                absl::Span<const nn::ValueSpec> inputs, size_t of,
                                                const Choice& choice) {
  const auto graph = std::make_shared<graph::Graph>();
  graph::Program program;
  program.name = "explain";
  program.graph = graph;
  nn::StateBindings states(*graph);
  std::vector<nn::Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    values.push_back(nn::AddInput(program, *graph, absl::StrCat("x", i), inputs[i]));
  }
  ADJOINT_ASSIGN_OR_RETURN(const nn::Network::Traced traced,
                           model.network().Trace(*graph, values, {}, states));
  if (traced.outputs.size() != 1 || traced.outputs[0].is_csr()) {
    return absl::InvalidArgumentError("explanations want a network of one dense output");
  }
  const ops::Var probability = traced.outputs[0].dense();
  const graph::Node& last = graph->node(probability);
  if (last.op->name != "sigmoid") {
    return absl::InvalidArgumentError(
        absl::StrCat("explanations want a network that ends with a sigmoid; this one ends with ",
                     last.op->name));
  }
  const ops::Var logit = last.inputs[0];
  const nn::Value& x = values[of];
  const ops::Var parts = choice ? choice(*graph) : x.is_csr() ? x.csr().values : x.dense();
  const std::vector<ops::Var> gradients = graph::Gradients(logit, {parts});
  ADJOINT_RETURN_IF_ERROR(graph->status());
  program.AddOutput("probability", probability);
  program.AddOutput("logit", logit);
  program.AddOutput("shares", ops::Mul(gradients[0], parts));
  ADJOINT_RETURN_IF_ERROR(graph->status());
  program.states = states.bindings();
  ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<graph::Function> function,
                           graph::Function::Create(std::move(program)));
  return Attribution(std::move(function), x.is_csr() && !choice ? static_cast<int>(of) : -1);
}

absl::StatusOr<Attribution::Result> Attribution::Run(nn::Model& model, const nn::DataList& x) {
  std::vector<Tensor> inputs, outputs;
  for (const nn::Data& item : x.items()) {
    if (item.is_csr()) {
      const CsrMatrix& csr = item.csr();
      const int64_t room = RoomFor(csr.values().size());
      inputs.push_back(csr.ranges());
      inputs.push_back(Padded(csr.columns(), room));
      inputs.push_back(Padded(csr.values(), room));
    } else {
      inputs.push_back(item.dense());
    }
  }
  ADJOINT_RETURN_IF_ERROR(function_->Run(inputs, &model.mutable_variables(), &outputs));
  if (entries_of_ >= 0) {
    const CsrMatrix& csr = x.items()[static_cast<size_t>(entries_of_)].csr();
    outputs[2] = outputs[2].Rows(0, csr.values().size());
  }
  return Result{.probability = outputs[0].ValueAt(0),
                .logit = outputs[1].ValueAt(0),
                .shares = std::move(outputs[2])};
}

}  // namespace adjoint::apps::imdb
