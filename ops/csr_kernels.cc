#include "ops/csr_kernels.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"

namespace adjoint::ops {
namespace {

// Multiply-adds below which a second part costs more than it gains: some 20 microseconds.
constexpr int64_t kMinPartWork = 128 * 1024;
constexpr int64_t kMaxForwardParts = 64;
// Of the transposed product, where a part costs more: it searches every row for its columns.
constexpr int64_t kTransposedPartWork = 512 * 1024;
constexpr int64_t kMaxTransposedParts = 16;
// Rows that the balance of those parts is judged from, and the finest resolution.
constexpr int64_t kSampleRows = 16;
constexpr int kBuckets = 256;
// Columns with an entry in fewer rows than this fraction are many, and not in the cache: adding to
// them takes longer. Both numbers were measured on the words of film reviews.
constexpr float kRare = 0.06f;
constexpr float kRareCost = 1.5f;
// How early a row's entries are asked for.
constexpr int64_t kRowsAhead = 3;

// A loop over the lanes of a block. Kept rolled until the vectoriser sees it: gcc 12 otherwise
// unrolls up to 16 lanes into scalar code first.
#define ADJOINT_LANES(lane, lanes) \
  _Pragma("GCC unroll 1") for (int lane = 0; lane < (lanes); ++lane)

struct Operands {
  CsrPattern x;
  const float* values;  // null: all are one
  const float* dense;
  float* out;
  int64_t n;
};

ADJOINT_INLINE bool RangeIsValid(const CsrPattern& x, int64_t row) {
  const int64_t begin = x.ranges[2 * row];
  const int64_t end = x.ranges[2 * row + 1];
  return (begin >= 0) & (begin <= end) & (end <= x.capacity);
}

// Whether columns[0..count) ascend strictly and lie in low..high-1.
ADJOINT_INLINE bool ColumnsAreValid(const int32_t* columns, int64_t count, int64_t low,
                                    int64_t high) {
  if (count == 0) return true;
  int32_t wrong = (columns[0] < low) | (columns[count - 1] >= high);
  for (int64_t i = 1; i < count; ++i) wrong |= columns[i] <= columns[i - 1];
  return wrong == 0;
}

// out[0..kLanes) = sum of values[i] dense[columns[i] * n + 0..kLanes): even entries and odd ones
// have accumulators of their own.
template <int kLanes, bool kOnes>
ADJOINT_INLINE void SumRows(const int32_t* __restrict columns, const float* __restrict values,
                            int64_t count, const float* __restrict dense, int64_t n,
                            float* __restrict out) {
  float even[kLanes] = {};
  float odd[kLanes] = {};
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    const float* const first = dense + columns[i] * n;
    const float* const second = dense + columns[i + 1] * n;
    const float v = kOnes ? 1.0f : values[i];
    const float w = kOnes ? 1.0f : values[i + 1];
    ADJOINT_LANES(lane, kLanes) even[lane] += v * first[lane];
    ADJOINT_LANES(lane, kLanes) odd[lane] += w * second[lane];
  }
  if (i < count) {
    const float* const last = dense + columns[i] * n;
    const float v = kOnes ? 1.0f : values[i];
    ADJOINT_LANES(lane, kLanes) even[lane] += v * last[lane];
  }
  ADJOINT_LANES(lane, kLanes) out[lane] = even[lane] + odd[lane];
}

// Rows of a batch lie anywhere in a large matrix: asks for the entries of a later one early.
template <bool kOnes>
ADJOINT_INLINE void PrefetchRow(const Operands& p, int64_t row) {
  if (row >= p.x.rows || !RangeIsValid(p.x, row)) return;
  const int64_t begin = p.x.ranges[2 * row];
  const int64_t end = p.x.ranges[2 * row + 1];
  for (int64_t i = begin; i < end; i += 16) {
    __builtin_prefetch(p.x.columns + i);
    if (!kOnes) __builtin_prefetch(p.values + i);
  }
}

// Rows begin..end-1 of the product. Returns the row that is not valid, or -1.
template <bool kOnes>
struct ForwardRows {
  static ADJOINT_INLINE int64_t Run(const Operands& p, int64_t begin, int64_t end) {
    const int64_t n = p.n;
    for (int64_t row = begin; row < end; ++row) {
      if (!RangeIsValid(p.x, row)) return row;
      const int64_t first = p.x.ranges[2 * row];
      const int64_t count = p.x.ranges[2 * row + 1] - first;
      const int32_t* const columns = p.x.columns + first;
      const float* const values = kOnes ? nullptr : p.values + first;
      if (!ColumnsAreValid(columns, count, 0, p.x.cols)) return row;
      PrefetchRow<kOnes>(p, row + kRowsAhead);
      float* const out = p.out + row * n;
      int64_t j = 0;
      for (; j + 32 <= n; j += 32) {
        SumRows<32, kOnes>(columns, values, count, p.dense + j, n, out + j);
      }
      if (n & 16) SumRows<16, kOnes>(columns, values, count, p.dense + j, n, out + j), j += 16;
      if (n & 8) SumRows<8, kOnes>(columns, values, count, p.dense + j, n, out + j), j += 8;
      if (n & 4) SumRows<4, kOnes>(columns, values, count, p.dense + j, n, out + j), j += 4;
      if (n & 2) SumRows<2, kOnes>(columns, values, count, p.dense + j, n, out + j), j += 2;
      if (n & 1) SumRows<1, kOnes>(columns, values, count, p.dense + j, n, out + j);
    }
    return -1;
  }
};

// out[columns[i] * n + 0..kLanes) += values[i] row[0..kLanes).
template <int kLanes, bool kOnes>
ADJOINT_INLINE void AddRow(const int32_t* __restrict columns, const float* __restrict values,
                           int64_t count, const float* __restrict row, int64_t n,
                           float* __restrict out) {
  float lanes[kLanes];
  ADJOINT_LANES(lane, kLanes) lanes[lane] = row[lane];
  for (int64_t i = 0; i < count; ++i) {
    float* const to = out + columns[i] * n;
    const float v = kOnes ? 1.0f : values[i];
    ADJOINT_LANES(lane, kLanes) to[lane] += v * lanes[lane];
  }
}

// How many of columns[0..count), which ascend, are below `bound`.
ADJOINT_INLINE int64_t CountBelow(const int32_t* columns, int64_t count, int64_t bound) {
  int64_t base = 0;
  while (count > 1) {
    const int64_t half = count / 2;
    base = columns[base + half - 1] < bound ? base + half : base;
    count -= half;
  }
  return base + (count == 1 && columns[base] < bound);
}

// Rows low..high-1 of the transposed product. Returns the row of x that is not valid, or -1. The
// parts of a row between the bounds of all parts join without a gap even when its columns do not
// ascend, so each entry is checked by one of the parts.
template <bool kOnes>
struct TransposedRows {
  static ADJOINT_INLINE int64_t Run(const Operands& p, int64_t low, int64_t high) {
    const int64_t n = p.n;
    for (int64_t i = low * n; i < high * n; ++i) p.out[i] = 0;
    for (int64_t row = 0; row < p.x.rows; ++row) {
      if (!RangeIsValid(p.x, row)) return row;
      const int64_t first = p.x.ranges[2 * row];
      const int64_t entries = p.x.ranges[2 * row + 1] - first;
      const int32_t* columns = p.x.columns + first;
      const int64_t from = low == 0 ? 0 : CountBelow(columns, entries, low);
      const int64_t to = high == p.x.cols ? entries : CountBelow(columns, entries, high);
      if (from > to) return row;
      columns += from;
      const int64_t count = to - from;
      if (!ColumnsAreValid(columns, count, low, high)) return row;
      PrefetchRow<kOnes>(p, row + kRowsAhead);
      const float* const values = kOnes ? nullptr : p.values + first + from;
      const float* const dense = p.dense + row * n;
      int64_t j = 0;
      for (; j + 32 <= n; j += 32) {
        AddRow<32, kOnes>(columns, values, count, dense + j, n, p.out + j);
      }
      if (n & 16) AddRow<16, kOnes>(columns, values, count, dense + j, n, p.out + j), j += 16;
      if (n & 8) AddRow<8, kOnes>(columns, values, count, dense + j, n, p.out + j), j += 8;
      if (n & 4) AddRow<4, kOnes>(columns, values, count, dense + j, n, p.out + j), j += 4;
      if (n & 2) AddRow<2, kOnes>(columns, values, count, dense + j, n, p.out + j), j += 2;
      if (n & 1) AddRow<1, kOnes>(columns, values, count, dense + j, n, p.out + j);
    }
    return -1;
  }
};

struct Shape4 {
  int64_t rows, cols, capacity, n;
  bool ones;
};

Operands OperandsOf(const Shape4& s, const KernelArgs& args) {
  return {{In<int64_t>(args, 0), In<int32_t>(args, 1), s.rows, s.cols, s.capacity},
          s.ones ? nullptr : In<float>(args, 2),
          In<float>(args, s.ones ? 2 : 3),
          Out<float>(args),
          s.n};
}

// Entries of all rows. Ranges may be wrong here.
int64_t CountEntries(const CsrPattern& x) {
  int64_t entries = 0;
  for (int64_t row = 0; row < x.rows; ++row) {
    if (RangeIsValid(x, row)) entries += x.ranges[2 * row + 1] - x.ranges[2 * row];
  }
  return entries;
}

// Bounds of `parts` runs of columns with about as much work each, judged from some rows: an entry
// is a unit of work, a rare one somewhat more, clearing a row of the result some fraction of one.
std::vector<int64_t> BalanceColumns(const CsrPattern& x, int64_t entries, int64_t parts) {
  float work[kBuckets] = {};
  int shift = 0;
  while (((x.cols - 1) >> shift) >= kBuckets) ++shift;
  const int64_t width = int64_t{1} << shift;
  const int64_t step = std::max<int64_t>(1, x.rows / kSampleRows);
  int64_t sampled = 0;
  for (int64_t row = step / 2; row < x.rows; row += step) {
    if (!RangeIsValid(x, row)) continue;
    for (int64_t i = x.ranges[2 * row]; i < x.ranges[2 * row + 1]; ++i) {
      // Columns may be wrong here; any bucket will do for those.
      work[(x.columns[i] >> shift) & (kBuckets - 1)] += 1;
    }
    sampled += x.ranges[2 * row + 1] - x.ranges[2 * row];
  }
  const float scale = sampled == 0 ? 0.0f : static_cast<float>(entries) / sampled;
  const float clearing = 0.25f * width;
  float total = 0;
  for (float& w : work) {
    w *= scale;
    if (w < kRare * x.rows * width) w *= kRareCost;
    w += clearing;
    total += w;
  }
  std::vector<int64_t> bounds = {0};
  float done = 0;
  int bucket = 0;
  for (int64_t part = 1; part < parts; ++part) {
    const float wanted = total * part / parts;
    while (bucket < kBuckets - 1 && done + work[bucket] < wanted) done += work[bucket++];
    const float inside = (wanted - done) / work[bucket];
    bounds.push_back(
        std::clamp(static_cast<int64_t>((bucket + inside) * width), bounds.back(), x.cols));
  }
  bounds.push_back(x.cols);
  return bounds;
}

absl::Status ReportRow(const std::string& op, const CsrPattern& x, int64_t row) {
  absl::Status status = CheckCsrPattern(op, x);
  if (!status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat(op, ": row ", row, ": the matrix changed while it was multiplied"));
}

}  // namespace

