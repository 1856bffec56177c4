#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "ops/pool_kernels.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements read by a part, about

// One tap of a row of windows: y[i] against x[i * step]. The step is a constant where it is usual,
// for the compiler to vectorise the loads. Plain max of floats, but a NaN stays.
template <int kStep>
struct MaxTap {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t step, float* __restrict y,
                                 int64_t n) {
    const int64_t s = kStep > 0 ? kStep : step;
    for (int64_t i = 0; i < n; ++i) {
      const float v = x[i * s], best = y[i];
      y[i] = (v > best) | (v != v) ? v : best;
    }
  }
};

// With indices, index + i * index_step for element i; the first of equal elements stays. A row
// begins with indices of -1.
template <int kStep>
struct MaxTapIndexed {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t step, int32_t index,
                                 int32_t index_step, float* __restrict y, int32_t* __restrict where,
                                 int64_t n) {
    const int64_t s = kStep > 0 ? kStep : step;
    for (int64_t i = 0; i < n; ++i) {
      const float v = x[i * s], best = y[i];
      const int32_t old = where[i];
      const int32_t here = index + static_cast<int32_t>(i) * index_step;
      const bool take = (v > best) | ((v != v) & (best == best)) | (old < 0);
      y[i] = take ? v : best;
      where[i] = take ? here : old;
    }
  }
};

template <int kStep>
struct AddTap {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t step, float* __restrict y,
                                 int64_t n) {
    const int64_t s = kStep > 0 ? kStep : step;
    for (int64_t i = 0; i < n; ++i) y[i] += x[i * s];
  }
};

// The transpose: x[i * step] += y[i].
template <int kStep>
struct SpreadTap {
  static ADJOINT_INLINE void Run(const float* __restrict y, int64_t step, float* __restrict x,
                                 int64_t n) {
    const int64_t s = kStep > 0 ? kStep : step;
    for (int64_t i = 0; i < n; ++i) x[i * s] += y[i];
  }
};

// A row of windows of `depth` channels each that touch and do not overlap: x is the first element
// of the first window, `width` the extent of the maps of x, `index` that of the window's first
// position.
template <bool kIndices>
struct MaxDisjointRow {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t width, int64_t height,
                                 int64_t across, int64_t windows, int64_t depth, int32_t index,
                                 float* __restrict y, int32_t* __restrict where) {
    for (int64_t i = 0; i < windows; ++i) {
      const int32_t first = index + static_cast<int32_t>(i * across);
      const float* const window = x + i * across * depth;
      float* const best = y + i * depth;
      int32_t* const at = kIndices ? where + i * depth : nullptr;
      for (int64_t c = 0; c < depth; ++c) best[c] = window[c];
      for (int64_t c = 0; kIndices && c < depth; ++c) at[c] = first;
      for (int64_t a = 0; a < height; ++a) {
        for (int64_t b = a == 0 ? 1 : 0; b < across; ++b) {
          const float* const tap = window + (a * width + b) * depth;
          const int32_t here = first + static_cast<int32_t>(a * width + b);
#pragma GCC ivdep
          for (int64_t c = 0; c < depth; ++c) {
            const float v = tap[c], old = best[c];
            const bool take = (v > old) | ((v != v) & (old == old));
            best[c] = take ? v : old;
            if (kIndices) at[c] = take ? here : at[c];
          }
        }
      }
    }
  }
};

// The transpose: row a of those windows in x.
struct SpreadDisjointRow {
  static ADJOINT_INLINE void Run(const float* __restrict values, const int32_t* __restrict where,
                                 int64_t across, int64_t windows, int64_t depth, int32_t index,
                                 float* __restrict x) {
    for (int64_t i = 0; i < windows; ++i) {
      for (int64_t b = 0; b < across; ++b) {
        const int32_t here = index + static_cast<int32_t>(i * across + b);
        float* const to = x + (i * across + b) * depth;
#pragma GCC ivdep
        for (int64_t c = 0; c < depth; ++c) {
          // Adding 0 makes 0 of -0, as adding to zeros does.
          const float v = values[i * depth + c] + 0.0f;
          to[c] = where[i * depth + c] == here ? v : 0.0f;
        }
      }
    }
  }
};

