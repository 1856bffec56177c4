#include <iostream>

#include "core/philox.h"
#include "nn/nn.h"

using namespace adjoint;

// Learns which points of a square lie in a circle.
int main() {
  Tensor x = Tensor::Empty({DType::kF32, {4000, 2}}), y = Tensor::Empty({DType::kF32, {4000, 1}});
  PhiloxEngine random({.seed = 1});
  for (int i = 0; i < 4000; ++i) {
    const float a = 2 * UniformFloat(random()) - 1, b = 2 * UniformFloat(random()) - 1;
    x.mutable_data<float>()[2 * i] = a;
    x.mutable_data<float>()[2 * i + 1] = b;
    y.mutable_data<float>()[i] = a * a + b * b < 0.5;
  }
  auto model = nn::Sequential(
      {nn::Dense(32, {.activation = "tanh"}), nn::Dense(1, {.activation = "sigmoid"})});
  absl::Status status = model.Compile("adam", "binary_crossentropy", {"accuracy"});
  auto history = model.Fit(x, y, {.epochs = 50, .validation_split = 0.2});
  if (status.ok()) status = history.status();
  if (status.ok()) status = model.Save("circle.model");
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
