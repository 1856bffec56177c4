#include "ops/reduce_simd.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/parallel.h"
#include "core/simd.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kLanes = 32;
constexpr int64_t kRun = 64 * kLanes;  // elements of a row reduced in lanes
constexpr int64_t kRows = 64;          // rows reduced in lanes
constexpr int64_t kStrip = 2048;       // columns walked together
constexpr int64_t kJoined = 512;       // partial results joined together
constexpr int64_t kGrain = 1 << 16;    // elements a part, about

// How one reduction of T proceeds: a lane takes at most 64 elements by Next, beginning with kFirst;
// Merge joins lanes; a Total carries lanes on, by Join, beginning with kStart.

// Integers as unsigned ones, which wrap around.
template <typename T, bool = std::is_integral_v<T>>
struct WrappingOf {
  using type = T;
};
template <typename T>
struct WrappingOf<T, true> {
  using type = std::make_unsigned_t<T>;
};

template <typename T>
struct SumOf {
  using Element = T;
  using Lane = typename WrappingOf<T>::type;
  using Total = std::conditional_t<std::is_floating_point_v<T>, double, Lane>;
  static constexpr Lane kFirst = 0;
  static constexpr Total kStart = 0;
  static ADJOINT_INLINE Lane Next(Lane a, T x) { return a + static_cast<Lane>(x); }
  static ADJOINT_INLINE Lane Merge(Lane a, Lane b) { return a + b; }
  static ADJOINT_INLINE Total Join(Total a, Total b) { return a + b; }
};

template <typename T>
struct ProdOf {
  using Element = T;
  using Lane =
      std::conditional_t<std::is_floating_point_v<T>, double, typename WrappingOf<T>::type>;
  using Total = Lane;
  static constexpr Lane kFirst = 1;
  static constexpr Total kStart = 1;
  static ADJOINT_INLINE Lane Next(Lane a, T x) { return a * static_cast<Lane>(x); }
  static ADJOINT_INLINE Lane Merge(Lane a, Lane b) { return a * b; }
  static ADJOINT_INLINE Total Join(Total a, Total b) { return a * b; }
};

// The larger, or the smaller, of two; NaN where either is.
template <typename T, bool kMin>
struct ExtremeOf {
  using Element = T;
  using Lane = T;
  using Total = T;
  using Limits = std::numeric_limits<T>;
  static constexpr T kMost = Limits::has_infinity ? Limits::infinity() : Limits::max();
  static constexpr T kLeast = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  static constexpr T kFirst = kMin ? kMost : kLeast;
  static constexpr T kStart = kFirst;
  static ADJOINT_INLINE T Next(T a, T x) { return (kMin ? x < a : x > a) | (x != x) ? x : a; }
  static ADJOINT_INLINE T Merge(T a, T b) { return Next(a, b); }
  static ADJOINT_INLINE T Join(T a, T b) { return Next(a, b); }
};
template <typename T>
using MaxOf = ExtremeOf<T, false>;
template <typename T>
using MinOf = ExtremeOf<T, true>;

// Reduces x[0 .. n-1], n <= kRun.
template <class P>
struct RowLoop {
  using T = typename P::Element;
  using Lane = typename P::Lane;
  static ADJOINT_INLINE typename P::Total Run(const T* __restrict x, int64_t n) {
    Lane acc[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) acc[lane] = P::kFirst;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) acc[lane] = P::Next(acc[lane], x[i + lane]);
    }
    for (int lane = 0; i + lane < n; ++lane) acc[lane] = P::Next(acc[lane], x[i + lane]);
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) acc[lane] = P::Merge(acc[lane], acc[lane + width]);
    }
    return static_cast<typename P::Total>(acc[0]);
  }
};

// Reduces each of `rows` rows of n <= kRun elements.
template <class P>
struct RowsLoop {
  using T = typename P::Element;
  static ADJOINT_INLINE void Run(const T* __restrict x, int64_t n, int64_t rows,
                                 typename P::Total* __restrict total) {
    if (n >= kLanes) {
      for (int64_t row = 0; row < rows; ++row) total[row] = RowLoop<P>::Run(x + row * n, n);
      return;
    }
    for (int64_t row = 0; row < rows; ++row) {
      typename P::Lane acc = P::kFirst;
      for (int64_t i = 0; i < n; ++i) acc = P::Next(acc, x[row * n + i]);
      total[row] = static_cast<typename P::Total>(acc);
    }
  }
};

