// A network of the consumer's own, by the library's public headers: two spirals told apart.

#include <cmath>
#include <iostream>

#include "nn/nn.h"

int main() {
  using namespace adjoint;
  constexpr int kPoints = 1000;
  Tensor x = Tensor::Empty({DType::kF32, {kPoints, 2}});
  Tensor y = Tensor::Empty({DType::kF32, {kPoints, 1}});
  for (int i = 0; i < kPoints; ++i) {
    // Every second point belongs to the spiral that is turned by half a circle.
    const float t = 0.5f + 2.5f * i / kPoints;
    const float angle = 3 * t + 3.14159f * (i % 2);
    x.mutable_data<float>()[2 * i] = t * std::cos(angle) / 3;
    x.mutable_data<float>()[2 * i + 1] = t * std::sin(angle) / 3;
    y.mutable_data<float>()[i] = i % 2;
  }
  nn::Sequential model(
      {nn::Dense(32, {.activation = "tanh"}), nn::Dense(32, {.activation = "tanh"}),
       nn::Dense(1, {.activation = "sigmoid"})},
      {.seed = 1});
  absl::Status status = model.Compile("adam", "binary_crossentropy", {"accuracy"});
  if (status.ok()) status = model.Fit(x, y, {.epochs = 300, .verbose = 0}).status();
  absl::StatusOr<nn::Logs> logs = status.ok() ? model.Evaluate(x, y, {.verbose = 0}) : status;
  if (!logs.ok()) {
    std::cerr << logs.status().message() << "\n";
    return 1;
  }
  std::cout << "accuracy " << (*logs)["accuracy"] << "\n";
  return (*logs)["accuracy"] > 0.95 ? 0 : 1;
}
