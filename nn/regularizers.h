#ifndef ADJOINT_NN_REGULARIZERS_H_
#define ADJOINT_NN_REGULARIZERS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ops/var.h"

namespace adjoint::nn {

// A penalty on a variable that is added to the loss: l1 sum|w| + l2 sum w^2, as Keras scales it.
struct Regularizer {
  double l1 = 0;
  double l2 = 0;

  bool empty() const { return l1 == 0 && l2 == 0; }
  // A scalar. Requires !empty().
  ops::Var Penalty(ops::Var variable) const;

  // "l1_l2(0.01, 0.001)", "" when empty; Parse reads it back.
  std::string ToString() const;
  // Also "l1(0.01)" and "l2(0.001)".
  static absl::StatusOr<Regularizer> Parse(absl::string_view text);
};

inline Regularizer L1(double factor = 0.01) { return {.l1 = factor}; }
inline Regularizer L2(double factor = 0.01) { return {.l2 = factor}; }
inline Regularizer L1L2(double l1 = 0.01, double l2 = 0.01) { return {l1, l2}; }

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_REGULARIZERS_H_
