#include "nn/programs.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "nn/state_bindings.h"
#include "nn/weighting.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/indexing.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "optim/row_updates.h"

namespace adjoint::nn {
namespace {

using graph::Graph;
using graph::Program;

// A program in the making.
struct Draft {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Program program;
  StateBindings states{*graph};
  std::vector<Value> inputs;
  std::vector<Var> targets;
  std::vector<Var> weights;
  std::vector<Reported> reported;

  Draft(std::string name, absl::Span<const ValueSpec> specs, const TargetSpecs& others) {
    program.name = std::move(name);
    program.graph = graph;
    for (size_t i = 0; i < specs.size(); ++i) {
      inputs.push_back(AddInput(program, *graph, absl::StrCat("x", i), specs[i]));
    }
    const auto add = [&](const char* letter, const std::vector<TensorSpec>& of,
                         std::vector<Var>& vars) {
      for (size_t i = 0; i < of.size(); ++i) {
        const std::string input = absl::StrCat(letter, i);
        vars.push_back(graph->Input(input, of[i], std::source_location()));
        program.AddInput(input, vars.back());
      }
    };
    add("y", others.targets, targets);
    add("w", others.weights, weights);
  }

  absl::StatusOr<Program> Finish() {
    ADJOINT_RETURN_IF_ERROR(graph->status());
    program.states = states.bindings();
    return std::move(program);
  }
};

// How many numbers a sample has, when `values` begins with the batch's axis; 0 otherwise.
double NumbersPerSample(Var values) {
  const Shape& shape = values.shape();
  if (shape.rank() == 0 || shape.dim(0) != Dim::Symbol("batch")) return 0;
  double n = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    if (!shape.dim(axis).is_known()) return 0;
    n *= static_cast<double>(shape.dim(axis).value());
  }
  return n;
}

absl::StatusOr<Var> DenseOutput(const Network& network, const Network::Traced& traced, int i) {
  const Value& value = traced.outputs[i];
  if (!value.is_csr()) return value.dense();
  return absl::InvalidArgumentError(absl::StrCat("the model's output, of layer '",
                                                 network.OutputName(i),
                                                 "', is sparse; models give dense outputs"));
}

// A metric of one output: what it reports, and the vars of that.
absl::Status AddMetric(const Metric& metric, const std::string& prefix, Var y_true, Var y_pred,
                       const Weighting& weighting, Graph& graph, std::vector<Reported>& reported,
                       std::vector<std::vector<Var>>& outputs) {
  const ops::ScopedName scope(graph, absl::StrCat("metrics/", prefix, metric.name()));
  const std::string name = prefix + metric.name();
  if (metric.is_counted()) {
    std::vector<Var> sums = metric.SumsOf(y_true, y_pred, weighting);
    ADJOINT_RETURN_IF_ERROR(graph.status());
    reported.push_back(
        {.name = name, .result = metric.result(), .num_outputs = static_cast<int>(sums.size())});
    outputs.push_back(std::move(sums));
    return absl::OkStatus();
  }
  const Var numbers = metric(y_true, y_pred);
  ADJOINT_RETURN_IF_ERROR(graph.status());
  if (!weighting.empty()) {
    const Var weights = WeightsFor(weighting, numbers.shape());
    ADJOINT_RETURN_IF_ERROR(graph.status());
    const Var counted =
        ops::Where(ops::Equal(weights, 0.0), 0.0, weights * ops::Cast(numbers, DType::kF32));
    reported.push_back({.name = name,
                        .result =
                            [](absl::Span<const std::vector<double>> sums) {
                              return sums[1][0] == 0 ? 0 : sums[0][0] / sums[1][0];
                            },
                        .num_outputs = 2});
    outputs.push_back({ops::Sum(counted), ops::Sum(weights)});
    return graph.status();
  }
  const double per_sample = NumbersPerSample(numbers);
  reported.push_back({name, per_sample});
  outputs.push_back({per_sample > 0 ? ops::Sum(numbers) : ops::Mean(numbers)});
  return graph.status();
}

// Loss and metrics as outputs of the program, and the loss as a var.
absl::StatusOr<Var> AddObjective(const Network& network, const Objective& objective,
                                 const Network::Traced& traced, Draft& draft) {
  Graph& graph = *draft.graph;
  const int n = static_cast<int>(traced.outputs.size());
  std::vector<Var> losses, values;
  std::vector<Reported> reported;
  std::vector<std::vector<Var>> metrics;  // outputs of each
  for (int i = 0; i < n; ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const Var y_pred, DenseOutput(network, traced, i));
    const std::string prefix = n > 1 ? network.OutputName(i) + "_" : "";
    const Var y_true = draft.targets[i];
    const Weighting masked{.mask = traced.outputs[i].mask()};
    const Weighting weighted{.weights = draft.weights.empty() ? Var{} : draft.weights[i],
                             .mask = masked.mask};
    {
      const Loss& loss = objective.losses[i];
      const ops::ScopedName scope(graph, absl::StrCat("loss/", prefix, loss.name()));
      const Var numbers = loss(y_true, y_pred);
      ADJOINT_RETURN_IF_ERROR(graph.status());
      losses.push_back(WeightedLoss(numbers, weighted));
      ADJOINT_RETURN_IF_ERROR(graph.status());
    }
    for (const Metric& metric : objective.metrics[i]) {
      ADJOINT_RETURN_IF_ERROR(
          AddMetric(metric, prefix, y_true, y_pred, masked, graph, reported, metrics));
    }
    if (static_cast<size_t>(i) >= objective.weighted_metrics.size()) continue;
    for (const Metric& metric : objective.weighted_metrics[i]) {
      ADJOINT_RETURN_IF_ERROR(
          AddMetric(metric, prefix, y_true, y_pred, weighted, graph, reported, metrics));
    }
  }
  const ops::ScopedName scope(graph, "loss");
  Var total = losses[0];
  for (int i = 1; i < n; ++i) total = total + losses[i];
  for (Var loss : traced.losses) total = total + loss;
  draft.program.AddOutput("loss", total);
  draft.reported.push_back({"loss"});
  for (int i = 0; n > 1 && i < n; ++i) {
    draft.reported.push_back({network.OutputName(i) + "_loss"});
    draft.program.AddOutput(draft.reported.back().name, losses[i]);
  }
  for (size_t i = 0; i < metrics.size(); ++i) {
    for (size_t j = 0; j < metrics[i].size(); ++j) {
      draft.program.AddOutput(j == 0 ? reported[i].name : absl::StrCat(reported[i].name, ".", j),
                              metrics[i][j]);
    }
    draft.reported.push_back(reported[i]);
  }
  ADJOINT_RETURN_IF_ERROR(graph.status());
  return total;
}