// y may be x.
struct DivideRow {
  static ADJOINT_INLINE void Run(const float* x, float divisor, float* y, int64_t n) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] / divisor;
  }
};

template <template <int> class Body>
auto ForStep(int64_t step) {
  return step == 1   ? Simd<Body<1>>::Select()
         : step == 2 ? Simd<Body<2>>::Select()
                     : Simd<Body<0>>::Select();
}

// The rows of y, one after the other in memory: along the last axis, of all channels where these
// are last.
struct Rows {
  explicit Rows(const PoolGeometry& g)
      : planes(g.channels_last ? 1 : g.y.channels),
        a(g.y.extents[0]),
        b(g.y.extents[1]),
        width(g.y.extents[2]),
        depth(g.channels_last ? g.y.channels : 1),
        plane(g.channels_last ? 0 : g.x.channel_stride) {}

  int64_t count(const PoolGeometry& g) const { return g.y.batch * planes * a * b; }
  int64_t size() const { return width * depth; }

  const int64_t planes, a, b, width, depth;
  const int64_t plane;  // from a map of x to the next
};

// One tap of a row: windows first .. last-1, and where their elements are.
struct RowTap {
  int64_t x;         // of the first window's element, from the start of x
  int64_t position;  // of that element in its map
  int64_t first, last;
};

// Calls fn(RowTap) for the taps of row `row` that have elements inside x, in row-major order.
template <class Fn>
void ForEachRowTap(const PoolGeometry& g, const Rows& rows, int64_t row, Fn fn) {
  const WindowGeometry& w = g.window;
  const int64_t p1 = row % rows.b, p0 = row / rows.b % rows.a;
  const int64_t plane = row / rows.b / rows.a;
  const int64_t base = plane / rows.planes * g.x.batch_stride + plane % rows.planes * rows.plane;
  const int64_t begin0 = p0 * w.strides[0] - w.pads[0], begin1 = p1 * w.strides[1] - w.pads[1];
  const TapRange taps0 = TapsInside(begin0, w.dilations[0], w.kernel[0], g.x.extents[0]);
  const TapRange taps1 = TapsInside(begin1, w.dilations[1], w.kernel[1], g.x.extents[1]);
  for (int64_t i = taps0.first; i < taps0.last; ++i) {
    for (int64_t j = taps1.first; j < taps1.last; ++j) {
      const int64_t q0 = begin0 + i * w.dilations[0], q1 = begin1 + j * w.dilations[1];
      for (int64_t k = 0; k < w.kernel[2]; ++k) {
        // Windows are the taps of a window that starts at this one's offset.
        const int64_t offset = k * w.dilations[2] - w.pads[2];
        const TapRange windows = TapsInside(offset, w.strides[2], rows.width, g.x.extents[2]);
        if (windows.first == windows.last) continue;
        const int64_t q2 = offset + windows.first * w.strides[2];
        fn(RowTap{base + q0 * g.x.strides[0] + q1 * g.x.strides[1] + q2 * g.x.strides[2],
                  (q0 * g.x.extents[1] + q1) * g.x.extents[2] + q2, windows.first, windows.last});
      }
    }
  }
}

// Calls fn(x, position, y, n) for runs of a row whose elements a tap function takes at once: along
// the row, or, where channels are last, those of each window.
template <class Fn>
void ForEachRun(const PoolGeometry& g, const Rows& rows, const RowTap& tap, Fn fn) {
  if (!g.channels_last) {
    fn(tap.x, tap.position, tap.first, tap.last - tap.first);
    return;
  }
  const int64_t stride = g.window.strides[2];
  for (int64_t i = tap.first; i < tap.last; ++i) {
    const int64_t step = (i - tap.first) * stride;
    fn(tap.x + step * rows.depth, tap.position + step, i * rows.depth, rows.depth);
  }
}

int64_t GrainOf(const PoolGeometry& g, const Rows& rows) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, rows.size() * g.window.size()));
}

int64_t Count(const WindowGeometry& w, const MapGeometry& x, int axis, int64_t at,
              PoolDivisor divisor) {
  const int64_t begin = at * w.strides[axis] - w.pads[axis];
  const TapRange taps = divisor == PoolDivisor::kPadded
                            ? TapsInside(begin + w.pads[axis], w.dilations[axis], w.kernel[axis],
                                         x.extents[axis] + w.pads[axis] + w.pads_end[axis])
                            : TapsInside(begin, w.dilations[axis], w.kernel[axis], x.extents[axis]);
  return taps.last - taps.first;
}