// Joins column j of `rows` rows to total[j], for j < width <= kStrip.
template <class P>
struct ColumnLoop {
  using T = typename P::Element;
  using Lane = typename P::Lane;
  using Total = typename P::Total;
  static ADJOINT_INLINE void Run(const T* __restrict x, int64_t stride, int64_t rows, int64_t width,
                                 Total* __restrict total) {
    Lane acc[kStrip];
    for (int64_t first = 0; first < rows; first += kRows) {
      const int64_t last = first + kRows < rows ? first + kRows : rows;
      for (int64_t j = 0; j < width; ++j) acc[j] = P::kFirst;
      int64_t i = first;
      for (; i + 4 <= last; i += 4) {
        const T* __restrict r0 = x + i * stride;
        const T* __restrict r1 = r0 + stride;
        const T* __restrict r2 = r1 + stride;
        const T* __restrict r3 = r2 + stride;
        for (int64_t j = 0; j < width; ++j) {
          // Loaded before anything is compared, and compared in a chain: the vectoriser takes no
          // other form.
          const T a = r0[j], b = r1[j], c = r2[j], d = r3[j];
          acc[j] = P::Next(P::Next(P::Next(P::Next(acc[j], a), b), c), d);
        }
      }
      for (; i < last; ++i) {
        const T* __restrict r = x + i * stride;
        for (int64_t j = 0; j < width; ++j) acc[j] = P::Next(acc[j], r[j]);
      }
      for (int64_t j = 0; j < width; ++j) {
        total[j] = P::Join(total[j], static_cast<Total>(acc[j]));
      }
    }
  }
};

// A sum of four rows in pairs waits for fewer additions than a chain. Eight rows at once are
// slower: where rows are a power of two apart, they leave no room in the first cache for the sums.
template <typename T>
struct ColumnLoop<SumOf<T>> {
  using Lane = typename SumOf<T>::Lane;
  using Total = typename SumOf<T>::Total;
  static ADJOINT_INLINE void Run(const T* __restrict x, int64_t stride, int64_t rows, int64_t width,
                                 Total* __restrict total) {
    Lane sum[kStrip];
    for (int64_t first = 0; first < rows; first += kRows) {
      const int64_t last = first + kRows < rows ? first + kRows : rows;
      for (int64_t j = 0; j < width; ++j) sum[j] = 0;
      int64_t i = first;
      for (; i + 4 <= last; i += 4) {
        const T* __restrict r = x + i * stride;
        for (int64_t j = 0; j < width; ++j) {
          const T* c = r + j;
          const Lane c0 = c[0], c1 = c[stride], c2 = c[2 * stride], c3 = c[3 * stride];
          sum[j] += (c0 + c1) + (c2 + c3);
        }
      }
      for (; i < last; ++i) {
        const T* __restrict r = x + i * stride;
        for (int64_t j = 0; j < width; ++j) sum[j] += static_cast<Lane>(r[j]);
      }
      for (int64_t j = 0; j < width; ++j) total[j] += static_cast<Total>(sum[j]);
    }
  }
};

// Reduces the middle axis of [outer, reduced, inner], cut along each axis into parts. Parts along
// the reduced axis leave partial results in scratch, which are combined in order at the end.
template <class P>
struct Stage {
  using T = typename P::Element;
  using Total = typename P::Total;

  int64_t outer, reduced, inner;

  int64_t run = 0;     // length of a part along the reduced axis
  int64_t runs = 1;    // parts along it
  int64_t strip = 1;   // width of a part along the inner axis
  int64_t strips = 1;  // parts along it
  double divisor = 1;

  Stage(int64_t outer_extent, int64_t reduced_extent, int64_t inner_extent)
      : outer(outer_extent), reduced(reduced_extent), inner(inner_extent) {
    if (inner == 1) {
      run = kRun;
    } else {
      strip = std::min(inner, kStrip);
      strips = (inner + strip - 1) / strip;
      // Enough rows to be worth a part of their own.
      run = (kGrain / strip + kRows - 1) / kRows * kRows;
    }
    runs = (reduced + run - 1) / run;
  }

