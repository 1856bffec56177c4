#ifndef ADJOINT_OPS_ROW_REDUCTION_H_
#define ADJOINT_OPS_ROW_REDUCTION_H_

#include <cstdint>

#include "ops/reduce_simd.h"

namespace adjoint::ops {

// Reduces a long row of f32 that comes in pieces, with the additions of MakeReduction in their
// order: a row in any pieces gives the bits of a row at once. Rows shorter than kLanes may differ
// from it in the last bits.
class RowReducer {
 public:
  static constexpr int64_t kLanes = 32;
  // So many elements are reduced in f32 in each lane before they join the total.
  static constexpr int64_t kRun = 64 * kLanes;

  struct State {
    alignas(64) float lanes[kLanes];
    double total;      // of whole runs
    int64_t position;  // in the run
  };

  // kSum, kMean, kMax or kMin.
  explicit RowReducer(Reduction reduction);

  void Begin(State& state) const { begin_(state); }
  // The next n elements of the row.
  void Add(State& state, const float* x, int64_t n) const { add_(state, x, n); }
  // The reduction of all that was added since Begin: of a mean, the sum.
  double Total(State& state) const { return total_(state); }
  // Joins the totals of two parts of a row, of which the first is whole runs.
  double Join(double a, double b) const { return join_(a, b); }
  // What Join begins with.
  double start() const { return start_; }
  // The result for a row of n elements.
  float Finish(double total, int64_t n) const {
    return static_cast<float>(mean_ ? total / static_cast<double>(n) : total);
  }

 private:
  void (*begin_)(State&);
  void (*add_)(State&, const float*, int64_t);
  double (*total_)(State&);
  double (*join_)(double, double);
  double start_;
  bool mean_;
};

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_ROW_REDUCTION_H_
