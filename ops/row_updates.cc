#include "ops/row_updates.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/index_check.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr int64_t kGrain = 1 << 15;  // elements a part, about

// An index in the upper half, its place in the lower one.
using Entry = uint64_t;
constexpr int kDigitBits = 11;
constexpr int64_t kDigits = int64_t{1} << kDigitBits;

int64_t InnerOf(const Shape& shape) {
  int64_t inner = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) inner *= shape[axis];
  return inner;
}

// Sorts by index, equal ones by place, which is their order before: a radix sort, digit by digit.
// `counts` has room for kDigits. The result lies in `a` or in `b`, which is returned.
Entry* SortByIndex(Entry* a, Entry* b, int64_t* counts, int64_t n, int64_t extent) {
  for (int shift = 32; (extent - 1) >> (shift - 32) > 0; shift += kDigitBits) {
    std::fill_n(counts, kDigits, 0);
    for (int64_t i = 0; i < n; ++i) ++counts[(a[i] >> shift) & (kDigits - 1)];
    int64_t sum = 0;
    for (int64_t d = 0; d < kDigits; ++d) sum += std::exchange(counts[d], sum);
    for (int64_t i = 0; i < n; ++i) b[counts[(a[i] >> shift) & (kDigits - 1)]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

// The sum of the updates of each segment of sorted entries; zeros behind the last.
template <typename T>
void SumSegments(const Entry* sorted, const int64_t* starts, int64_t segments, int64_t n,
                 int64_t inner, const T* updates, T* values) {
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, inner));
  ParallelForRange(segments, grain, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      T* const to = values + s * inner;
      for (int64_t e = starts[s]; e < starts[s + 1]; ++e) {
        const T* const from = updates + static_cast<int64_t>(sorted[e] & 0xffffffffu) * inner;
        if (e == starts[s]) {
          std::memcpy(to, from, static_cast<size_t>(inner) * sizeof(T));
        } else {
          for (int64_t i = 0; i < inner; ++i) to[i] += from[i];
        }
      }
    }
  });
  std::fill(values + segments * inner, values + n * inner, T{0});
}

struct SumPlan {
  int64_t n, inner, extent;
  Shape index_shape;

  explicit SumPlan(const KernelRequest& r)
      : n(r.inputs[0].shape[0]),
        inner(InnerOf(r.inputs[1].shape)),
        extent(r.attrs.At<int64_t>("extent")),
        index_shape(r.inputs[0].shape) {}

  template <typename Index>
  absl::Status Check(const Index* indices) const {
    return CheckIndices("sum_by_row", "index", indices, index_shape, n, extent,
                        "the rows of the parameter");
  }
  // Two lists of entries, starts of segments, counts of digits.
  size_t scratch() const { return static_cast<size_t>(2 * n + n + 1 + kDigits) * sizeof(int64_t); }
};

// Calls fn(indices) with the type that they have.
template <typename Fn>
KernelFn WithIndices(DType dtype, Fn fn) {
  if (dtype == DType::kI64) {
    return [fn](const KernelArgs& args) { return fn(args, In<int64_t>(args, 0)); };
  }
  return [fn](const KernelArgs& args) { return fn(args, In<int32_t>(args, 0)); };
}

MaybeKernel PrepareSum(const KernelRequest& r) {
  const SumPlan plan(r);
  return VisitFloating(r.inputs[1].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    const auto run = [plan](const KernelArgs& args, const auto* indices) -> absl::Status {
      ADJOINT_RETURN_IF_ERROR(plan.Check(indices));
      Entry* const a = static_cast<Entry*>(args.scratch);
      Entry* const b = a + plan.n;
      int64_t* const starts = reinterpret_cast<int64_t*>(b + plan.n);
      for (int64_t i = 0; i < plan.n; ++i) {
        a[i] = static_cast<Entry>(indices[i]) << 32 | static_cast<Entry>(i);
      }
      const Entry* const sorted = SortByIndex(a, b, starts + plan.n + 1, plan.n, plan.extent);
      int64_t* const rows = Out<int64_t>(args, 0);
      int64_t segments = 0;
      for (int64_t e = 0; e < plan.n; ++e) {
        const int64_t row = static_cast<int64_t>(sorted[e] >> 32);
        if (segments > 0 && rows[segments - 1] == row) continue;
        rows[segments] = row;
        starts[segments++] = e;
      }
      starts[segments] = plan.n;
      std::fill(rows + segments, rows + plan.n, int64_t{-1});
      SumSegments(sorted, starts, segments, plan.n, plan.inner, In<T>(args, 1), Out<T>(args, 1));
      return absl::OkStatus();
    };
    return MakeKernel(WithIndices(r.inputs[0].dtype, run), plan.scratch());
  });
}