std::vector<Network::Variable> Trainable(const Network& network) {
  std::vector<Network::Variable> trainable;
  for (Network::Variable& variable : network.Variables()) {
    if (variable.decl->trainable) trainable.push_back(std::move(variable));
  }
  return trainable;
}

std::vector<TensorSpec> Specs(const std::vector<Network::Variable>& variables) {
  std::vector<TensorSpec> specs;
  for (const Network::Variable& variable : variables) specs.push_back(variable.decl->spec);
  return specs;
}

bool HasMaster(const Network::Variable& variable) {
  return variable.stored.dtype != variable.decl->spec.dtype;
}

std::string MasterPath(const std::string& weight) {
  return absl::StrCat("optimizer/", weight, "/master");
}

// How many rows a sample looks up by `indices`, when that is a number.
std::optional<int64_t> RowsPerSample(Var indices) {
  int64_t rows = 1;
  for (int axis = 1; axis < indices.shape().rank(); ++axis) {
    if (!indices.shape().dim(axis).is_known()) return std::nullopt;
    rows *= indices.shape().dim(axis).value();
  }
  return rows;
}

// The nodes that look up rows of `param`, when nothing else reads it and they can be joined; none
// otherwise.
std::vector<Var> LookUps(const Graph& graph, Var param) {
  std::vector<Var> look_ups;
  bool joins = true;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const graph::Node& node = graph.node(id);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i].node != param.node) continue;
      if (i != 0 || node.op != &ops::GatherOp() || node.attrs.At<int64_t>("axis") != 0) return {};
      look_ups.push_back(Var{param.builder, id, 0});
      const Var indices = node.inputs[1], first = graph.node(look_ups[0].node).inputs[1];
      joins = joins && indices.shape().rank() > 0 && first.shape().rank() > 0 &&
              indices.shape().dim(0) == first.shape().dim(0) && RowsPerSample(indices).has_value();
    }
  }
  return joins || look_ups.size() == 1 ? look_ups : std::vector<Var>();
}