// to[i] = from[i] / divisor of its window, for a row.
void DivideRows(const PoolGeometry& g, const Rows& rows, int64_t row, PoolDivisor divisor,
                const float* from, float* to) {
  static const auto divide = Simd<DivideRow>::Select();
  const int64_t ab = Count(g.window, g.x, 0, row / rows.b % rows.a, divisor) *
                     Count(g.window, g.x, 1, row % rows.b, divisor);
  // Windows of one count are taken together.
  for (int64_t i = 0; i < rows.width;) {
    const int64_t count = Count(g.window, g.x, 2, i, divisor);
    int64_t end = i + 1;
    while (end < rows.width && Count(g.window, g.x, 2, end, divisor) == count) ++end;
    divide(from + i * rows.depth, static_cast<float>(std::max<int64_t>(1, ab * count)),
           to + i * rows.depth, (end - i) * rows.depth);
    i = end;
  }
}

// Whether windows touch, do not overlap and lie whole inside x, whose channels are last.
bool AreDisjoint(const PoolGeometry& g) {
  const WindowGeometry& w = g.window;
  bool disjoint = g.channels_last;
  for (int i = 0; i < 3; ++i) {
    disjoint = disjoint && w.kernel[i] == w.strides[i] && w.dilations[i] == 1 && w.pads[i] == 0 &&
               g.y.extents[i] * w.kernel[i] <= g.x.extents[i];
  }
  return disjoint && w.kernel[0] == 1;
}

// Rows begin .. end-1 of y, of maps x, with their indices.
void MaxPoolDisjointRows(const PoolGeometry& g, int64_t begin, int64_t end, const float* x,
                         float* y, int32_t* where) {
  static const auto with_indices = Simd<MaxDisjointRow<true>>::Select();
  static const auto without = Simd<MaxDisjointRow<false>>::Select();
  const auto pool = where != nullptr ? with_indices : without;
  const Rows rows(g);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t q1 = row % rows.b * g.window.strides[1], p0 = row / rows.b % rows.a;
    const int64_t image = row / rows.b / rows.a;
    pool(x + image * g.x.batch_stride + p0 * g.x.strides[0] + q1 * g.x.strides[1], g.x.extents[2],
         g.window.kernel[1], g.window.kernel[2], rows.width, rows.depth,
         static_cast<int32_t>((p0 * g.x.extents[1] + q1) * g.x.extents[2]), y + row * rows.size(),
         where != nullptr ? where + row * rows.size() : nullptr);
  }
}

// Row `row` of y, of any windows.
void MaxPoolRow(const PoolGeometry& g, const Rows& rows, int64_t row, const float* x, float* y,
                int32_t* where) {
  const int64_t step = g.channels_last ? 1 : g.window.strides[2];
  const int32_t index_step = g.channels_last ? 0 : static_cast<int32_t>(step);
  y += row * rows.size();
  std::fill(y, y + rows.size(), -std::numeric_limits<float>::infinity());
  if (where == nullptr) {
    const auto plain = ForStep<MaxTap>(step);
    ForEachRowTap(g, rows, row, [&](const RowTap& tap) {
      ForEachRun(g, rows, tap, [&](int64_t from, int64_t, int64_t to, int64_t n) {
        plain(x + from, step, y + to, n);
      });
    });
    return;
  }
  const auto indexed = ForStep<MaxTapIndexed>(step);
  where += row * rows.size();
  std::fill(where, where + rows.size(), -1);
  ForEachRowTap(g, rows, row, [&](const RowTap& tap) {
    ForEachRun(g, rows, tap, [&](int64_t from, int64_t position, int64_t to, int64_t n) {
      indexed(x + from, step, static_cast<int32_t>(position), index_step, y + to, where + to, n);
    });
  });
}

// Rows begin .. end-1 of y, of maps x, with their indices.
void MaxPoolRows(const PoolGeometry& g, int64_t begin, int64_t end, const float* x, float* y,
                 int32_t* where) {
  if (AreDisjoint(g)) return MaxPoolDisjointRows(g, begin, end, x, y, where);
  const Rows rows(g);
  for (int64_t row = begin; row < end; ++row) MaxPoolRow(g, rows, row, x, y, where);
}

