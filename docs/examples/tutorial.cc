// The code of docs/tutorial.md.

#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/philox.h"
#include "core/status_macros.h"
#include "graph/eager.h"
#include "graph/function.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "nn/nn.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "optim/optimizer.h"

using namespace adjoint;

void Tensors() {
  Tensor a = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  Tensor b = Tensor::Zeros({DType::kF32, {2, 3}});
  b.mutable_data<float>()[0] = 7;                         // the elements, row after row
  std::cout << a.ToString() << "\n";                      // f32[2,3] {1, 2, 3, 4, 5, 6}
  std::cout << a.shape()[1] << " " << a.bytes() << "\n";  // 3 24
  Tensor shared = a.Rows(1, 2);                           // shares the elements of a
  Tensor own = a.Clone();
  std::cout << shared.ToString() << own.size() << b.ValueAt(0) << "\n";
}

absl::Status ValuesAtOnce() {
  graph::Eager eager;
  ops::Var x = eager.Input("x", Tensor::Of<float>({3}, {1, 2, 3}));
  ops::Var y = ops::Sum(ops::Square(x));
  std::vector<ops::Var> dx = graph::Gradients(y, {&x, 1});
  ADJOINT_ASSIGN_OR_RETURN(Tensor gradient, eager.ValueOf(dx[0]));
  std::cout << gradient.ToString() << "\n";  // f32[3] {2, 4, 6}
  return gradient.ValueAt(2) == 6 ? absl::OkStatus() : absl::InternalError("not 6");
}

absl::Status ByHand() {
  // What to compute: a line fitted to points, with a batch of any size.
  auto g = std::make_shared<graph::Graph>();
  ops::Var x = g->Input("x", {DType::kF32, {Dim::Symbol("batch"), 1}});
  ops::Var t = g->Input("t", {DType::kF32, {Dim::Symbol("batch"), 1}});
  ops::Var w = g->Input("w", {DType::kF32, {1, 1}});
  ops::Var b = g->Input("b", {DType::kF32, {1}});
  ops::Var loss = ops::Mean(ops::Square(ops::MatMul(x, w) + b - t));

  // Gradients are more graph, and so is the update.
  std::vector<ops::Var> grads = graph::Gradients(loss, std::vector<ops::Var>{w, b});
  graph::Program program{.name = "fit", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("x", x);
  program.AddInput("t", t);
  program.AddOutput("loss", loss);
  program.states = {{"w", w, w - 0.1 * grads[0]}, {"b", b, b - 0.1 * grads[1]}};

  // Mistakes made above surface here.
  ADJOINT_ASSIGN_OR_RETURN(auto step, graph::Function::Create(program));

  graph::VariableStore variables;
  variables.Set("w", Tensor::Zeros({DType::kF32, {1, 1}}));
  variables.Set("b", Tensor::Zeros({DType::kF32, {1}}));
  Tensor xs = Tensor::Of<float>({4, 1}, {0, 1, 2, 3});
  Tensor ts = Tensor::Of<float>({4, 1}, {1, 3, 5, 7});  // 2 x + 1
  std::vector<Tensor> outputs;
  for (int i = 0; i < 500; ++i) {
    ADJOINT_RETURN_IF_ERROR(step->Run({xs, ts}, &variables, &outputs));
  }
  std::cout << variables.Find("w")->ToString() << " " << variables.Find("b")->ToString() << "\n";
  const bool fitted = std::abs(variables.Find("w")->ValueAt(0) - 2) < 1e-2 &&
                      std::abs(variables.Find("b")->ValueAt(0) - 1) < 1e-2;
  return fitted ? absl::OkStatus() : absl::InternalError("the line was not found");
}

// Points in a square, and whether they lie in a circle.
void Points(int n, uint64_t seed, Tensor* x, Tensor* y) {
  *x = Tensor::Empty({DType::kF32, {n, 2}});
  *y = Tensor::Empty({DType::kF32, {n, 1}});
  PhiloxEngine random({.seed = seed});
  for (int i = 0; i < n; ++i) {
    const float a = 2 * UniformFloat(random()) - 1, b = 2 * UniformFloat(random()) - 1;
    x->mutable_data<float>()[2 * i] = a;
    x->mutable_data<float>()[2 * i + 1] = b;
    y->mutable_data<float>()[i] = a * a + b * b < 0.5;
  }
}

absl::Status Network(const std::string& path) {
  Tensor x, y, x_test, y_test;
  Points(2000, 1, &x, &y);
  Points(500, 2, &x_test, &y_test);

  nn::Sequential model({nn::Dense(32, {.activation = "tanh"}), nn::Dropout(0.1),
                        nn::Dense(1, {.activation = "sigmoid"})});
  ADJOINT_RETURN_IF_ERROR(model.Compile("adam", "binary_crossentropy", {"accuracy"}));

  nn::FitOptions options{.epochs = 60, .validation_split = 0.2, .verbose = 0};
  options.callbacks = {nn::EarlyStopping({.patience = 10, .restore_best_weights = true})};
  ADJOINT_ASSIGN_OR_RETURN(nn::History history, model.Fit(x, y, options));
  std::cout << "loss " << history["loss"].front() << " -> " << history["loss"].back() << "\n";

  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, model.Evaluate(x_test, y_test, {.verbose = 0}));
  for (const auto& [name, value] : logs.entries()) std::cout << name << " " << value << "\n";

  ADJOINT_RETURN_IF_ERROR(model.Save(path));
  ADJOINT_ASSIGN_OR_RETURN(nn::Model loaded, nn::Model::Load(path));
  ADJOINT_ASSIGN_OR_RETURN(Tensor before, model.Predict(x_test));
  ADJOINT_ASSIGN_OR_RETURN(Tensor after, loaded.Predict(x_test));
  return BitwiseEqual(before, after) ? absl::OkStatus() : absl::InternalError("not the same");
}

int main(int argc, char** argv) {
  Tensors();
  absl::Status status = ValuesAtOnce();
  if (status.ok()) status = ByHand();
  if (status.ok()) status = Network(std::string(argc > 1 ? argv[1] : ".") + "/circle.model");
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
