// The code of docs/cookbook.md.

#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/philox.h"
#include "core/status_macros.h"
#include "graph/function.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "nn/nn.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/elementary.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "optim/adam.h"

using namespace adjoint;

// ---- A layer

class Scale final : public nn::Layer {
 public:
  explicit Scale(std::string name = "") : Layer(std::move(name)) {}
  std::string ClassName() const override { return "Scale"; }

  // Once a model: checks the inputs, declares variables.
  absl::Status Build(absl::Span<const nn::ValueSpec> inputs,
                     std::vector<nn::VariableDecl>* variables) const override {
    ADJOINT_ASSIGN_OR_RETURN(TensorSpec x, nn::OneDenseInput(inputs, ClassName()));
    Dim width = x.shape.dim(x.shape.rank() - 1);
    if (!width.is_known())
      return absl::InvalidArgumentError("the last axis must have a known size");
    variables->push_back({.name = "gamma", .spec = {x.dtype, Shape{width}}, .initializer = "ones"});
    return absl::OkStatus();
  }

  // For every program that the layer is part of: ops on its inputs and variables.
  std::vector<nn::Value> Call(nn::CallContext& context,
                              absl::Span<const nn::Value> inputs) const override {
    return {inputs[0].dense() * context.Variable("gamma")};
  }

  // What a saved model holds of the layer, beside its variables.
  absl::StatusOr<Attrs> Config() const override { return Attrs(); }
};

// ---- An op

// sin(x) / x, and 1 at 0.
const ops::OpDef& SincOp();
ops::Var Sinc(ops::Operand x) { return ops::Apply1(SincOp(), {x}); }

const ops::OpDef& SincOp() {
  static const ops::OpDef* const op = new ops::OpDef{
      .name = "sinc",
      .infer = ops::InferUnary<ops::TypeSet::kFloats>,
      // (cos(x) - sinc(x)) / x, from ops, so that it can be differentiated again.
      .vjp = [](const ops::VjpContext& c) -> absl::StatusOr<std::vector<ops::Cotangent>> {
        const ops::Var x = c.inputs[0];
        return std::vector<ops::Cotangent>{c.cotangents[0] * ((ops::Cos(x) - c.outputs[0]) / x)};
      },
      .kernels = {ops::Reference1<ops::TypeSet::kFloats>(
          [](auto x) { return x == 0 ? decltype(x){1} : std::sin(x) / x; })},
  };
  return *op;
}

absl::Status CheckSinc() {
  // Against central differences, to the second derivative.
  return graph::CheckGradients(
      [](absl::Span<const ops::Var> x) { return std::vector<ops::Var>{Sinc(x[0])}; },
      {Tensor::Of<double>({4}, {-2, -0.5, 0.7, 3})});
}

// ---- A loss

// Errors beyond a margin count, smaller ones do not.
ops::Var EpsilonInsensitive(ops::Var y_true, ops::Var y_pred) {
  return ops::Relu(ops::Abs(y_pred - y_true) - 0.1);
}

// Points of a plane with noise.
void Plane(Tensor* x, Tensor* y) {
  *x = Tensor::Empty({DType::kF32, {512, 2}});
  *y = Tensor::Empty({DType::kF32, {512, 1}});
  PhiloxEngine random({.seed = 7});
  for (int i = 0; i < 512; ++i) {
    const float a = UniformFloat(random()), b = UniformFloat(random());
    x->mutable_data<float>()[2 * i] = a;
    x->mutable_data<float>()[2 * i + 1] = b;
    y->mutable_data<float>()[i] = 3 * a - 2 * b + 0.5f + 0.02f * UniformFloat(random());
  }
}

