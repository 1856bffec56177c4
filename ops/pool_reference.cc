#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/pool_kernels.h"

namespace adjoint::ops {
namespace {

using Position = std::array<int64_t, 3>;

int64_t At(const MapGeometry& g, int64_t n, int64_t c, const Position& p) {
  return n * g.batch_stride + c * g.channel_stride + p[0] * g.strides[0] + p[1] * g.strides[1] +
         p[2] * g.strides[2];
}

// Calls fn(n, c, position) for each element of the maps.
template <class Fn>
void ForEachElement(const MapGeometry& g, Fn fn) {
  Position p;
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t c = 0; c < g.channels; ++c) {
      for (p[0] = 0; p[0] < g.extents[0]; ++p[0]) {
        for (p[1] = 0; p[1] < g.extents[1]; ++p[1]) {
          for (p[2] = 0; p[2] < g.extents[2]; ++p[2]) fn(n, c, p);
        }
      }
    }
  }
}

// Calls fn(position in x) for the elements of the window of y's position p that are inside x.
template <class Fn>
void ForEachTap(const PoolGeometry& g, const Position& p, Fn fn) {
  const WindowGeometry& w = g.window;
  Position begin, q;
  std::array<TapRange, 3> taps;
  for (int i = 0; i < 3; ++i) {
    begin[i] = p[i] * w.strides[i] - w.pads[i];
    taps[i] = TapsInside(begin[i], w.dilations[i], w.kernel[i], g.x.extents[i]);
  }
  for (int64_t a = taps[0].first; a < taps[0].last; ++a) {
    for (int64_t b = taps[1].first; b < taps[1].last; ++b) {
      for (int64_t c = taps[2].first; c < taps[2].last; ++c) {
        q[0] = begin[0] + a * w.dilations[0];
        q[1] = begin[1] + b * w.dilations[1];
        q[2] = begin[2] + c * w.dilations[2];
        fn(q);
      }
    }
  }
}

// What the sum of the window of y's position p is divided by.
double DivisorAt(const PoolGeometry& g, const Position& p, PoolDivisor divisor) {
  if (divisor == PoolDivisor::kNone) return 1;
  const WindowGeometry& w = g.window;
  int64_t count = 1;
  for (int i = 0; i < 3; ++i) {
    const int64_t begin = p[i] * w.strides[i] - w.pads[i];
    const TapRange taps = divisor == PoolDivisor::kPadded
                              ? TapsInside(begin + w.pads[i], w.dilations[i], w.kernel[i],
                                           g.x.extents[i] + w.pads[i] + w.pads_end[i])
                              : TapsInside(begin, w.dilations[i], w.kernel[i], g.x.extents[i]);
    count *= taps.last - taps.first;
  }
  return static_cast<double>(std::max<int64_t>(count, 1));
}

absl::Status OutsideError(const char* op, int64_t index, int64_t position, int64_t limit) {
  return absl::InvalidArgumentError(absl::StrCat(op, ": index ", index, " at element ", position,
                                                 " of the indices is outside 0..", limit - 1,
                                                 ", and is not -1"));
}

int64_t IndexAt(const KernelArgs& args, PoolIndices kind, int64_t i) {
  return kind == PoolIndices::kPlane ? In<int32_t>(args, 1)[i] : In<int64_t>(args, 1)[i];
}

int64_t Elements(const MapGeometry& g) { return g.batch * g.channels * g.positions(); }

}  // namespace

int64_t IndexGeometry::Of(int64_t n, int64_t c, const std::array<int64_t, 3>& p) const {
  const std::array<int64_t, 3>& e = x.extents;
  const int64_t in_plane = kind == PoolIndices::kTensorColumnMajor
                               ? (p[2] * e[1] + p[1]) * e[0] + p[0]
                               : (p[0] * e[1] + p[1]) * e[2] + p[2];
  return kind == PoolIndices::kPlane ? in_plane : (n * x.channels + c) * x.positions() + in_plane;
}

int64_t IndexGeometry::Offset(int64_t n, int64_t c, int64_t index) const {
  if (kind == PoolIndices::kTensor) return index;
  if (kind == PoolIndices::kPlane) {
    return n * x.batch_stride + c * x.channel_stride + index * (channels_last ? x.channels : 1);
  }
  const int64_t plane = x.positions(), within = index % plane;
  const std::array<int64_t, 3>& e = x.extents;
  return index - within + (within % e[0] * e[1] + within / e[0] % e[1]) * e[2] +
         within / e[0] / e[1];
}

int64_t IndexGeometry::Limit() const {
  return x.positions() * (kind == PoolIndices::kPlane ? 1 : x.batch * x.channels);
}

