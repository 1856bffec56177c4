#include "ops/reduce_simd.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/parallel.h"
#include "core/simd.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kLanes = 32;
constexpr int64_t kRun = 64 * kLanes;  // elements of a row reduced in f32
constexpr int64_t kRows = 64;          // rows reduced in f32
constexpr int64_t kStrip = 1024;       // columns walked together
constexpr int64_t kGrain = 1 << 16;    // elements a part, about

// The sum of x[0 .. n-1], n <= kRun.
struct SumRun {
  static ADJOINT_INLINE double Run(const float* __restrict x, int64_t n) {
    float sum[kLanes] = {};
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) sum[lane] += x[i + lane];
    }
    for (int lane = 0; i + lane < n; ++lane) sum[lane] += x[i + lane];
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) sum[lane] += sum[lane + width];
    }
    return sum[0];
  }
};

// The larger of two, NaN where either is.
ADJOINT_INLINE float Larger(float a, float b) { return (b > a) | (b != b) ? b : a; }

struct MaxRun {
  static ADJOINT_INLINE double Run(const float* __restrict x, int64_t n) {
    float max[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) max[lane] = -__builtin_inff();
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) max[lane] = Larger(max[lane], x[i + lane]);
    }
    for (int lane = 0; i + lane < n; ++lane) max[lane] = Larger(max[lane], x[i + lane]);
    for (int width = kLanes / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) max[lane] = Larger(max[lane], max[lane + width]);
    }
    return max[0];
  }
};

// total[j] += the sum of column j of `rows` rows, for j < width <= kStrip.
struct SumColumns {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t stride, int64_t rows,
                                 int64_t width, double* __restrict total) {
    float sum[kStrip];
    for (int64_t first = 0; first < rows; first += kRows) {
      const int64_t last = first + kRows < rows ? first + kRows : rows;
      for (int64_t j = 0; j < width; ++j) sum[j] = 0;
      int64_t i = first;
      for (; i + 8 <= last; i += 8) {
        const float* __restrict r = x + i * stride;
        for (int64_t j = 0; j < width; ++j) {
          const float* c = r + j;
          sum[j] += ((c[0] + c[stride]) + (c[2 * stride] + c[3 * stride])) +
                    ((c[4 * stride] + c[5 * stride]) + (c[6 * stride] + c[7 * stride]));
        }
      }
      for (; i < last; ++i) {
        const float* __restrict r = x + i * stride;
        for (int64_t j = 0; j < width; ++j) sum[j] += r[j];
      }
      for (int64_t j = 0; j < width; ++j) total[j] += static_cast<double>(sum[j]);
    }
  }
};

struct MaxColumns {
  static ADJOINT_INLINE void Run(const float* __restrict x, int64_t stride, int64_t rows,
                                 int64_t width, double* __restrict total) {
    float max[kStrip];
    for (int64_t j = 0; j < width; ++j) max[j] = static_cast<float>(total[j]);
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
      const float* __restrict r0 = x + i * stride;
      const float* __restrict r1 = r0 + stride;
      const float* __restrict r2 = r1 + stride;
      const float* __restrict r3 = r2 + stride;
      for (int64_t j = 0; j < width; ++j) {
        // Loaded before anything is compared, and compared in a chain: the vectoriser takes no
        // other form.
        const float a = r0[j], b = r1[j], c = r2[j], d = r3[j], m = max[j];
        max[j] = Larger(Larger(Larger(Larger(m, a), b), c), d);
      }
    }
    for (; i < rows; ++i) {
      const float* __restrict r = x + i * stride;
      for (int64_t j = 0; j < width; ++j) max[j] = Larger(max[j], r[j]);
    }
    for (int64_t j = 0; j < width; ++j) total[j] = static_cast<double>(max[j]);
  }
};

double Combine(Reduction reduction, double a, double b) {
  if (reduction == Reduction::kMax) return b > a || b != b ? b : a;
  return a + b;
}

double Initial(Reduction reduction) {
  return reduction == Reduction::kMax ? -std::numeric_limits<double>::infinity() : 0;
}

// Reduces the middle axis of [outer, reduced, inner], cut along each axis into parts. Parts along
// the reduced axis leave partial results in scratch, which are combined in order at the end.
struct Stage {
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
  size_t partial_bytes() const { return runs > 1 ? runs * outputs() * sizeof(double) : 0; }

