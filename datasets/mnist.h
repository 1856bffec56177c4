#ifndef ADJOINT_DATASETS_MNIST_H_
#define ADJOINT_DATASETS_MNIST_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::datasets::mnist {

struct LoadOptions {
  // mnist.npz, or a folder that holds it or the four idx files (train-images-idx3-ubyte and so on,
  // gzipped or not), or mnist/ with one of them. When empty, looked for in $ADJOINT_DATA,
  // ~/.cache/adjoint and ~/.keras/datasets.
  std::string path = {};
  // Where nothing is found and no path is given: mnist.npz, from Keras' address or
  // $ADJOINT_DOWNLOAD_URL, into ~/.cache/adjoint; its SHA-256 is checked.
  bool download = true;
  std::function<void(absl::string_view url, int64_t received, int64_t total)> progress = {};
};

// The MNIST database of handwritten digits (LeCun, Cortes, Burges), as Keras' mnist.load_data gives
// it: 0 is white, 255 black.
struct MnistData {
  Tensor x_train;      // u8[60000, 28, 28]
  Tensor y_train;      // u8[60000], 0 to 9
  Tensor x_test;       // u8[10000, 28, 28]
  Tensor y_test;       // u8[10000]
  std::string source;  // where they come from
};

// Other numbers of images, as of other databases in the same form, are fine. Errors:
// InvalidArgument when `path` has nothing, or arrays that are no images and labels; NotFound when
// nothing was found nor could be downloaded; DataLoss for damage and a wrong SHA-256.
absl::StatusOr<MnistData> LoadData(const LoadOptions& options = {});

}  // namespace adjoint::datasets::mnist

#endif  // ADJOINT_DATASETS_MNIST_H_
