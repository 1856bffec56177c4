#ifndef ADJOINT_APPS_MNIST_NETWORK_H_
#define ADJOINT_APPS_MNIST_NETWORK_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "apps/mnist/options.h"
#include "nn/model.h"

namespace adjoint::apps::mnist {

inline constexpr char kAccuracy[] = "accuracy";

// The network that options.network names, compiled for `train_size` images: of images f32[batch,
// 28, 28, 1] gives the probabilities of the ten digits.
//
//   dense  512 relu units, ten softmax units, RMSprop: the book's, chapter 2
//   conv   a convolution of 32 maps, pooling, two of 64, pooling, 256 relu units; batch
//          normalization after each pooling, dropout before the output; Adam, whose rate rises and
//          falls in one cycle (optim/schedule.h)
absl::StatusOr<nn::Model> MakeModel(const Options& options, int64_t train_size);

// Whether the network is trained on digits varied at random (apps/mnist/augment.h).
bool VariesDigits(const Options& options);

// A model that Save wrote, with what it was trained on. Errors: those of reading, and a model of
// other inputs or outputs.
struct LoadedModel {
  nn::Model model;
  std::string source;
};
absl::Status SaveModel(nn::Model& model, const std::string& source, const std::string& path);
absl::StatusOr<LoadedModel> LoadModel(const Options& options);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_NETWORK_H_
