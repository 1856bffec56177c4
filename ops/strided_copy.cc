#include "ops/strided_copy.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstring>

#include "absl/container/inlined_vector.h"
#include "core/parallel.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kLine = 64;                 // bytes of a cache line
constexpr int64_t kStripeLines = 16;          // lines of a row that are transposed together
constexpr int64_t kGrain = 1 << 16;           // elements a part, about
constexpr int64_t kStreamedBytes = 16 << 20;  // results as large do not stay in a cache anyway
constexpr int64_t kShortRun = 16;             // bytes; up to here a loop beats memcpy

// Calls fn with an unsigned integer of the element's size.
template <typename Fn>
void VisitSize(size_t element_size, Fn&& fn) {
  switch (element_size) {
    case 1:
      return fn(uint8_t{});
    case 2:
      return fn(uint16_t{});
    case 4:
      return fn(uint32_t{});
    default:
      return fn(uint64_t{});
  }
}

// Positions of the first `rank` axes' index number `flat`.
struct Place {
  int64_t source;
  int64_t target;
};
Place PlaceOf(const StridedCopy& c, int rank, int64_t flat) {
  Place place{c.source_offset, c.target_offset};
  for (int axis = rank - 1; axis >= 0; --axis) {
    const int64_t i = flat % c.extents[axis];
    flat /= c.extents[axis];
    place.source += i * c.source_strides[axis];
    place.target += i * c.target_strides[axis];
  }
  return place;
}

template <typename T>
void CopyRow(const T* source, int64_t source_stride, T* target, int64_t target_stride, int64_t n) {
  if (target_stride == 1 && source_stride == 1) {
    if (n * static_cast<int64_t>(sizeof(T)) > kShortRun) {
      std::memcpy(target, source, n * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) target[i] = source[i];
    }
  } else if (target_stride == 1 && source_stride == 0) {
    std::fill_n(target, n, *source);
  } else if (target_stride == 1) {
    for (int64_t i = 0; i < n; ++i) target[i] = source[i * source_stride];
  } else if (source_stride == 1) {
    for (int64_t i = 0; i < n; ++i) target[i * target_stride] = source[i];
  } else {
    for (int64_t i = 0; i < n; ++i) target[i * target_stride] = source[i * source_stride];
  }
}

// A tile's extent: as many elements as a cache line holds, so that lines are read and written
// whole.
template <typename T>
constexpr int64_t kTile = kLine / static_cast<int64_t>(sizeof(T));

// tile[j][i] = source[i * stride + j], 0 <= i, j < kTile<T>.
template <typename T>
void LoadTransposed(const T* source, int64_t stride, T (*tile)[kTile<T>]) {
#ifdef __SSE2__
  if constexpr (sizeof(T) == 4) {
    for (int64_t i = 0; i < kTile<T>; i += 4) {
      for (int64_t j = 0; j < kTile<T>; j += 4) {
        const auto row = [&](int64_t k) {
          return _mm_loadu_ps(reinterpret_cast<const float*>(source + (i + k) * stride + j));
        };
        __m128 a = row(0), b = row(1), c = row(2), d = row(3);
        _MM_TRANSPOSE4_PS(a, b, c, d);
        _mm_store_ps(reinterpret_cast<float*>(&tile[j][i]), a);
        _mm_store_ps(reinterpret_cast<float*>(&tile[j + 1][i]), b);
        _mm_store_ps(reinterpret_cast<float*>(&tile[j + 2][i]), c);
        _mm_store_ps(reinterpret_cast<float*>(&tile[j + 3][i]), d);
      }
    }
    return;
  }
#endif
  for (int64_t i = 0; i < kTile<T>; ++i) {
    const T* from = source + i * stride;
    for (int64_t j = 0; j < kTile<T>; ++j) tile[j][i] = from[j];
  }
}

// A cache line from one 64-byte boundary to another, past the caches where `streamed`.
template <typename T>
void StoreLine(const T* line, bool streamed, T* target) {
#ifdef __SSE2__
  if (streamed) {
    for (int64_t i = 0; i < kLine / 16; ++i) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(target) + i,
                       _mm_load_si128(reinterpret_cast<const __m128i*>(line) + i));
    }
    return;
  }
#endif
  std::memcpy(target, line, kLine);
}

// target[j * target_stride + i] = source[i * source_stride + j] for i < rows, j < columns, both at
// most kTile<T>. `streamed`: the target's rows are whole lines, not to be cached.
template <typename T>
void TransposeTile(const T* source, int64_t source_stride, T* target, int64_t target_stride,
                   int64_t rows, int64_t columns, bool streamed) {
  if (rows == kTile<T> && columns == kTile<T>) {
    alignas(kLine) T tile[kTile<T>][kTile<T>];
    LoadTransposed(source, source_stride, tile);
    for (int64_t j = 0; j < kTile<T>; ++j) StoreLine(tile[j], streamed, target + j * target_stride);
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j)
      target[j * target_stride + i] = source[i * source_stride + j];
  }
}

