#ifndef ADJOINT_NN_TOTALS_H_
#define ADJOINT_NN_TOTALS_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "nn/history.h"
#include "nn/programs.h"

namespace adjoint::nn {

// Sums over the samples so far of what a program reports, and the numbers that they make.
class Totals {
 public:
  // `reported` must live as long.
  explicit Totals(const std::vector<Reported>& reported);

  void Clear();
  // The outputs of a batch of `samples`.
  void Add(const std::vector<Tensor>& outputs, int64_t samples);
  // The logs for the samples so far.
  const Logs& Results();

  // For checkpoints: an entry an output of the program, and the samples they are sums of.
  const std::vector<std::vector<double>>& sums() const { return sums_; }
  int64_t samples() const { return samples_; }
  // False, and nothing happens, when there is another number of outputs.
  bool Restore(std::vector<std::vector<double>> sums, int64_t samples);

 private:
  const std::vector<Reported>& reported_;
  std::vector<std::vector<double>> sums_;
  int64_t samples_ = 0;
  Logs logs_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_TOTALS_H_