absl::Status LayerAndLoss(const std::string& folder) {
  Tensor x, y;
  Plane(&x, &y);
  nn::Sequential model({nn::Make<Scale>(), nn::Dense(1)});
  ADJOINT_RETURN_IF_ERROR(model.Compile(optim::MakeAdam({.learning_rate = 0.05}),
                                        nn::Loss("epsilon_insensitive", EpsilonInsensitive),
                                        {"mae"}));
  ADJOINT_ASSIGN_OR_RETURN(nn::History history, model.Fit(x, y, {.epochs = 40, .verbose = 0}));
  if (history["mae"].back() > 0.15) return absl::InternalError("the plane was not found");

  // Files know layers by class; a factory lets them be loaded.
  nn::RegisterLayer("Scale", [](const nn::LayerConfig& config) -> absl::StatusOr<nn::LayerHandle> {
    return nn::Make<Scale>(config.name);
  });
  ADJOINT_RETURN_IF_ERROR(model.Save(folder + "/plane.model"));
  return nn::Model::Load(folder + "/plane.model").status();
}

// ---- A training loop

absl::Status TrainingLoop() {
  Tensor xs, ys;
  Plane(&xs, &ys);

  auto g = std::make_shared<graph::Graph>();
  Dim batch = Dim::Symbol("batch");
  ops::Var x = g->Input("x", {DType::kF32, {batch, 2}});
  ops::Var y = g->Input("y", {DType::kF32, {batch, 1}});
  std::vector<ops::Var> params = {g->Input("w", {DType::kF32, {2, 1}}),
                                  g->Input("b", {DType::kF32, {1}})};
  ops::Var loss = ops::Mean(ops::Square(ops::MatMul(x, params[0]) + params[1] - y));
  std::vector<ops::Var> grads = graph::Gradients(loss, params);

  // An optimizer says which slots it keeps and how to update, in ops.
  ADJOINT_ASSIGN_OR_RETURN(auto adam, optim::MakeAdam());
  std::vector<TensorSpec> specs = {params[0].spec(), params[1].spec()};
  std::vector<optim::SlotSpec> slots = adam->Init(specs);
  std::vector<ops::Var> slot_vars;
  graph::VariableStore variables;
  for (size_t i = 0; i < slots.size(); ++i) {
    slot_vars.push_back(g->Input("slot_" + std::to_string(i), slots[i].spec));
    variables.Set("slot_" + std::to_string(i), Tensor::Zeros(slots[i].spec));  // Adam's begin at 0
  }
  optim::Hyper hyper{g->Input("learning_rate", {DType::kF32, {}}),
                     g->Input("step", {DType::kI64, {}})};
  optim::UpdateResult update = adam->Update(grads, params, slot_vars, hyper);

  graph::Program program{.name = "train", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("y", y);
  program.AddInput("learning_rate", hyper.learning_rate);
  program.AddInput("step", hyper.step);
  program.AddOutput("loss", loss);
  for (size_t i = 0; i < params.size(); ++i) {
    const std::string name = i == 0 ? "w" : "b";
    program.states.push_back({name, params[i], update.params[i]});
    variables.Set(name, Tensor::Zeros(specs[i]));
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    program.states.push_back({"slot_" + std::to_string(i), slot_vars[i], update.slots[i]});
  }
  ADJOINT_ASSIGN_OR_RETURN(auto train, graph::Function::Create(program));

  int64_t step = 0;
  std::vector<Tensor> outputs;
  for (int epoch = 0; epoch < 60; ++epoch) {
    const float rate = epoch < 40 ? 0.1f : 0.01f;
    for (int64_t begin = 0; begin < 512; begin += 64, ++step) {
      ADJOINT_RETURN_IF_ERROR(train->Run({xs.Rows(begin, begin + 64), ys.Rows(begin, begin + 64),
                                          Tensor::Scalar(rate), Tensor::Scalar(step)},
                                         &variables, &outputs));
    }
  }
  const float last = outputs[0].item<float>();
  std::cout << "loss " << last << "\n";
  return last < 1e-3 ? absl::OkStatus() : absl::InternalError("it did not learn");
}

// ---- Transfer learning from ONNX

// A model file as another framework would have written it: x -> tanh(x W), f32[batch,2].
absl::Status WriteFeatures(const std::string& path) {
  auto g = std::make_shared<graph::Graph>();
  ops::Var x = g->Input("x", {DType::kF32, {Dim::Symbol("batch"), 2}});
  ops::Var w = g->Input("w", {DType::kF32, {2, 3}});
  graph::Program program{.name = "features", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddOutput("features", ops::Tanh(ops::MatMul(x, w)));
  program.states = {{"w", w, w}};
  graph::VariableStore variables;
  variables.Set("w", Tensor::Of<float>({2, 3}, {1, 0, 1, 0, 1, -1}));
  return adjoint::onnx::ExportModelFile(path, program, variables);
}

// The program with a loss on its outputs, and a step down the gradient for each of its variables.
absl::StatusOr<graph::Program> WithFineTuning(const graph::Program& program) {
  graph::Rewriter copy(program);
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    ADJOINT_RETURN_IF_ERROR(copy.Copy(id));
  }
  ops::Var features = copy.Map(program.outputs[0].var);
  ops::Var y = copy.graph().Input("y", {DType::kF32, {Dim::Symbol("batch"), 1}});
  ops::Var loss = ops::Mean(ops::Square(ops::Sum(features, {1}, /*keepdims=*/true) - y));
  std::vector<ops::Var> weights;
  for (const graph::StateBinding& state : program.states) weights.push_back(copy.Map(state.read));
  std::vector<ops::Var> grads = graph::Gradients(loss, weights);

  graph::Program tuning = copy.Finish();
  tuning.AddInput("y", y);
  tuning.outputs = {{"loss", loss}};
  for (size_t i = 0; i < weights.size(); ++i) {
    tuning.states[i].write = weights[i] - 0.05 * grads[i];
  }
  return tuning;
}

absl::Status Transfer(const std::string& folder) {
  const std::string path = folder + "/features.onnx";
  ADJOINT_RETURN_IF_ERROR(WriteFeatures(path));

  // The trunk, frozen: its weights are constants of the program.
  ADJOINT_ASSIGN_OR_RETURN(adjoint::onnx::ImportedModel trunk,
                           adjoint::onnx::ImportModel(path, {.constant_weights = true}));
  ADJOINT_ASSIGN_OR_RETURN(auto features, graph::Function::Create(trunk.program));
  Tensor x, y;
  Plane(&x, &y);
  std::vector<Tensor> outputs;
  ADJOINT_RETURN_IF_ERROR(features->Run({x}, &trunk.variables, &outputs));

  // The head, trained on what the trunk gives.
  nn::Sequential head({nn::Dense(1)});
  ADJOINT_RETURN_IF_ERROR(head.Compile(optim::MakeAdam({.learning_rate = 0.05}), "mse"));
  ADJOINT_ASSIGN_OR_RETURN(nn::History history,
                           head.Fit(outputs[0], y, {.epochs = 60, .verbose = 0}));
  std::cout << "loss " << history["loss"].front() << " -> " << history["loss"].back() << "\n";
  if (history["loss"].back() > 0.05) return absl::InternalError("the head did not learn");

  // Or all of it, from the file's weights: they are variables then, and its graph differentiates.
  ADJOINT_ASSIGN_OR_RETURN(adjoint::onnx::ImportedModel whole, adjoint::onnx::ImportModel(path));
  ADJOINT_ASSIGN_OR_RETURN(graph::Program tuning, WithFineTuning(whole.program));
  ADJOINT_ASSIGN_OR_RETURN(auto step, graph::Function::Create(tuning));
  float first = 0, last = 0;
  for (int i = 0; i < 200; ++i) {
    ADJOINT_RETURN_IF_ERROR(step->Run({x, y}, &whole.variables, &outputs));
    last = outputs[0].item<float>();
    if (i == 0) first = last;
  }
  std::cout << "fine-tuned: loss " << first << " -> " << last << "\n";
  return last < first / 2 ? absl::OkStatus() : absl::InternalError("it did not learn");
}

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  absl::Status status = CheckSinc();
  if (status.ok()) status = LayerAndLoss(folder);
  if (status.ok()) status = TrainingLoop();
  if (status.ok()) status = Transfer(folder);
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
