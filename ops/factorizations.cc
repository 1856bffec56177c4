#include "ops/factorizations.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/fail.h"
#include "ops/iota.h"
#include "ops/linalg.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kMaxParts = 16;  // pieces that the batch is cut into, each with scratch

Operand At(const Operand& x, Var v) { return Operand(v, x.location); }

Var MatrixTranspose(Var x) { return SwapAxes(x, -2, -1); }

absl::Status CheckSquare(const TensorSpec& a) {
  if (a.dtype != DType::kF32 && a.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32 or f64, but was given ", DTypeName(a.dtype), "; cast it first"));
  }
  const int rank = a.shape.rank();
  if (rank < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("the operand has rank ", rank, "; a matrix has 2 or more"));
  }
  if (a.shape.dim(rank - 2) != a.shape.dim(rank - 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the matrices are not square: ", a.shape.dim(rank - 2).ToString(),
                     " rows and ", a.shape.dim(rank - 1).ToString(), " columns"));
  }
  return absl::OkStatus();
}

Shape BatchOf(const Shape& shape) { return Shape(shape.dims().subspan(0, shape.rank() - 2)); }

// What the kernels work on: `count` matrices of n rows, and right-hand sides of k columns.
struct Batch {
  int64_t count, n, k;

  explicit Batch(const KernelRequest& r)
      : count(BatchOf(r.inputs[0].shape).NumElements()),
        n(r.inputs[0].shape[r.inputs[0].shape.rank() - 1]),
        k(r.inputs.size() > 1 ? r.inputs[1].shape[r.inputs[1].shape.rank() - 1] : 0) {}

  int64_t parts() const { return std::clamp<int64_t>(count, 1, kMaxParts); }
  // Doubles a part works in.
  int64_t scratch() const { return n * (n + k + 1); }
};

// A kernel that calls body(args, i, scratch) for matrix i; the first matrix that fails, by number,
// makes the error.
using MatrixFn = std::function<absl::Status(const KernelArgs&, int64_t i, double* scratch)>;
std::unique_ptr<Kernel> ForEachMatrix(const Batch& b, MatrixFn body) {
  return MakeKernel(
      [b, body = std::move(body)](const KernelArgs& args) {
        absl::Status status[kMaxParts];
        const int64_t parts = b.parts();
        const auto run = [&](int64_t part) {
          double* scratch = static_cast<double*>(args.scratch) + part * b.scratch();
          for (int64_t i = b.count * part / parts; i < b.count * (part + 1) / parts; ++i) {
            status[part] = body(args, i, scratch);
            if (!status[part].ok()) return;
          }
        };
        if (b.count * b.n * b.n * (b.n + b.k) < (1 << 16)) {
          for (int64_t part = 0; part < parts; ++part) run(part);
        } else {
          ParallelFor(parts, run);
        }
        for (const absl::Status& s : status) {
          if (!s.ok()) return s;
        }
        return absl::OkStatus();
      },
      static_cast<size_t>(b.parts() * b.scratch()) * sizeof(double));
}

// Rows exchanged for a large pivot: a becomes l (below the diagonal, ones on it) and u; row i of
// the product is row order[i] of what a was. sign: of that permutation. The number of the first
// column without a pivot, or -1; elimination goes on behind it.
struct LuResult {
  int64_t missing = -1;
  double sign = 1;
};
LuResult Factorize(double* a, int64_t n, double* order) {
  LuResult result;
  for (int64_t i = 0; i < n; ++i) order[i] = static_cast<double>(i);
  for (int64_t j = 0; j < n; ++j) {
    int64_t pivot = j;
    for (int64_t i = j + 1; i < n; ++i) {
      if (std::abs(a[i * n + j]) > std::abs(a[pivot * n + j])) pivot = i;
    }
    if (a[pivot * n + j] == 0) {
      if (result.missing < 0) result.missing = j;
      continue;
    }
    if (pivot != j) {
      std::swap_ranges(a + j * n, a + (j + 1) * n, a + pivot * n);
      std::swap(order[j], order[pivot]);
      result.sign = -result.sign;
    }
    const double* __restrict top = a + j * n;
    for (int64_t i = j + 1; i < n; ++i) {
      double* __restrict row = a + i * n;
      const double factor = row[j] /= top[j];
      for (int64_t c = j + 1; c < n; ++c) row[c] -= factor * top[c];
    }
  }
  return result;
}

absl::Status Singular(absl::string_view op, int64_t matrix, int64_t column) {
  return absl::InvalidArgumentError(absl::StrCat(
      op, ": matrix ", matrix, " of the batch is singular: no pivot in column ", column));
}

template <typename T>
LuResult LoadAndFactorize(const Batch& b, const KernelArgs& args, int64_t i, double* scratch) {
  const T* a = In<T>(args, 0) + i * b.n * b.n;
  std::copy(a, a + b.n * b.n, scratch);
  return Factorize(scratch, b.n, scratch + b.n * b.n);
}