  int64_t outputs() const { return outer * inner; }
  size_t partial_bytes() const { return runs > 1 ? runs * outputs() * sizeof(Total) : 0; }

  void Execute(const T* x, T* y, Total* partials) const {
    if (inner == 1 && runs == 1) {
      ExecuteRows(x, y);
      return;
    }
    const int64_t parts = outer * runs * strips;
    const int64_t part_size = std::min(run, reduced) * strip;
    const int64_t grain = std::max<int64_t>(1, kGrain / part_size);
    ParallelForRange(parts, grain, [&](int64_t begin, int64_t end) {
      Total total[kStrip];
      for (int64_t part = begin; part < end; ++part) {
        const int64_t column = part % strips * strip;
        const int64_t r = part / strips % runs;
        const int64_t o = part / strips / runs;
        const int64_t rows = std::min(run, reduced - r * run);
        const int64_t width = std::min(strip, inner - column);
        const T* from = x + (o * reduced + r * run) * inner + column;
        Part(from, rows, width, total);
        if (runs > 1) {
          std::memcpy(partials + (o * runs + r) * inner + column, total, width * sizeof(Total));
        } else {
          T* to = y + o * inner + column;
          for (int64_t j = 0; j < width; ++j) to[j] = Finished(total[j]);
        }
      }
    });
    if (runs == 1) return;
    JoinPartials(partials, y);
  }

 private:
  // By rows of partial results, which lie as far apart as to be in each other's way in caches.
  void JoinPartials(const Total* partials, T* y) const {
    const int64_t width = std::min(inner, kJoined);
    const int64_t pieces = (inner + width - 1) / width;
    const int64_t grain = std::max<int64_t>(1, kGrain / (runs * width));
    ParallelForRange(outer * pieces, grain, [&](int64_t begin, int64_t end) {
      Total total[kJoined];
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t o = piece / pieces, first = piece % pieces * width;
        const int64_t n = std::min(width, inner - first);
        std::fill_n(total, n, P::kStart);
        for (int64_t r = 0; r < runs; ++r) {
          const Total* partial = partials + (o * runs + r) * inner + first;
          for (int64_t j = 0; j < n; ++j) total[j] = P::Join(total[j], partial[j]);
        }
        for (int64_t j = 0; j < n; ++j) y[o * inner + first + j] = Finished(total[j]);
      }
    });
  }

  // Whole rows, each in one part.
  void ExecuteRows(const T* x, T* y) const {
    static const auto rows_loop = Simd<RowsLoop<P>>::Select();
    ParallelForRange(outer, std::max<int64_t>(1, kGrain / reduced),
                     [&](int64_t begin, int64_t end) {
                       Total total[kStrip];
                       for (int64_t first = begin; first < end; first += kStrip) {
                         const int64_t rows = std::min(kStrip, end - first);
                         rows_loop(x + first * reduced, reduced, rows, total);
                         for (int64_t j = 0; j < rows; ++j) y[first + j] = Finished(total[j]);
                       }
                     });
  }

  T Finished(Total total) const {
    if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(total / static_cast<Total>(divisor));
    }
    return static_cast<T>(total);
  }

  void Part(const T* from, int64_t rows, int64_t width, Total* total) const {
    static const auto row_loop = Simd<RowLoop<P>>::Select();
    static const auto column_loop = Simd<ColumnLoop<P>>::Select();
    if (inner == 1) {
      *total = row_loop(from, rows);
      return;
    }
    std::fill_n(total, width, P::kStart);
    column_loop(from, inner, rows, width, total);
  }
};

// Alternating groups of kept and reduced axes, axes of extent 1 left out.
struct Group {
  int64_t extent;
  bool reduced;
};

std::vector<Group> GroupAxes(absl::Span<const int64_t> extents, absl::Span<const int> axes) {
  std::vector<Group> groups;
  for (size_t k = 0; k < extents.size(); ++k) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), static_cast<int>(k));
    if (extents[k] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced) {
      groups.back().extent *= extents[k];
    } else {
      groups.push_back({extents[k], reduced});
    }
  }
  return groups;
}

template <class P>
class ReductionKernel : public Kernel {
 public:
  using T = typename P::Element;
  using Total = typename P::Total;