// The gradients of the loss with respect to all parameters, of rows where the optimizer is meant to
// update rows.
std::vector<optim::Gradient> LossGradients(Graph& graph, const optim::Optimizer& optimizer,
                                           Var loss, const std::vector<Var>& params) {
  std::vector<std::vector<Var>> look_ups(params.size());
  std::vector<Var> wrt;
  for (size_t p = 0; p < params.size(); ++p) {
    if (optimizer.updates_rows()) look_ups[p] = LookUps(graph, params[p]);
    if (look_ups[p].empty()) wrt.push_back(params[p]);
    wrt.insert(wrt.end(), look_ups[p].begin(), look_ups[p].end());
  }
  const std::vector<Var> grads = graph::Gradients(loss, wrt);
  std::vector<optim::Gradient> result(params.size());
  if (!graph.status().ok()) return result;
  size_t at = 0;
  for (size_t p = 0; p < params.size(); ++p) {
    if (look_ups[p].empty()) {
      result[p].whole = grads[at++];
      continue;
    }
    // [n] and [n, ...], or where there are several, [batch, n] and [batch, n, ...] joined along n:
    // the number of samples need not be known.
    const Shape row(params[p].shape().dims().subspan(1));
    const auto shape = [&](std::initializer_list<Dim> dims, bool is_update) {
      Shape s(dims);
      for (int axis = 0; is_update && axis < row.rank(); ++axis) s.push_back(row.dim(axis));
      return s;
    };
    std::vector<ops::Operand> indices, updates;
    for (const Var look_up : look_ups[p]) {
      const Var of = graph.node(look_up.node).inputs[1];
      const Var update = grads[at++];
      if (look_ups[p].size() == 1) {
        indices.push_back(of);
        updates.push_back(update);
        continue;
      }
      const Dim n(RowsPerSample(of).value());
      indices.push_back(ops::Reshape(ops::Cast(of, DType::kI64), shape({Dim(-1), n}, false)));
      updates.push_back(ops::Reshape(update, shape({Dim(-1), n}, true)));
    }
    const auto join = [](const std::vector<ops::Operand>& parts) {
      return parts.size() == 1 ? parts[0].var : ops::Concat(parts, 1);
    };
    result[p].rows = ops::SumByRow(ops::Reshape(join(indices), shape({Dim(-1)}, false)),
                                   ops::Reshape(join(updates), shape({Dim(-1)}, true)),
                                   params[p].shape().dim(0).value());
  }
  return result;
}

// Gradients and updates of all trainable variables.
absl::Status AddUpdate(const Network& network, const optim::Optimizer& optimizer, Var loss,
                       Var step, Draft& draft) {
  Graph& graph = *draft.graph;
  const std::vector<Network::Variable> variables = Trainable(network);
  std::vector<Var> params, slots;
  for (const Network::Variable& variable : variables) {
    params.push_back(
        draft.states.ReadAs(variable.path, variable.stored, variable.decl->spec.dtype));
  }
  const std::vector<SlotVariable> slot_variables = OptimizerSlots(network, optimizer);
  for (const SlotVariable& slot : slot_variables) {
    slots.push_back(draft.states.Read(slot.path, slot.spec));
  }
  const Var rate = draft.states.Read(kLearningRateVariable, {DType::kF32, Shape{}});
  const std::vector<optim::Gradient> grads = LossGradients(graph, optimizer, loss, params);
  ADJOINT_RETURN_IF_ERROR(graph.status());
  // The network reads what is stored; what is updated is not rounded.
  for (size_t i = 0; i < params.size(); ++i) {
    if (!HasMaster(variables[i])) continue;
    params[i] = draft.states.Read(MasterPath(variables[i].path), variables[i].decl->spec);
  }
  const std::string name = optimizer.Config().name;
  const ops::ScopedName scope(graph, absl::StrCat("optimizer/", name));
  const optim::UpdateResult update =
      optim::Update(optimizer, grads, params, slots, {.learning_rate = rate, .step = step});
  ADJOINT_RETURN_IF_ERROR(graph.status());
  if (update.params.size() != params.size() || update.slots.size() != slots.size()) {
    return absl::InternalError(absl::StrCat("optimizer ", name, " returned ", update.params.size(),
                                            " parameters and ", update.slots.size(), " slots for ",
                                            params.size(), " and ", slots.size()));
  }
  for (size_t i = 0; i < params.size(); ++i) {
    if (HasMaster(variables[i])) {
      draft.states.Write(MasterPath(variables[i].path), update.params[i]);
    }
    draft.states.Write(variables[i].path, ops::Cast(update.params[i], variables[i].stored.dtype));
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    draft.states.Write(slot_variables[i].path, update.slots[i]);
  }
  draft.states.Write(kStepVariable, step + 1);
  return graph.status();
}

}  // namespace