absl::Status CheckCsrPattern(const std::string& op, const CsrPattern& x) {
  for (int64_t row = 0; row < x.rows; ++row) {
    const int64_t begin = x.ranges[2 * row];
    const int64_t end = x.ranges[2 * row + 1];
    if (!RangeIsValid(x, row)) {
      return absl::InvalidArgumentError(
          absl::StrCat(op, ": row ", row, ": its entries ", begin, " to ", end,
                       " (exclusive) do not lie within the ", x.capacity, " stored entries"));
    }
    for (int64_t i = begin; i < end; ++i) {
      if (x.columns[i] < 0 || x.columns[i] >= x.cols) {
        return absl::InvalidArgumentError(
            absl::StrCat(op, ": row ", row, ": entry ", i, " has column ", x.columns[i],
                         ", but the matrix has ", x.cols, " columns"));
      }
      if (i > begin && x.columns[i] <= x.columns[i - 1]) {
        return absl::InvalidArgumentError(
            absl::StrCat(op, ": row ", row, ": entry ", i, " has column ", x.columns[i], " after ",
                         x.columns[i - 1], ", but columns must ascend within a row"));
      }
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<Kernel> MakeCsrMatMul(int64_t rows, int64_t cols, int64_t capacity, int64_t n,
                                      bool ones) {
  const Shape4 shape = {rows, cols, capacity, n, ones};
  const auto run = ones ? Simd<ForwardRows<true>>::Select() : Simd<ForwardRows<false>>::Select();
  return MakeKernel([shape, run](const KernelArgs& args) {
    const Operands p = OperandsOf(shape, args);
    const int64_t work = CountEntries(p.x) * p.n;
    const int64_t parts = std::clamp<int64_t>(work / kMinPartWork, 1,
                                              std::clamp<int64_t>(shape.rows, 1, kMaxForwardParts));
    std::atomic<int64_t> wrong{-1};
    ParallelForRange(shape.rows, std::max<int64_t>(1, (shape.rows + parts - 1) / parts),
                     [&](int64_t begin, int64_t end) {
                       const int64_t row = run(p, begin, end);
                       if (row >= 0) wrong = row;
                     });
    return wrong < 0 ? absl::OkStatus() : ReportRow("csr_matmul", p.x, wrong);
  });
}

std::unique_ptr<Kernel> MakeCsrTransposedMatMul(int64_t rows, int64_t cols, int64_t capacity,
                                                int64_t n, bool ones) {
  const Shape4 shape = {rows, cols, capacity, n, ones};
  const auto run =
      ones ? Simd<TransposedRows<true>>::Select() : Simd<TransposedRows<false>>::Select();
  return MakeKernel([shape, run](const KernelArgs& args) {
    const Operands p = OperandsOf(shape, args);
    const int64_t entries = CountEntries(p.x);
    const int64_t work = (entries + shape.cols / 4) * p.n;
    // At least two where there is work for two.
    const int64_t parts = std::clamp<int64_t>(work / kTransposedPartWork,
                                              work < 2 * kMinPartWork ? 1 : 2, kMaxTransposedParts);
    const std::vector<int64_t> bounds =
        parts == 1 ? std::vector<int64_t>{0, shape.cols} : BalanceColumns(p.x, entries, parts);
    std::atomic<int64_t> wrong{-1};
    ParallelFor(static_cast<int64_t>(bounds.size()) - 1, [&](int64_t part) {
      const int64_t row = run(p, bounds[part], bounds[part + 1]);
      if (row >= 0) wrong = row;
    });
    return wrong < 0 ? absl::OkStatus() : ReportRow("csr_transposed_matmul", p.x, wrong);
  });
}

namespace {

struct SampledOperands {
  CsrPattern x;
  const float* lhs;
  const float* rhs;
  float* out;
  int64_t n;
};

struct SampledLoop {
  static constexpr int kLanes = 16;

  static ADJOINT_INLINE float Dot(const float* a, const float* b, int64_t n) {
    float sums[kLanes] = {};
    int64_t j = 0;
    for (; j + kLanes <= n; j += kLanes) {
      ADJOINT_LANES(lane, kLanes) sums[lane] += a[j + lane] * b[j + lane];
    }
    for (int lane = 0; j < n; ++j, ++lane) sums[lane] += a[j] * b[j];
    for (int half = kLanes / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
    }
    return sums[0];
  }

  static ADJOINT_INLINE void Run(const SampledOperands& o) {
    for (int64_t row = 0; row < o.x.rows; ++row) {
      const float* const a = o.lhs + row * o.n;
      for (int64_t i = o.x.ranges[2 * row]; i < o.x.ranges[2 * row + 1]; ++i) {
        o.out[i] += Dot(a, o.rhs + int64_t{o.x.columns[i]} * o.n, o.n);
      }
    }
  }
};

}  // namespace

std::unique_ptr<Kernel> MakeCsrSampledMatMul(int64_t rows, int64_t cols, int64_t capacity,
                                             int64_t n) {
  const auto run = Simd<SampledLoop>::Select();
  return MakeKernel([=](const KernelArgs& args) {
    const CsrPattern x{In<int64_t>(args, 0), In<int32_t>(args, 1), rows, cols, capacity};
    absl::Status valid = CheckCsrPattern("csr_sampled_matmul", x);
    if (!valid.ok()) return valid;
    float* const out = Out<float>(args);
    std::fill(out, out + capacity, 0.0f);
    run({x, In<float>(args, 2), In<float>(args, 3), out, n});
    return absl::OkStatus();
  });
}

}  // namespace adjoint::ops