template <typename T>
std::unique_ptr<Kernel> DetKernel(const Batch& b) {
  return ForEachMatrix(b, [b](const KernelArgs& args, int64_t i, double* lu) {
    double det = LoadAndFactorize<T>(b, args, i, lu).sign;
    for (int64_t j = 0; j < b.n; ++j) det *= lu[j * b.n + j];
    Out<T>(args)[i] = static_cast<T>(det);
    return absl::OkStatus();
  });
}

template <typename T>
std::unique_ptr<Kernel> SlogDetKernel(const Batch& b) {
  return ForEachMatrix(b, [b](const KernelArgs& args, int64_t i, double* lu) {
    double sign = LoadAndFactorize<T>(b, args, i, lu).sign, log = 0;
    for (int64_t j = 0; j < b.n; ++j) {
      const double pivot = lu[j * b.n + j];
      sign = pivot > 0 ? sign : pivot < 0 ? -sign : pivot == 0 ? 0 : pivot;
      log += std::log(std::abs(pivot));
    }
    Out<T>(args, 0)[i] = static_cast<T>(sign);
    Out<T>(args, 1)[i] = static_cast<T>(log);
    return absl::OkStatus();
  });
}

template <typename T>
std::unique_ptr<Kernel> SolveKernel(const Batch& b) {
  return ForEachMatrix(b, [b](const KernelArgs& args, int64_t i, double* lu) -> absl::Status {
    const LuResult result = LoadAndFactorize<T>(b, args, i, lu);
    if (result.missing >= 0) return Singular("solve", i, result.missing);
    const double* order = lu + b.n * b.n;
    double* x = lu + b.n * (b.n + 1);
    const T* right = In<T>(args, 1) + i * b.n * b.k;
    const auto subtract = [&](double* __restrict to, const double* __restrict from, double factor) {
      for (int64_t c = 0; c < b.k; ++c) to[c] -= factor * from[c];
    };
    for (int64_t row = 0; row < b.n; ++row) {
      double* to = x + row * b.k;
      const T* from = right + static_cast<int64_t>(order[row]) * b.k;
      std::copy(from, from + b.k, to);
      for (int64_t j = 0; j < row; ++j) subtract(to, x + j * b.k, lu[row * b.n + j]);
    }
    for (int64_t row = b.n - 1; row >= 0; --row) {
      double* to = x + row * b.k;
      for (int64_t j = row + 1; j < b.n; ++j) subtract(to, x + j * b.k, lu[row * b.n + j]);
      for (int64_t c = 0; c < b.k; ++c) to[c] /= lu[row * b.n + row];
    }
    T* out = Out<T>(args) + i * b.n * b.k;
    for (int64_t e = 0; e < b.n * b.k; ++e) out[e] = static_cast<T>(x[e]);
    return absl::OkStatus();
  });
}

template <typename T>
std::unique_ptr<Kernel> CholeskyKernel(const Batch& b) {
  return ForEachMatrix(b, [b](const KernelArgs& args, int64_t i, double* l) -> absl::Status {
    const int64_t n = b.n;
    const T* a = In<T>(args, 0) + i * n * n;
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t column = 0; column <= row; ++column) {
        double rest = static_cast<double>(a[row * n + column]);
        for (int64_t j = 0; j < column; ++j) rest -= l[row * n + j] * l[column * n + j];
        if (column < row) {
          l[row * n + column] = rest / l[column * n + column];
          continue;
        }
        if (rest <= 0) {
          return absl::InvalidArgumentError(
              absl::StrCat("cholesky: matrix ", i, " of the batch is not positive definite: pivot ",
                           row, " is ", rest));
        }
        l[row * n + row] = std::sqrt(rest);
      }
      std::fill(l + row * n + row + 1, l + (row + 1) * n, 0.0);
    }
    T* out = Out<T>(args) + i * n * n;
    for (int64_t e = 0; e < n * n; ++e) out[e] = static_cast<T>(l[e]);
    return absl::OkStatus();
  });
}

// The kernel of the operand's type.
template <std::unique_ptr<Kernel> (*kWide)(const Batch&),
          std::unique_ptr<Kernel> (*kSingle)(const Batch&)>
std::vector<KernelDef> Kernels() {
  return {{"reference", [](const KernelRequest& r) -> absl::StatusOr<std::unique_ptr<Kernel>> {
             return r.inputs[0].dtype == DType::kF64 ? kWide(Batch(r)) : kSingle(Batch(r));
           }}};
}

// [...] as [..., 1, 1].
Var AsMatrices(Var x) { return ExpandDims(ExpandDims(x, -1), -1); }

// The lower triangle with half of the diagonal.
Var HalfTriangle(Var x) {
  const Dim n = x.shape().dim(x.shape().rank() - 1);
  return Tril(x) * (1.0 - 0.5 * Eye(*x.builder, n, n, 0, x.dtype()));
}

absl::StatusOr<std::vector<Cotangent>> CholeskyVjp(const VjpContext& c) {
  const Var l = c.outputs[0];
  const Var upper = MatrixTranspose(l);
  const Var inner = HalfTriangle(MatMul(l, c.cotangents[0], true, false));
  const Var left = Solve(upper, inner);
  const Var s = MatrixTranspose(Solve(upper, MatrixTranspose(left)));
  return std::vector<Cotangent>{HalfTriangle(s + MatrixTranspose(s))};
}