std::vector<SlotVariable> OptimizerSlots(const Network& network,
                                         const optim::Optimizer& optimizer) {
  const std::vector<Network::Variable> variables = Trainable(network);
  std::vector<SlotVariable> slots;
  for (const optim::SlotSpec& slot : optimizer.Init(Specs(variables))) {
    slots.push_back({.path = absl::StrCat("optimizer/", variables[slot.param].path, "/", slot.name),
                     .spec = slot.spec,
                     .initial = slot.initial});
  }
  return slots;
}

std::vector<MasterVariable> MasterVariables(const Network& network) {
  std::vector<MasterVariable> masters;
  for (const Network::Variable& variable : Trainable(network)) {
    if (!HasMaster(variable)) continue;
    masters.push_back({MasterPath(variable.path), variable.path, variable.decl->spec});
  }
  return masters;
}

absl::StatusOr<Program> BuildPredictProgram(const Network& network,
                                            absl::Span<const ValueSpec> inputs) {
  Draft draft("predict", inputs, {});
  ADJOINT_ASSIGN_OR_RETURN(const Network::Traced traced,
                           network.Trace(*draft.graph, draft.inputs, {}, draft.states));
  for (size_t i = 0; i < traced.outputs.size(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const Var y, DenseOutput(network, traced, static_cast<int>(i)));
    if (y.shape().rank() == 0 || y.shape().dim(0) != Dim::Symbol("batch")) {
      return absl::InvalidArgumentError(
          absl::StrCat("the model's output, of layer '", network.OutputName(static_cast<int>(i)),
                       "', is ", y.spec().ToString(), "; its first axis must be the batch"));
    }
    draft.program.AddOutput(absl::StrCat("y", i), y);
  }
  return draft.Finish();
}

absl::StatusOr<StepProgram> BuildEvaluateProgram(const Network& network, const Objective& objective,
                                                 absl::Span<const ValueSpec> inputs,
                                                 const TargetSpecs& targets) {
  Draft draft("evaluate", inputs, targets);
  ADJOINT_ASSIGN_OR_RETURN(const Network::Traced traced,
                           network.Trace(*draft.graph, draft.inputs, {}, draft.states));
  ADJOINT_RETURN_IF_ERROR(AddObjective(network, objective, traced, draft).status());
  ADJOINT_ASSIGN_OR_RETURN(Program program, draft.Finish());
  return StepProgram{std::move(program), std::move(draft.reported)};
}

absl::StatusOr<StepProgram> BuildTrainProgram(const Network& network, const Objective& objective,
                                              const optim::Optimizer& optimizer,
                                              absl::Span<const ValueSpec> inputs,
                                              const TargetSpecs& targets) {
  Draft draft("train", inputs, targets);
  const Var seed = draft.graph->Input("seed", {DType::kI64, Shape{}}, std::source_location());
  draft.program.AddInput("seed", seed);
  const Var step = draft.states.Read(kStepVariable, {DType::kI64, Shape{}});
  ADJOINT_ASSIGN_OR_RETURN(
      const Network::Traced traced,
      network.Trace(*draft.graph, draft.inputs, {.training = true, .seed = seed, .step = step},
                    draft.states));
  ADJOINT_ASSIGN_OR_RETURN(const Var loss, AddObjective(network, objective, traced, draft));
  ADJOINT_RETURN_IF_ERROR(AddUpdate(network, optimizer, loss, step, draft));
  ADJOINT_ASSIGN_OR_RETURN(Program program, draft.Finish());
  return StepProgram{std::move(program), std::move(draft.reported)};
}

}  // namespace adjoint::nn
