// The work that the rivals in this folder do, and what they share so that they do the same.
//
// The network is the IMDB notebook's: multi-hot rows -> dense 16 relu -> dense 16 relu -> dense 1
// sigmoid, trained on the mean binary cross-entropy by RMSprop with Keras' defaults:
//   s = rho * s + (1 - rho) * g * g;   w -= rate * g / (sqrt(s) + epsilon)
//
// Both rivals start at InitialWeights and visit rows in EpochOrder, so that their losses differ by
// rounding only.

#ifndef ADJOINT_BENCHMARKS_BASELINES_NOTEBOOK_H_
#define ADJOINT_BENCHMARKS_BASELINES_NOTEBOOK_H_

#include <cstdint>
#include <vector>

namespace adjoint::benchmarks {

inline constexpr int64_t kHidden = 16;
inline constexpr float kLearningRate = 1e-3f;
inline constexpr float kRho = 0.9f;
inline constexpr float kEpsilon = 1e-7f;

// A matrix of zeros and ones. Row r has ones at columns[row_offsets[r] .. row_offsets[r + 1]), each
// of them once and in [0, cols). Borrowed: the arrays outlive the call that takes it.
struct CsrData {
  int64_t rows = 0;
  int64_t cols = 0;
  const int32_t* row_offsets = nullptr;  // rows + 1 of them
  const int32_t* columns = nullptr;
  const float* labels = nullptr;  // rows of them, each 0 or 1
};

struct NotebookOptions {
  int epochs = 20;
  int batch = 512;
  uint64_t seed = 1;
  int threads = 2;
  bool shuffle = true;
};

// Kernels are stored (in, out), row-major.
struct NotebookWeights {
  std::vector<float> w1;  // cols x 16
  std::vector<float> b1;  // 16
  std::vector<float> w2;  // 16 x 16
  std::vector<float> b2;  // 16
  std::vector<float> w3;  // 16
  std::vector<float> b3;  // 1
};

struct NotebookResult {
  // One number an epoch: means over samples, `loss` and `accuracy` as they were met in training.
  // The val_ lists are empty without validation data.
  std::vector<double> loss;
  std::vector<double> accuracy;
  std::vector<double> val_loss;
  std::vector<double> val_accuracy;
  // Training and validating, from weights made and data in place to the last epoch's end.
  double seconds = 0;
  NotebookWeights weights;
};

// Glorot uniform kernels, zero biases.
NotebookWeights InitialWeights(int64_t cols, uint64_t seed);

// Makes the order of each epoch in turn.
class EpochOrder {
 public:
  EpochOrder(int64_t rows, uint64_t seed, bool shuffle);

  // A permutation of the rows, shuffled anew by each call (never, when `shuffle` was false).
  // Belongs to this object; the next call overwrites it.
  const std::vector<int32_t>& Next();

 private:
  uint64_t Random();

  std::vector<int32_t> order_;
  uint64_t state_;
  bool shuffle_;
};

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_BASELINES_NOTEBOOK_H_