absl::StatusOr<std::vector<TensorSpec>> InferSolve(const InferContext& c) {
  const TensorSpec &a = c.inputs[0], &b = c.inputs[1];
  ADJOINT_RETURN_IF_ERROR(CheckSquare(a));
  if (b.dtype != a.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("element types differ: the matrices have ",
                                                   DTypeName(a.dtype), ", the right side has ",
                                                   DTypeName(b.dtype)));
  }
  const int rank = a.shape.rank();
  if (b.shape.rank() != rank || BatchOf(b.shape) != BatchOf(a.shape)) {
    return absl::InvalidArgumentError(absl::StrCat("batches differ: the matrices have shape ",
                                                   a.shape.ToString(), ", the right side ",
                                                   b.shape.ToString()));
  }
  if (b.shape.dim(rank - 2) != a.shape.dim(rank - 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the matrices have ", a.shape.dim(rank - 1).ToString(),
                     " rows, the right side has ", b.shape.dim(rank - 2).ToString()));
  }
  return std::vector<TensorSpec>{b};
}

}  // namespace

const OpDef& DetOp() {
  static const OpDef* const op = new OpDef{
      .name = "det",
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckSquare(c.inputs[0]));
        return std::vector<TensorSpec>{{c.inputs[0].dtype, BatchOf(c.inputs[0].shape)}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{AsMatrices(c.cotangents[0] * c.outputs[0]) *
                                      MatrixTranspose(Inverse(c.inputs[0]))};
      },
      .kernels = Kernels<DetKernel<double>, DetKernel<float>>(),
      .onnx_name = "Det",
  };
  return *op;
}

const OpDef& SlogDetOp() {
  static const OpDef* const op = new OpDef{
      .name = "slogdet",
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckSquare(c.inputs[0]));
        return std::vector<TensorSpec>(2,
                                       TensorSpec{c.inputs[0].dtype, BatchOf(c.inputs[0].shape)});
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{AsMatrices(c.cotangents[1]) *
                                      MatrixTranspose(Inverse(c.inputs[0]))};
      },
      .kernels = Kernels<SlogDetKernel<double>, SlogDetKernel<float>>(),
  };
  return *op;
}

const OpDef& SolveOp() {
  static const OpDef* const op = new OpDef{
      .name = "solve",
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = InferSolve,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var db = Solve(MatrixTranspose(c.inputs[0]), c.cotangents[0]);
        return std::vector<Cotangent>{
            c.needs[0] ? Cotangent(-MatMul(db, c.outputs[0], false, true)) : Cotangent::Zero(), db};
      },
      .kernels = Kernels<SolveKernel<double>, SolveKernel<float>>(),
  };
  return *op;
}

const OpDef& CholeskyOp() {
  static const OpDef* const op = new OpDef{
      .name = "cholesky",
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckSquare(c.inputs[0]));
        return std::vector<TensorSpec>{c.inputs[0]};
      },
      .vjp = CholeskyVjp,
      .kernels = Kernels<CholeskyKernel<double>, CholeskyKernel<float>>(),
  };
  return *op;
}

Var Det(Operand a) { return Apply1(DetOp(), {a}); }

SignAndLog SlogDet(Operand a) {
  const std::vector<Var> both = ApplyN(SlogDetOp(), {a});
  return {both[0], both.back()};
}

Var Solve(Operand a, Operand b) {
  if (a.is_number || b.is_number || !a.var.valid() || !b.var.valid() || a.var.shape().rank() < 2 ||
      b.var.shape().rank() == 0) {
    return Apply1(SolveOp(), {a, b});
  }
  if (b.var.shape().rank() == 1) {
    const Var x = Solve(a, At(b, ExpandDims(b, -1)));
    return x.valid() ? Squeeze(At(a, x), {-1}) : x;
  }
  const Shape &sa = a.var.shape(), &sb = b.var.shape();
  const auto batch = BroadcastShapes(BatchOf(sa), BatchOf(sb));
  if (!batch.ok()) return FailAt(a, "solve", batch.status().message());
  const auto widened = [&](const Operand& x) {
    Shape to = *batch;
    for (Dim d : x.var.shape().dims().subspan(x.var.shape().rank() - 2)) to.push_back(d);
    return At(x, BroadcastTo(x, to));
  };
  return Apply1(SolveOp(), {widened(a), widened(b)});
}

Var Inverse(Operand a) {
  if (!a.var.valid()) return a.var;
  if (absl::Status s = CheckSquare(a.var.spec()); !s.ok()) return FailAt(a, "inverse", s.message());
  const Dim n = a.var.shape().dim(a.var.shape().rank() - 1);
  return Solve(a, At(a, Eye(*a.var.builder, n, n, 0, a.var.dtype(), a.location)));
}

Var Cholesky(Operand a) { return Apply1(CholeskyOp(), {a}); }

}  // namespace adjoint::ops