  explicit ReductionKernel(std::vector<Stage<P>> stages) : stages_(std::move(stages)) {
    for (const Stage<P>& stage : stages_) {
      partial_bytes_ = std::max(partial_bytes_, stage.partial_bytes());
    }
    // Results of all stages but the last lie behind the partials, in two places by turns.
    for (size_t i = 0; i + 1 < stages_.size(); ++i) {
      between_[i % 2] = std::max<size_t>(between_[i % 2], stages_[i].outputs() * sizeof(T));
    }
    between_[0] = (between_[0] + 63) / 64 * 64;
    partial_bytes_ = (partial_bytes_ + 63) / 64 * 64;
  }

  absl::Status Run(const KernelArgs& args) const override {
    char* scratch = static_cast<char*>(args.scratch);
    char* between[2] = {scratch + partial_bytes_, scratch + partial_bytes_ + between_[0]};
    const T* from = In<T>(args, 0);
    for (size_t i = 0; i < stages_.size(); ++i) {
      T* to = i + 1 == stages_.size() ? Out<T>(args) : reinterpret_cast<T*>(between[i % 2]);
      stages_[i].Execute(from, to, reinterpret_cast<Total*>(scratch));
      from = to;
    }
    return absl::OkStatus();
  }

  size_t scratch_bytes() const override { return partial_bytes_ + between_[0] + between_[1]; }

 private:
  const std::vector<Stage<P>> stages_;
  size_t partial_bytes_ = 0;
  size_t between_[2] = {0, 0};
};

template <class P>
std::unique_ptr<Kernel> Make(absl::Span<const int64_t> extents, absl::Span<const int> axes,
                             bool mean) {
  double count = 1, size = 1;
  for (int64_t e : extents) size *= static_cast<double>(e);
  if (size == 0) return nullptr;
  for (int axis : axes) count *= static_cast<double>(extents[axis]);

  std::vector<Group> groups = GroupAxes(extents, axes);
  // From the innermost reduced group outward, each one stage over what the last one left.
  std::vector<Stage<P>> stages;
  int64_t inner = 1;
  for (size_t g = groups.size(); g-- > 0;) {
    if (!groups[g].reduced) {
      inner *= groups[g].extent;
      continue;
    }
    int64_t outer = 1;
    for (size_t k = 0; k < g; ++k) outer *= groups[k].extent;
    stages.emplace_back(outer, groups[g].extent, inner);
  }
  if (stages.empty()) stages.emplace_back(1, 1, static_cast<int64_t>(size));
  if (mean) stages.back().divisor = count;
  return std::make_unique<ReductionKernel<P>>(std::move(stages));
}

// The types that every reduction takes.
template <template <typename> class P>
std::unique_ptr<Kernel> MakeOfNumbers(DType dtype, absl::Span<const int64_t> extents,
                                      absl::Span<const int> axes, bool mean = false) {
  switch (dtype) {
    case DType::kF32:
      return Make<P<float>>(extents, axes, mean);
    case DType::kF64:
      return Make<P<double>>(extents, axes, mean);
    case DType::kI32:
      return Make<P<int32_t>>(extents, axes, mean);
    case DType::kI64:
      return Make<P<int64_t>>(extents, axes, mean);
    default:
      return nullptr;
  }
}

template <template <typename> class P>
std::unique_ptr<Kernel> MakeExtreme(DType dtype, absl::Span<const int64_t> extents,
                                    absl::Span<const int> axes) {
  if (dtype == DType::kU8 || dtype == DType::kBool) return Make<P<uint8_t>>(extents, axes, false);
  return MakeOfNumbers<P>(dtype, extents, axes);
}

}  // namespace

std::unique_ptr<Kernel> MakeReduction(Reduction reduction, DType dtype,
                                      absl::Span<const int64_t> extents,
                                      absl::Span<const int> axes) {
  switch (reduction) {
    case Reduction::kSum:
      return MakeOfNumbers<SumOf>(dtype, extents, axes);
    case Reduction::kMean:
      return MakeOfNumbers<SumOf>(dtype, extents, axes, /*mean=*/true);
    case Reduction::kMax:
      return MakeExtreme<MaxOf>(dtype, extents, axes);
    case Reduction::kMin:
      return MakeExtreme<MinOf>(dtype, extents, axes);
    case Reduction::kProd:
      break;
  }
  return MakeOfNumbers<ProdOf>(dtype, extents, axes);
}

}  // namespace adjoint::ops