// The axis along which the source is contiguous, when it is not the last one and the target is
// contiguous along the last: then both sides are best walked in tiles. -1 otherwise.
int TransposedAxis(const StridedCopy& c) {
  const int last = static_cast<int>(c.extents.size()) - 1;
  if (c.target_strides[last] != 1 || c.source_strides[last] == 1 || c.source_strides[last] == 0) {
    return -1;
  }
  if (c.extents[last] < 4) return -1;
  for (int axis = 0; axis < last; ++axis) {
    if (c.source_strides[axis] == 1 && c.extents[axis] >= 4) return axis;
  }
  return -1;
}

template <typename T>
void CopyTransposed(const StridedCopy& c, int axis, const T* source, T* target) {
  const size_t last = c.extents.size() - 1;
  StridedCopy outer = c;
  for (auto* v : {&outer.extents, &outer.source_strides, &outer.target_strides}) {
    v->erase(v->begin() + static_cast<int64_t>(last));
    v->erase(v->begin() + axis);
  }
  int64_t outer_count = 1;
  for (int64_t e : outer.extents) outer_count *= e;
  const int64_t rows = c.extents[last], columns = c.extents[axis];
  const int64_t source_stride = c.source_strides[last], target_stride = c.target_strides[axis];
  // A stripe of the columns is some lines wide: a page that is looked up for one is good for all.
  const int64_t width = kStripeLines * kTile<T>;
  const int64_t stripes = (columns + width - 1) / width;
  const int64_t grain = std::max<int64_t>(1, kGrain / (rows * width));
  bool streamed = outer_count * rows * columns * static_cast<int64_t>(sizeof(T)) >= kStreamedBytes;
  streamed &= reinterpret_cast<uintptr_t>(target + c.target_offset) % kLine == 0;
  streamed &= target_stride % kTile<T> == 0;
  for (int64_t stride : outer.target_strides) streamed &= stride % kTile<T> == 0;
  ParallelForRange(outer_count * stripes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const Place place = PlaceOf(outer, static_cast<int>(outer.extents.size()), part / stripes);
      const int64_t first = part % stripes * width, last_column = std::min(columns, first + width);
      for (int64_t i = 0; i < rows; i += kTile<T>) {
        for (int64_t j = first; j < last_column; j += kTile<T>) {
          TransposeTile(source + place.source + i * source_stride + j, source_stride,
                        target + place.target + j * target_stride + i, target_stride,
                        std::min(kTile<T>, rows - i), std::min(kTile<T>, last_column - j),
                        streamed);
        }
      }
    }
#ifdef __SSE2__
    if (streamed) _mm_sfence();
#endif
  });
}

// Walks the first `rank` axes from index number `flat` on.
class Walk {
 public:
  Walk(const StridedCopy& copy, int rank, int64_t flat)
      : copy_(copy), place_(PlaceOf(copy, rank, flat)), index_(rank) {
    for (int axis = rank - 1; axis >= 0; --axis) {
      index_[axis] = flat % copy.extents[axis];
      flat /= copy.extents[axis];
    }
  }

  Place place() const { return place_; }

  void Next() {
    for (size_t axis = index_.size(); axis-- > 0;) {
      place_.source += copy_.source_strides[axis];
      place_.target += copy_.target_strides[axis];
      if (++index_[axis] < copy_.extents[axis]) return;
      place_.source -= copy_.extents[axis] * copy_.source_strides[axis];
      place_.target -= copy_.extents[axis] * copy_.target_strides[axis];
      index_[axis] = 0;
    }
  }

 private:
  const StridedCopy& copy_;
  Place place_;
  absl::InlinedVector<int64_t, 6> index_;
};

// The last two axes of a copy.
struct Plane {
  int64_t rows, columns;
  int64_t source_row, source_column;  // strides
  int64_t target_row, target_column;
};

// kColumns: how many columns, when the compiler is to know; else 0.
template <typename T, int64_t kColumns>
void CopyNarrow(const Plane& p, const T* __restrict source, T* __restrict target) {
  const int64_t columns = kColumns > 0 ? kColumns : p.columns;
  for (int64_t i = 0; i < p.rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      target[i * p.target_row + j * p.target_column] =
          source[i * p.source_row + j * p.source_column];
    }
  }
}

template <typename T>
void CopyPlane(const Plane& p, const T* source, T* target) {
  if (p.columns == 2) return CopyNarrow<T, 2>(p, source, target);
  if (p.columns == 3) return CopyNarrow<T, 3>(p, source, target);
  if (p.columns == 4) return CopyNarrow<T, 4>(p, source, target);
  if (p.columns <= 8) return CopyNarrow<T, 0>(p, source, target);
  for (int64_t i = 0; i < p.rows; ++i) {
    CopyRow(source + i * p.source_row, p.source_column, target + i * p.target_row, p.target_column,
            p.columns);
  }
}