absl::Status IndexError(const char* op, int64_t limit) {
  return absl::InvalidArgumentError(
      absl::StrCat(op, ": an index is outside 0..", limit - 1, " and is not -1"));
}

}  // namespace

void MaxPoolImages(const PoolGeometry& g, int64_t images, const float* x, float* y,
                   int32_t* where) {
  const Rows rows(g);
  MaxPoolRows(g, 0, images * rows.planes * rows.a * rows.b, x, y, where);
}

void MaxUnpoolImages(const PoolGeometry& g, int64_t images, const float* values,
                     const int32_t* where, float* x) {
  const Rows rows(g);
  const int64_t image = g.x.batch_stride;
  if (!AreDisjoint(g)) {
    const int64_t plane_size = g.x.positions() * rows.depth;
    const int64_t from_size = rows.a * rows.b * rows.size();
    std::fill(x, x + images * image, 0.0f);
    for (int64_t plane = 0; plane < images * rows.planes; ++plane) {
      for (int64_t i = 0; i < from_size; ++i) {
        const int64_t at = plane * from_size + i;
        if (where[at] >= 0)
          x[plane * plane_size + where[at] * rows.depth + i % rows.depth] += values[at];
      }
    }
    return;
  }
  static const auto spread = Simd<SpreadDisjointRow>::Select();
  const int64_t across = g.window.kernel[2], line = g.x.extents[2] * rows.depth;
  const int64_t covered = rows.width * across * rows.depth;
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t q0 = 0; q0 < g.x.extents[0]; ++q0) {
      for (int64_t q1 = 0; q1 < g.x.extents[1]; ++q1) {
        float* const to = x + n * image + (q0 * g.x.extents[1] + q1) * line;
        const int64_t p1 = q1 / g.window.kernel[1];
        if (p1 >= rows.b || q0 >= rows.a) {
          std::fill(to, to + line, 0.0f);
          continue;
        }
        const int64_t row = (n * rows.a + q0) * rows.b + p1;
        spread(values + row * rows.size(), where + row * rows.size(), across, rows.width,
               rows.depth, static_cast<int32_t>((q0 * g.x.extents[1] + q1) * g.x.extents[2]), to);
        std::fill(to + covered, to + line, 0.0f);
      }
    }
  }
}

std::unique_ptr<Kernel> FastMaxPool(const PoolGeometry& g, bool with_indices) {
  return MakeKernel([=](const KernelArgs& args) {
    const Rows rows(g);
    int32_t* const where = with_indices ? Out<int32_t>(args, 1) : nullptr;
    ParallelForRange(rows.count(g), GrainOf(g, rows), [&](int64_t begin, int64_t end) {
      MaxPoolRows(g, begin, end, In<float>(args, 0), Out<float>(args), where);
    });
    return absl::OkStatus();
  });
}

std::unique_ptr<Kernel> FastAveragePool(const PoolGeometry& g, PoolDivisor divisor) {
  const int64_t step = g.channels_last ? 1 : g.window.strides[2];
  const auto add = ForStep<AddTap>(step);
  return MakeKernel([=](const KernelArgs& args) {
    const float* const x = In<float>(args, 0);
    const Rows rows(g);
    ParallelForRange(rows.count(g), GrainOf(g, rows), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* const y = Out<float>(args) + row * rows.size();
        std::fill(y, y + rows.size(), 0.0f);
        ForEachRowTap(g, rows, row, [&](const RowTap& tap) {
          ForEachRun(g, rows, tap, [&](int64_t from, int64_t, int64_t to, int64_t n) {
            add(x + from, step, y + to, n);
          });
        });
        // In place: every element on its own.
        if (divisor != PoolDivisor::kNone) DivideRows(g, rows, row, divisor, y, y);
      }
    });
    return absl::OkStatus();
  });
}

