// The lines of docs/for_keras_users.md, in a program that runs.

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/status_macros.h"
#include "nn/nn.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "optim/rmsprop.h"
#include "optim/schedule.h"

using namespace adjoint;

absl::Status Run(const std::string& folder) {
  Tensor x = Tensor::Zeros({DType::kF32, {400, 10}});
  Tensor y = Tensor::Zeros({DType::kF32, {400, 1}});
  for (int i = 0; i < 400; ++i) {
    x.mutable_data<float>()[i * 10 + i % 10] = 1;
    y.mutable_data<float>()[i] = i % 10 < 5;
  }
  // clang-format off
  nn::Sequential model({
      nn::Dense(16, {.activation = "relu", .kernel_regularizer = nn::L2(0.001)}),
      nn::BatchNormalization(),
      nn::Dropout(0.2),
      nn::Dense(1, {.activation = "sigmoid"}),
  });
  ADJOINT_RETURN_IF_ERROR(model.Compile("rmsprop", "binary_crossentropy", {"accuracy"}));
  ADJOINT_RETURN_IF_ERROR(model.Compile(optim::MakeRmsProp({.learning_rate = 0.01}), "mse", {"mae"}));
  ADJOINT_RETURN_IF_ERROR(model.Compile("adam", nn::BinaryCrossentropy({.label_smoothing = 0.05}), {"accuracy", "auc"}));
  nn::FitOptions options{.epochs = 30, .batch_size = 32, .validation_split = 0.2, .verbose = 0};
  options.callbacks = {
      nn::EarlyStopping({.patience = 5, .restore_best_weights = true}),
      nn::ReduceLROnPlateau({.factor = 0.5, .patience = 3}),
      nn::CSVLogger({.filename = folder + "/log.csv"}),
      nn::TerminateOnNaN(),
  };
  ADJOINT_ASSIGN_OR_RETURN(nn::History history, model.Fit(x, y, options));
  ADJOINT_ASSIGN_OR_RETURN(nn::Logs logs, model.Evaluate(x, y, {.verbose = 0}));
  ADJOINT_ASSIGN_OR_RETURN(Tensor p, model.Predict(x));
  ADJOINT_RETURN_IF_ERROR(model.Save(folder + "/my.model"));
  ADJOINT_ASSIGN_OR_RETURN(nn::Model again, nn::Model::Load(folder + "/my.model"));
  std::vector<Tensor> weights = model.GetWeights();
  std::cout << model.Summary();

  auto a = nn::Input({10}, {.name = "a"});
  auto b = nn::Input({10}, {.name = "b"});
  auto shared = nn::Dense(8, {.activation = "tanh"});
  auto out = nn::Dense(1)(nn::Concatenate()({shared(a), shared(b)}));
  nn::Model functional({a, b}, out);
  ADJOINT_RETURN_IF_ERROR(functional.Compile("sgd", "mse"));
  ADJOINT_ASSIGN_OR_RETURN(nn::History both, functional.Fit(nn::DataList({x, x}), y, {.epochs = 2, .verbose = 0}));
  auto doubled = nn::Lambda([](ops::Var v) { return v * 2.0; });
  // clang-format on
  std::cout << p.shape().ToString() << " " << logs["accuracy"] << " " << weights.size() << " "
            << both["loss"].size() << " " << doubled.layer()->ClassName() << "\n";
  return history["accuracy"].back() > 0.9 ? absl::OkStatus() : absl::InternalError("not learnt");
}

int main(int argc, char** argv) {
  const absl::Status status = Run(argc > 1 ? argv[1] : ".");
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