template <typename T>
std::unique_ptr<Kernel> ReferenceMaxPool(const PoolGeometry& g, bool with_indices,
                                         PoolIndices kind) {
  return MakeKernel([g, with_indices, kind](const KernelArgs& args) {
    const T* const x = In<T>(args, 0);
    T* const y = Out<T>(args);
    const IndexGeometry indices{g.x, kind, g.channels_last};
    ForEachElement(g.y, [&](int64_t n, int64_t c, const Position& p) {
      T best = -std::numeric_limits<T>::infinity();
      int64_t where = -1;
      ForEachTap(g, p, [&](const Position& q) {
        const T v = x[At(g.x, n, c, q)];
        if (where < 0 || v > best || (std::isnan(v) && !std::isnan(best))) {
          best = v;
          where = indices.Of(n, c, q);
        }
      });
      const int64_t at = At(g.y, n, c, p);
      y[at] = best;
      if (!with_indices) return;
      if (kind == PoolIndices::kPlane) {
        Out<int32_t>(args, 1)[at] = static_cast<int32_t>(where);
      } else {
        Out<int64_t>(args, 1)[at] = where;
      }
    });
    return absl::OkStatus();
  });
}

template <typename T>
std::unique_ptr<Kernel> ReferenceAveragePool(const PoolGeometry& g, PoolDivisor divisor) {
  return MakeKernel([g, divisor](const KernelArgs& args) {
    const T* const x = In<T>(args, 0);
    T* const y = Out<T>(args);
    ForEachElement(g.y, [&](int64_t n, int64_t c, const Position& p) {
      T sum = 0;
      ForEachTap(g, p, [&](const Position& q) { sum += x[At(g.x, n, c, q)]; });
      y[At(g.y, n, c, p)] = sum / static_cast<T>(DivisorAt(g, p, divisor));
    });
    return absl::OkStatus();
  });
}

template <typename T>
std::unique_ptr<Kernel> ReferenceAveragePoolGradient(const PoolGeometry& g, PoolDivisor divisor) {
  return MakeKernel([g, divisor](const KernelArgs& args) {
    const T* const ct = In<T>(args, 0);
    T* const dx = Out<T>(args);
    std::fill(dx, dx + Elements(g.x), T{0});
    ForEachElement(g.y, [&](int64_t n, int64_t c, const Position& p) {
      const T share = ct[At(g.y, n, c, p)] / static_cast<T>(DivisorAt(g, p, divisor));
      ForEachTap(g, p, [&](const Position& q) { dx[At(g.x, n, c, q)] += share; });
    });
    return absl::OkStatus();
  });
}

template <typename T>
std::unique_ptr<Kernel> ReferenceUnpool(const IndexGeometry& g, const MapGeometry& y) {
  return MakeKernel([g, y](const KernelArgs& args) -> absl::Status {
    const T* const values = In<T>(args, 0);
    T* const out = Out<T>(args);
    std::fill(out, out + Elements(g.x), T{0});
    absl::Status status;
    ForEachElement(y, [&](int64_t n, int64_t c, const Position& p) {
      const int64_t at = At(y, n, c, p), index = IndexAt(args, g.kind, at);
      if (index >= 0 && index < g.Limit()) {
        out[g.Offset(n, c, index)] += values[at];
      } else if (index != -1 && status.ok()) {
        status = OutsideError("max_unpool", index, at, g.Limit());
      }
    });
    return status;
  });
}

template <typename T>
std::unique_ptr<Kernel> ReferenceGather(const IndexGeometry& g, const MapGeometry& y) {
  return MakeKernel([g, y](const KernelArgs& args) -> absl::Status {
    const T* const x = In<T>(args, 0);
    T* const out = Out<T>(args);
    absl::Status status;
    ForEachElement(y, [&](int64_t n, int64_t c, const Position& p) {
      const int64_t at = At(y, n, c, p), index = IndexAt(args, g.kind, at);
      out[at] = 0;
      if (index >= 0 && index < g.Limit()) {
        out[at] = x[g.Offset(n, c, index)];
      } else if (index != -1 && status.ok()) {
        status = OutsideError("max_pool_gather", index, at, g.Limit());
      }
    });
    return status;
  });
}

#define ADJOINT_INSTANTIATE(T)                                                                   \
  template std::unique_ptr<Kernel> ReferenceMaxPool<T>(const PoolGeometry&, bool, PoolIndices);  \
  template std::unique_ptr<Kernel> ReferenceAveragePool<T>(const PoolGeometry&, PoolDivisor);    \
  template std::unique_ptr<Kernel> ReferenceAveragePoolGradient<T>(const PoolGeometry&,          \
                                                                   PoolDivisor);                 \
  template std::unique_ptr<Kernel> ReferenceUnpool<T>(const IndexGeometry&, const MapGeometry&); \
  template std::unique_ptr<Kernel> ReferenceGather<T>(const IndexGeometry&, const MapGeometry&)
ADJOINT_INSTANTIATE(float);
ADJOINT_INSTANTIATE(double);
#undef ADJOINT_INSTANTIATE

}  // namespace adjoint::ops
