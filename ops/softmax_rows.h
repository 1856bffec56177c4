#ifndef ADJOINT_OPS_SOFTMAX_ROWS_H_
#define ADJOINT_OPS_SOFTMAX_ROWS_H_

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/simd.h"
#include "core/vec_math.h"

// What the kernels of softmax and of cross-entropies have in common: the largest of a row and the
// sum of its exponentials, for kernel bodies (core/simd.h) and for references.

namespace adjoint::ops::softmax_rows {

inline constexpr int kLanes = 32;
inline constexpr int64_t kRun = 64 * kLanes;  // terms added in f32 before they join a sum in double
inline constexpr int64_t kPiece = 8 * kLanes;
inline constexpr int64_t kGrain = 1 << 14;  // elements a part, about: an exponential is some ns

// The largest of n >= 1 elements, NaN where one is.
ADJOINT_INLINE float MaxOf(const float* __restrict x, int64_t n) {
  float max[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) max[lane] = x[0];
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float v = x[i + lane];
      max[lane] = (v > max[lane]) | (v != v) ? v : max[lane];
    }
  }
  for (int lane = 0; i + lane < n; ++lane) {
    const float v = x[i + lane];
    max[lane] = (v > max[lane]) | (v != v) ? v : max[lane];
  }
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) {
      const float v = max[lane + width];
      max[lane] = (v > max[lane]) | (v != v) ? v : max[lane];
    }
  }
  return max[0];
}

// e^x for x <= 0, with an error of 1 ulp; 0 where that is less than some 2^-125, which is nothing
// beside the 1 of the largest element. NaN for NaN.
ADJOINT_INLINE float ExpOfDifference(float x) {
  const vec::internal::Reduced reduced = vec::internal::ReduceByLn2<127>(x);
  const float y =
      vec::internal::ExpReduced(reduced) * vec::internal::FromBits(reduced.biased << 23);
  return x < -87.0f ? 0.0f : y;
}

// What SumOf() calls meanwhile.
struct Nothing {
  ADJOINT_INLINE void operator()(int64_t, int64_t) const {}
};

// The sum of term(i) for i in 0, n, in runs and lanes as in reduce_simd.h. `meanwhile` is called
// with ranges begin, end that make up 0, n, each after about kPiece terms.
template <class Term, class Meanwhile = Nothing>
ADJOINT_INLINE double SumOf(int64_t n, Term term, Meanwhile meanwhile = {}) {
  double total = 0;
  for (int64_t first = 0; first < n; first += kRun) {
    const int64_t last = first + kRun < n ? first + kRun : n;
    float sum[kLanes] = {};
    int64_t i = first;
    while (i + kLanes <= last) {
      const int64_t begin = i, full = last - kLanes + 1;
      const int64_t end = i + kPiece < full ? i + kPiece : full;
      for (; i < end; i += kLanes) {
        for (int lane = 0; lane < kLanes; ++lane) sum[lane] += term(i + lane);
      }
      meanwhile(begin, i);
    }
    for (int lane = 0; i + lane < last; ++lane) sum[lane] += term(i + lane);
    if (i < last) meanwhile(i, last);
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) sum[lane] += sum[lane + width];
    }
    total += static_cast<double>(sum[0]);
  }
  return total;
}

// exp(x[i] - max), which with kStore goes to y, too.
template <bool kStore>
struct ExpTerm {
  const float* __restrict x;
  float max;
  float* __restrict y;
  ADJOINT_INLINE float operator()(int64_t i) const {
    const float e = ExpOfDifference(x[i] - max);
    if constexpr (kStore) y[i] = e;
    return e;
  }
};

template <bool kStore, class Meanwhile = Nothing>
ADJOINT_INLINE double SumExp(const float* x, float max, int64_t n, float* y,
                             Meanwhile meanwhile = {}) {
  return SumOf(n, ExpTerm<kStore>{x, max, y}, meanwhile);
}

// In double, of elements `stride` apart.
template <typename T>
double ReferenceMax(const T* x, int64_t n, int64_t stride) {
  double max = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < n; ++i) {
    const double v = static_cast<double>(x[i * stride]);
    if (v > max || std::isnan(v)) max = v;
  }
  return max;
}

template <typename T>
double ReferenceSumExp(const T* x, double max, int64_t n, int64_t stride) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i * stride]) - max);
  return sum;
}

}  // namespace adjoint::ops::softmax_rows

#endif  // ADJOINT_OPS_SOFTMAX_ROWS_H_