  void Execute(Reduction reduction, const float* x, float* y, double* partials) const {
    const int64_t parts = outer * runs * strips;
    const int64_t part_size = std::min(run, reduced) * strip;
    const int64_t grain = std::max<int64_t>(1, kGrain / part_size);
    ParallelForRange(parts, grain, [&](int64_t begin, int64_t end) {
      double total[kStrip];
      for (int64_t part = begin; part < end; ++part) {
        const int64_t column = part % strips * strip;
        const int64_t r = part / strips % runs;
        const int64_t o = part / strips / runs;
        const int64_t rows = std::min(run, reduced - r * run);
        const int64_t width = std::min(strip, inner - column);
        const float* from = x + (o * reduced + r * run) * inner + column;
        Part(reduction, from, rows, width, total);
        if (runs > 1) {
          std::memcpy(partials + (o * runs + r) * inner + column, total, width * sizeof(double));
        } else {
          float* to = y + o * inner + column;
          for (int64_t j = 0; j < width; ++j) to[j] = static_cast<float>(total[j] / divisor);
        }
      }
    });
    if (runs == 1) return;
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t j = 0; j < inner; ++j) {
        double total = Initial(reduction);
        for (int64_t r = 0; r < runs; ++r) {
          total = Combine(reduction, total, partials[(o * runs + r) * inner + j]);
        }
        y[o * inner + j] = static_cast<float>(total / divisor);
      }
    }
  }

 private:
  void Part(Reduction reduction, const float* from, int64_t rows, int64_t width,
            double* total) const {
    static const auto sum_run = Simd<SumRun>::Select();
    static const auto max_run = Simd<MaxRun>::Select();
    static const auto sum_columns = Simd<SumColumns>::Select();
    static const auto max_columns = Simd<MaxColumns>::Select();
    const bool max = reduction == Reduction::kMax;
    if (inner == 1) {
      *total = (max ? max_run : sum_run)(from, rows);
      return;
    }
    std::fill_n(total, width, Initial(reduction));
    (max ? max_columns : sum_columns)(from, inner, rows, width, total);
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

class ReductionF32 : public Kernel {
 public:
  ReductionF32(Reduction reduction, std::vector<Stage> stages)
      : reduction_(reduction), stages_(std::move(stages)) {
    for (const Stage& stage : stages_) {
      partial_bytes_ = std::max(partial_bytes_, stage.partial_bytes());
    }
    // Results of all stages but the last lie behind the partials, in two places by turns.
    for (size_t i = 0; i + 1 < stages_.size(); ++i) {
      between_[i % 2] = std::max<size_t>(between_[i % 2], stages_[i].outputs() * sizeof(float));
    }
    between_[0] = (between_[0] + 63) / 64 * 64;
    partial_bytes_ = (partial_bytes_ + 63) / 64 * 64;
  }

  absl::Status Run(const KernelArgs& args) const override {
    char* scratch = static_cast<char*>(args.scratch);
    char* between[2] = {scratch + partial_bytes_, scratch + partial_bytes_ + between_[0]};
    const float* from = In<float>(args, 0);
    for (size_t i = 0; i < stages_.size(); ++i) {
      float* to =
          i + 1 == stages_.size() ? Out<float>(args) : reinterpret_cast<float*>(between[i % 2]);
      stages_[i].Execute(reduction_, from, to, reinterpret_cast<double*>(scratch));
      from = to;
    }
    return absl::OkStatus();
  }

  size_t scratch_bytes() const override { return partial_bytes_ + between_[0] + between_[1]; }

 private:
  const Reduction reduction_;
  const std::vector<Stage> stages_;
  size_t partial_bytes_ = 0;
  size_t between_[2] = {0, 0};
};

}  // namespace

std::unique_ptr<Kernel> MakeReductionF32(Reduction reduction, absl::Span<const int64_t> extents,
                                         absl::Span<const int> axes) {
  double count = 1, size = 1;
  for (int64_t e : extents) size *= static_cast<double>(e);
  if (size == 0) return nullptr;
  for (int axis : axes) count *= static_cast<double>(extents[axis]);

  std::vector<Group> groups = GroupAxes(extents, axes);
  // From the innermost reduced group outward, each one stage over what the last one left.
  std::vector<Stage> stages;
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
  if (reduction == Reduction::kMean) stages.back().divisor = count;
  return std::make_unique<ReductionF32>(reduction, std::move(stages));
}

}  // namespace adjoint::ops
