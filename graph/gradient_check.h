#ifndef ADJOINT_GRAPH_GRADIENT_CHECK_H_
#define ADJOINT_GRAPH_GRADIENT_CHECK_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "ops/var.h"

namespace adjoint::graph {

struct GradientCheckOptions {
  int order = 2;            // highest derivative to check
  int directions = 3;       // random directions for each
  double step = 1e-5;       // of the central difference, times max(1, |x|)
  double tolerance = 1e-6;  // |difference - derivative| <= tolerance * max(1, |derivative|)
  uint64_t seed = 1;
};

// Compares the gradients of a function with central differences, for ops of one's own:
//
//   absl::Status s = CheckGradients(
//       [](absl::Span<const ops::Var> x) { return std::vector<ops::Var>{ops::Tanh(x[0])}; },
//       {Tensor::Of<double>({3}, {-1, 0.5, 2})});
//
// `build` makes outputs from vars for `inputs`; it is called several times and must build the same
// each time. All f64 inputs vary, the others stay as they are. The function checked is <r, f(x)>
// with random r over all f64 outputs, along random directions; its derivative of order two is that
// of <u, gradient> with random u. Inputs must keep a distance from points where f has a kink.
//
// Errors: what `build`, Gradients or an execution said; or the order, the direction, the derivative
// and the difference where they disagree.
absl::Status CheckGradients(
    const std::function<std::vector<ops::Var>(absl::Span<const ops::Var>)>& build,
    absl::Span<const Tensor> inputs, const GradientCheckOptions& options = {});

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_GRADIENT_CHECK_H_