// Planes of some thousand elements at a time; a plane that is too large is cut along its rows.
template <typename T>
void CopyPlanes(const StridedCopy& c, const T* source, T* target) {
  const int outer_rank = static_cast<int>(c.extents.size()) - 2;
  Plane whole{c.extents[outer_rank],        c.extents[outer_rank + 1],
              c.source_strides[outer_rank], c.source_strides[outer_rank + 1],
              c.target_strides[outer_rank], c.target_strides[outer_rank + 1]};
  int64_t planes = 1;
  for (int axis = 0; axis < outer_rank; ++axis) planes *= c.extents[axis];
  const int64_t size = whole.rows * whole.columns;
  if (planes < 8 && size >= 2 * kGrain) {
    for (int64_t i = 0; i < planes; ++i) {
      const Place place = PlaceOf(c, outer_rank, i);
      ParallelForRange(whole.rows, std::max<int64_t>(1, kGrain / whole.columns),
                       [&](int64_t begin, int64_t end) {
                         Plane part = whole;
                         part.rows = end - begin;
                         CopyPlane(part, source + place.source + begin * whole.source_row,
                                   target + place.target + begin * whole.target_row);
                       });
    }
    return;
  }
  ParallelForRange(planes, std::max<int64_t>(1, kGrain / size), [&](int64_t begin, int64_t end) {
    Walk walk(c, outer_rank, begin);
    for (int64_t i = begin; i < end; ++i, walk.Next()) {
      CopyPlane(whole, source + walk.place().source, target + walk.place().target);
    }
  });
}

template <typename T>
void CopyRows(const StridedCopy& c, const T* source, T* target) {
  const int outer_rank = static_cast<int>(c.extents.size()) - 1;
  const int64_t n = c.extents[outer_rank];
  if (outer_rank > 0 && n < 2 * kGrain) return CopyPlanes(c, source, target);
  // Few long rows: each is cut into pieces.
  int64_t rows = 1;
  for (int axis = 0; axis < outer_rank; ++axis) rows *= c.extents[axis];
  const int64_t source_stride = c.source_strides[outer_rank];
  const int64_t target_stride = c.target_strides[outer_rank];
  for (int64_t row = 0; row < rows; ++row) {
    const Place place = PlaceOf(c, outer_rank, row);
    ParallelForRange(n, kGrain, [&](int64_t begin, int64_t end) {
      CopyRow(source + place.source + begin * source_stride, source_stride,
              target + place.target + begin * target_stride, target_stride, end - begin);
    });
  }
}

}  // namespace

StridedCopy Simplified(const StridedCopy& copy) {
  StridedCopy out;
  out.source_offset = copy.source_offset;
  out.target_offset = copy.target_offset;
  for (size_t k = 0; k < copy.extents.size(); ++k) {
    const int64_t extent = copy.extents[k];
    const int64_t source = copy.source_strides[k], target = copy.target_strides[k];
    if (extent == 0) return StridedCopy{{0}, {1}, {1}, 0, 0};
    if (extent == 1) continue;
    if (!out.extents.empty() && out.source_strides.back() == source * extent &&
        out.target_strides.back() == target * extent) {
      out.extents.back() *= extent;
      out.source_strides.back() = source;
      out.target_strides.back() = target;
      continue;
    }
    out.extents.push_back(extent);
    out.source_strides.push_back(source);
    out.target_strides.push_back(target);
  }
  if (out.extents.empty()) {
    out.extents = {1};
    out.source_strides = {1};
    out.target_strides = {1};
  }
  return out;
}

void CopyReference(const StridedCopy& copy, size_t element_size, const void* source, void* target) {
  int64_t n = 1;
  for (int64_t e : copy.extents) n *= e;
  VisitSize(element_size, [&](auto tag) {
    using T = decltype(tag);
    for (int64_t i = 0; i < n; ++i) {
      const Place place = PlaceOf(copy, static_cast<int>(copy.extents.size()), i);
      static_cast<T*>(target)[place.target] = static_cast<const T*>(source)[place.source];
    }
  });
}

void CopyFast(const StridedCopy& copy, size_t element_size, const void* source, void* target) {
  if (copy.extents[0] == 0) return;
  VisitSize(element_size, [&](auto tag) {
    using T = decltype(tag);
    const int axis = TransposedAxis(copy);
    if (axis >= 0) {
      CopyTransposed(copy, axis, static_cast<const T*>(source), static_cast<T*>(target));
    } else {
      CopyRows(copy, static_cast<const T*>(source), static_cast<T*>(target));
    }
  });
}

}  // namespace adjoint::ops
