#ifndef ADJOINT_DATASETS_CIFAR10_H_
#define ADJOINT_DATASETS_CIFAR10_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace adjoint::datasets::cifar10 {

struct LoadOptions {
  // cifar-10-python.tar.gz, the folder cifar-10-batches-py that is in it, or a folder that holds
  // one of them or cifar10/ with one. When empty, looked for in $ADJOINT_DATA, ~/.cache/adjoint and
  // ~/.keras/datasets.
  std::string path = {};
  // Where nothing is found and no path is given: the archive, from the authors' address or
  // $ADJOINT_DOWNLOAD_URL, into ~/.cache/adjoint; its SHA-256 is checked.
  bool download = true;
  std::function<void(absl::string_view url, int64_t received, int64_t total)> progress = {};
  // Called as batches are read, of which there are six.
  std::function<void(int64_t done, int64_t total)> reading = {};
};

// The CIFAR-10 data set of small colour pictures (Krizhevsky 2009) as Keras' cifar10.load_data
// gives it, channels last.
struct Cifar10Data {
  Tensor x_train;      // u8[50000, 32, 32, 3]
  Tensor y_train;      // u8[50000, 1], 0 to 9
  Tensor x_test;       // u8[10000, 32, 32, 3]
  Tensor y_test;       // u8[10000, 1]
  std::string source;  // where they come from
};

// Batches of other numbers of pictures are fine. They are Python's pickles, read by a machine that
// knows what these need and executes nothing (core/io/pickle.h). Errors: InvalidArgument when
// `path` has nothing, or a batch is missing or is none; NotFound when nothing was found nor could
// be downloaded; DataLoss for damage and a wrong SHA-256.
absl::StatusOr<Cifar10Data> LoadData(const LoadOptions& options = {});

// "airplane", "automobile", ..., by label.
absl::Span<const absl::string_view> LabelNames();

}  // namespace adjoint::datasets::cifar10

#endif  // ADJOINT_DATASETS_CIFAR10_H_