std::unique_ptr<Kernel> FastAveragePoolGradient(const PoolGeometry& g, PoolDivisor divisor) {
  const int64_t step = g.channels_last ? 1 : g.window.strides[2];
  const auto spread = ForStep<SpreadTap>(step);
  const Rows shape(g);
  // A part is some maps, or images where channels are last: windows of one may share elements.
  const int64_t planes = g.y.batch * shape.planes;
  const int64_t plane_size = g.x.positions() * shape.depth;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, plane_size));
  const int64_t row_bytes = (shape.size() * sizeof(float) + 63) / 64 * 64;
  const int64_t parts = planes == 0 ? 0 : (planes + grain - 1) / grain;
  return MakeKernel(
      [=](const KernelArgs& args) {
        const float* const ct = In<float>(args, 0);
        float* const dx = Out<float>(args);
        const Rows rows(g);
        ParallelForRange(planes, grain, [&](int64_t begin, int64_t end) {
          std::fill(dx + begin * plane_size, dx + end * plane_size, 0.0f);
          float* const shares = reinterpret_cast<float*>(static_cast<char*>(args.scratch) +
                                                         begin / grain * row_bytes);
          for (int64_t row = begin * rows.a * rows.b; row < end * rows.a * rows.b; ++row) {
            const float* from = ct + row * rows.size();
            if (divisor != PoolDivisor::kNone) {
              DivideRows(g, rows, row, divisor, from, shares);
              from = shares;
            }
            ForEachRowTap(g, rows, row, [&](const RowTap& tap) {
              ForEachRun(g, rows, tap, [&](int64_t to, int64_t, int64_t at, int64_t n) {
                spread(from + at, step, dx + to, n);
              });
            });
          }
        });
        return absl::OkStatus();
      },
      parts * row_bytes);
}

// Images, or maps where channels are first, keep to themselves.
std::unique_ptr<Kernel> FastUnpool(const IndexGeometry& g, const MapGeometry& y) {
  const int64_t depth = g.channels_last ? y.channels : 1;
  const int64_t planes = y.batch * (g.channels_last ? 1 : y.channels);
  const int64_t from_size = y.positions() * depth, to_size = g.x.positions() * depth;
  const int64_t limit = g.Limit();
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, from_size + to_size));
  return MakeKernel([=](const KernelArgs& args) -> absl::Status {
    std::atomic<bool> outside{false};
    ParallelForRange(planes, grain, [&](int64_t begin, int64_t end) {
      bool bad = false;
      for (int64_t plane = begin; plane < end; ++plane) {
        const float* const values = In<float>(args, 0) + plane * from_size;
        const int32_t* const where = In<int32_t>(args, 1) + plane * from_size;
        float* const out = Out<float>(args) + plane * to_size;
        std::fill(out, out + to_size, 0.0f);
        for (int64_t i = 0; i < from_size; i += depth) {
          for (int64_t c = 0; c < depth; ++c) {
            const int64_t index = where[i + c];
            if (index >= 0 && index < limit) {
              out[index * depth + c] += values[i + c];
            } else {
              bad |= index != -1;
            }
          }
        }
      }
      if (bad) outside = true;
    });
    return outside ? IndexError("max_unpool", limit) : absl::OkStatus();
  });
}

std::unique_ptr<Kernel> FastGather(const IndexGeometry& g, const MapGeometry& y) {
  const int64_t depth = g.channels_last ? y.channels : 1;
  const int64_t planes = y.batch * (g.channels_last ? 1 : y.channels);
  const int64_t to_size = y.positions() * depth, from_size = g.x.positions() * depth;
  const int64_t limit = g.Limit();
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, to_size));
  return MakeKernel([=](const KernelArgs& args) -> absl::Status {
    std::atomic<bool> outside{false};
    ParallelForRange(planes, grain, [&](int64_t begin, int64_t end) {
      bool bad = false;
      for (int64_t plane = begin; plane < end; ++plane) {
        const float* const x = In<float>(args, 0) + plane * from_size;
        const int32_t* const where = In<int32_t>(args, 1) + plane * to_size;
        float* const out = Out<float>(args) + plane * to_size;
        for (int64_t i = 0; i < to_size; i += depth) {
          for (int64_t c = 0; c < depth; ++c) {
            const int64_t index = where[i + c];
            const bool inside = index >= 0 && index < limit;
            out[i + c] = inside ? x[index * depth + c] : 0.0f;
            bad |= !inside && index != -1;
          }
        }
      }
      if (bad) outside = true;
    });
    return outside ? IndexError("max_pool_gather", limit) : absl::OkStatus();
  });
}

}  // namespace adjoint::ops