// Looks for the next greater row as long as there is one.
MaybeKernel PrepareReferenceSum(const KernelRequest& r) {
  const SumPlan plan(r);
  return VisitFloating(r.inputs[1].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    const auto run = [plan](const KernelArgs& args, const auto* indices) -> absl::Status {
      ADJOINT_RETURN_IF_ERROR(plan.Check(indices));
      const T* const updates = In<T>(args, 1);
      int64_t* const rows = Out<int64_t>(args, 0);
      T* const values = Out<T>(args, 1);
      std::fill(values, values + plan.n * plan.inner, T{0});
      int64_t last = -1;
      for (int64_t s = 0; s < plan.n; ++s) {
        int64_t next = -1;
        for (int64_t i = 0; i < plan.n; ++i) {
          if (indices[i] > last && (next < 0 || indices[i] < next)) next = indices[i];
        }
        rows[s] = next;
        if (next < 0) continue;
        for (int64_t i = 0; i < plan.n; ++i) {
          for (int64_t j = 0; indices[i] == next && j < plan.inner; ++j) {
            values[s * plan.inner + j] += updates[i * plan.inner + j];
          }
        }
        last = next;
      }
      return absl::OkStatus();
    };
    return MakeKernel(WithIndices(r.inputs[0].dtype, run));
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferSum(const InferContext& c) {
  const TensorSpec& indices = c.inputs[0];
  const TensorSpec& updates = c.inputs[1];
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", indices));
  const int64_t extent = c.attrs.At<int64_t>("extent");
  if (extent < 0 || extent > INT32_MAX) {
    return absl::InvalidArgumentError(
        absl::StrCat("the extent is ", extent, "; it must be at least 0 and at most ", INT32_MAX));
  }
  if (updates.dtype != DType::kF32 && updates.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat("updates must be f32 or f64, but are ", updates.ToString()));
  }
  if (indices.shape.rank() != 1 || updates.shape.rank() < 1 ||
      indices.shape.dim(0) != updates.shape.dim(0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("indices are ", indices.ToString(), " and updates are ", updates.ToString(),
                     "; indices have one axis, the first of the updates"));
  }
  return std::vector<TensorSpec>{{DType::kI64, indices.shape}, updates};
}

struct UpdatePlan {
  int64_t n, inner, extent;

  explicit UpdatePlan(const KernelRequest& r)
      : n(r.inputs[1].shape[0]), inner(InnerOf(r.inputs[0].shape)), extent(r.inputs[0].shape[0]) {}

  absl::Status Check(const int64_t* rows) const {
    for (int64_t i = 0; i < n; ++i) {
      if (rows[i] < extent) continue;
      return absl::InvalidArgumentError(absl::StrCat("update_rows: row ", rows[i], " at position ",
                                                     i, " is outside 0..", extent - 1,
                                                     ", the rows of the operand"));
    }
    return absl::OkStatus();
  }
};

MaybeKernel PrepareUpdate(const KernelRequest& r) {
  const UpdatePlan plan(r);
  const size_t row_bytes =
      static_cast<size_t>(plan.inner) * static_cast<size_t>(DTypeSize(r.inputs[0].dtype));
  return MakeKernel([plan, row_bytes](const KernelArgs& args) {
    const int64_t* const rows = In<int64_t>(args, 1);
    ADJOINT_RETURN_IF_ERROR(plan.Check(rows));
    char* const to = Out<char>(args);
    if (row_bytes == 0 || plan.extent == 0) return absl::OkStatus();
    if (args.inputs[0] != args.outputs[0]) {
      const char* const from = In<char>(args, 0);
      const int64_t grain = std::max<int64_t>(1, (1 << 18) / static_cast<int64_t>(row_bytes));
      ParallelForRange(plan.extent, grain, [&](int64_t begin, int64_t end) {
        std::memcpy(to + static_cast<size_t>(begin) * row_bytes,
                    from + static_cast<size_t>(begin) * row_bytes,
                    static_cast<size_t>(end - begin) * row_bytes);
      });
    }
    // In order, for a row may be named twice; what is copied is little.
    const char* const values = In<char>(args, 2);
    for (int64_t i = 0; i < plan.n; ++i) {
      if (rows[i] < 0) continue;
      std::memcpy(to + static_cast<size_t>(rows[i]) * row_bytes,
                  values + static_cast<size_t>(i) * row_bytes, row_bytes);
    }
    return absl::OkStatus();
  });
}

MaybeKernel PrepareReferenceUpdate(const KernelRequest& r) {
  const UpdatePlan plan(r);
  return VisitFloating(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    return MakeKernel([plan](const KernelArgs& args) {
      const int64_t* const rows = In<int64_t>(args, 1);
      ADJOINT_RETURN_IF_ERROR(plan.Check(rows));
      const T* const x = In<T>(args, 0);
      T* const y = Out<T>(args);
      for (int64_t i = 0; i < plan.extent * plan.inner; ++i) y[i] = x[i];
      for (int64_t i = 0; i < plan.n; ++i) {
        for (int64_t j = 0; rows[i] >= 0 && j < plan.inner; ++j) {
          y[rows[i] * plan.inner + j] = In<T>(args, 2)[i * plan.inner + j];
        }
      }
      return absl::OkStatus();
    });
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferUpdate(const InferContext& c) {
  const TensorSpec &x = c.inputs[0], &rows = c.inputs[1], &values = c.inputs[2];
  if (x.dtype != DType::kF32 && x.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat("the operand must be f32 or f64, but is ", x.ToString()));
  }
  if (rows.dtype != DType::kI64 || rows.shape.rank() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows must be i64 of one axis, but are ", rows.ToString()));
  }
  Shape want = x.shape;
  if (want.rank() > 0) want.set_dim(0, rows.shape.dim(0));
  if (x.shape.rank() == 0 || !x.shape.IsConcrete() || values != TensorSpec{x.dtype, want}) {
    return absl::InvalidArgumentError(
        absl::StrCat("values are ", values.ToString(), ", but rows ", rows.ToString(), " of ",
                     x.ToString(), " are ", TensorSpec{x.dtype, want}.ToString(),
                     "; the operand has at least one axis, and its extents are numbers"));
  }
  return std::vector<TensorSpec>{x};
}

absl::StatusOr<std::vector<Cotangent>> Refused(absl::string_view op) {
  return absl::UnimplementedError(
      absl::StrCat(op, " has no gradient: it is part of an optimizer's update"));
}

}  // namespace

const OpDef& SumByRowOp() {
  static const OpDef* const op = new OpDef{
      .name = "sum_by_row",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"extent", AttrKind::kInt}},
      .infer = InferSum,
      .vjp = [](const VjpContext&) { return Refused("sum_by_row"); },
      .kernels = {{"radix", PrepareSum}, {"reference", PrepareReferenceSum}},
  };
  return *op;
}

const OpDef& UpdateRowsOp() {
  static const OpDef* const op = new OpDef{
      .name = "update_rows",
      .min_inputs = 3,
      .max_inputs = 3,
      .infer = InferUpdate,
      .vjp = [](const VjpContext&) { return Refused("update_rows"); },
      .kernels = {{"rows", PrepareUpdate}, {"reference", PrepareReferenceUpdate}},
      .aliases = {{0, 0}},
  };
  return *op;
}

RowGradient SumByRow(Operand indices, Operand updates, int64_t extent) {
  const std::vector<Var> sums = ApplyN(SumByRowOp(), {indices, updates}, Attrs{{"extent", extent}});
  return {sums[0], sums.back()};  // of an error there is one
}

Var UpdateRows(Operand x, Operand rows, Operand values) {
  return Apply1(UpdateRowsOp(), {x, rows, values});
}

}  // namespace adjoint::ops
