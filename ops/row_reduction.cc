#include "ops/row_reduction.h"

#include <algorithm>
#include <limits>

#include "core/simd.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kLanes = RowReducer::kLanes;
constexpr int64_t kRun = RowReducer::kRun;
using State = RowReducer::State;

// How reduce_simd.cc does it in f32.
struct Sum {
  static constexpr float kFirst = 0;
  static ADJOINT_INLINE float Next(float a, float x) { return a + x; }
  static double Join(double a, double b) { return a + b; }
};
struct Max {
  static constexpr float kFirst = -std::numeric_limits<float>::infinity();
  static ADJOINT_INLINE float Next(float a, float x) { return (x > a) | (x != x) ? x : a; }
  static double Join(double a, double b) { return b > a || b != b ? b : a; }
};
struct Min {
  static constexpr float kFirst = std::numeric_limits<float>::infinity();
  static ADJOINT_INLINE float Next(float a, float x) { return (x < a) | (x != x) ? x : a; }
  static double Join(double a, double b) { return b < a || b != b ? b : a; }
};

// n elements into all lanes, a multiple of kLanes.
template <class P>
struct LanesLoop {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t n, float* __restrict lanes) {
    float acc[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) acc[lane] = lanes[lane];
    for (int64_t i = 0; i < n; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) acc[lane] = P::Next(acc[lane], x[i + lane]);
    }
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = acc[lane];
  }
};

template <class P>
struct Of {
  static void BeginRun(State& state) {
    std::fill_n(state.lanes, kLanes, P::kFirst);
    state.position = 0;
  }

  static void Begin(State& state) {
    BeginRun(state);
    state.total = P::kFirst;
  }

  static void EndRun(State& state) {
    float* const acc = state.lanes;
    for (int64_t width = kLanes / 2; width > 0; width /= 2) {
      for (int64_t lane = 0; lane < width; ++lane) {
        acc[lane] = P::Next(acc[lane], acc[lane + width]);
      }
    }
    state.total = P::Join(state.total, acc[0]);
    BeginRun(state);
  }

  static void Add(State& state, const float* x, int64_t n) {
    static const auto lanes_loop = Simd<LanesLoop<P>>::Select();
    while (n > 0) {
      const int64_t lane = state.position % kLanes;
      int64_t taken = std::min(n, kRun - state.position);
      if (lane == 0 && taken >= kLanes) {
        taken -= taken % kLanes;
        lanes_loop(x, taken, state.lanes);
      } else {
        taken = std::min(taken, kLanes - lane);
        for (int64_t i = 0; i < taken; ++i) {
          state.lanes[lane + i] = P::Next(state.lanes[lane + i], x[i]);
        }
      }
      state.position += taken;
      x += taken;
      n -= taken;
      if (state.position == kRun) EndRun(state);
    }
  }

  static double Total(State& state) {
    if (state.position > 0) EndRun(state);
    return state.total;
  }
};

}  // namespace

RowReducer::RowReducer(Reduction reduction) : mean_(reduction == Reduction::kMean) {
  const auto take = [this](auto policy) {
    using P = decltype(policy);
    begin_ = Of<P>::Begin;
    add_ = Of<P>::Add;
    total_ = Of<P>::Total;
    join_ = P::Join;
    start_ = P::kFirst;
  };
  if (reduction == Reduction::kMax) {
    take(Max{});
  } else if (reduction == Reduction::kMin) {
    take(Min{});
  } else {
    take(Sum{});
  }
}

}  // namespace adjoint::ops
