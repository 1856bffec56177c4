// The lines of docs/for_pytorch_users.md, in a program that runs.

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/eager.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "graph/transforms.h"
#include "nn/nn.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/slice.h"
#include "optim/adam.h"
#include "optim/extended.h"
#include "optim/sgd.h"

using namespace adjoint;

absl::Status Tensors() {
  // clang-format off
  Tensor t = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  Tensor z = Tensor::Zeros({DType::kF32, {2, 3}});
  t.shape();
  t.dtype();
  t.Clone();
  ADJOINT_ASSIGN_OR_RETURN(Tensor flat, t.Reshaped({4}));
  Tensor::Scalar(3.5f).item<float>();

  graph::Eager eager;
  ops::Var x = eager.Input("x", t);
  ops::Var w = eager.Input("w", Tensor::Of<float>({2, 2}, {0.1f, 0.2f, 0.3f, 0.4f}));
  ops::Var y = ops::MatMul(x, w);
  y = ops::Relu(y + 1.0);
  y = ops::Transpose(y, {1, 0});
  y = ops::Concat({y, y}, /*axis=*/1);
  ops::Var loss = ops::Mean(ops::Square(y));
  std::vector<ops::Var> grads = graph::Gradients(loss, std::vector<ops::Var>{x, w});
  ADJOINT_ASSIGN_OR_RETURN(Tensor value, eager.ValueOf(loss));
  ADJOINT_ASSIGN_OR_RETURN(Tensor dw, eager.ValueOf(grads[1]));
  ops::Var stopped = ops::StopGradient(y);
  std::vector<ops::Var> hv = graph::HessianVectorProduct(loss, {&w, 1}, {&w, 1});
  eager.set_check_numbers(true);
  SetNumThreads(2);
  // clang-format on
  std::cout << value.ToString() << dw.ToString() << flat.ToString() << z.ToString() << "\n";
  ADJOINT_RETURN_IF_ERROR(eager.ValueOf(stopped).status());
  return eager.ValueOf(hv[0]).status();
}

absl::Status Training(const std::string& folder) {
  Tensor x = Tensor::Zeros({DType::kF32, {256, 20}});
  Tensor y = Tensor::Zeros({DType::kI64, {256}});
  for (int i = 0; i < 256; ++i) {
    y.mutable_data<int64_t>()[i] = i % 4;
    x.mutable_data<float>()[i * 20 + i % 4] = 1;
  }
  // clang-format off
  nn::Sequential model({nn::Dense(64, {.activation = "relu"}), nn::Dropout(0.1), nn::Dense(4)});
  nn::Loss loss = nn::SparseCategoricalCrossentropy(/*from_logits=*/true);
  auto optimizer = optim::MakeAdam(optim::AdamOptions::PyTorch());
  auto clipped = optim::Extended(optim::MakeSgd(optim::SgdOptions::PyTorch()), {.global_clipnorm = 1.0});
  ADJOINT_RETURN_IF_ERROR(model.Compile(std::move(optimizer), loss, {"accuracy"}));
  ADJOINT_ASSIGN_OR_RETURN(nn::History history, model.Fit(x, y, {.epochs = 20, .batch_size = 64, .verbose = 0, .seed = 1}));
  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, model.Evaluate(x, y, {.verbose = 0}));
  ADJOINT_ASSIGN_OR_RETURN(Tensor scores, model.Predict(x));
  ADJOINT_RETURN_IF_ERROR(model.Freeze());
  ADJOINT_RETURN_IF_ERROR(model.SaveWeights(folder + "/weights.model"));
  ADJOINT_RETURN_IF_ERROR(model.LoadWeights(folder + "/weights.model"));
  ADJOINT_RETURN_IF_ERROR(model.Save(folder + "/whole.model"));
  model.Summary();
  // clang-format on
  ADJOINT_RETURN_IF_ERROR(clipped.status());
  std::cout << scores.shape().ToString() << " " << logs["accuracy"] << "\n";
  return history["accuracy"].back() > 0.95 ? absl::OkStatus() : absl::InternalError("not learnt");
}

int main(int argc, char** argv) {
  absl::Status status = Tensors();
  if (status.ok()) status = Training(argc > 1 ? argv[1] : ".");
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
