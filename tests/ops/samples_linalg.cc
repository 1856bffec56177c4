#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/iota.h"
#include "ops/linalg.h"
#include "ops/shape_ops.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::Operand;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Of(DType dtype, Shape shape) { return {.spec = {dtype, std::move(shape)}}; }

std::vector<SampleArg> AllFloats(std::vector<Shape> shapes) {
  std::vector<SampleArg> args;
  for (Shape& shape : shapes) args.push_back(Floats(std::move(shape)));
  return args;
}

Sample Make(std::string op, std::string label, std::vector<Shape> shapes,
            std::function<Result(Vars)> build, std::string fast_kernel = "") {
  return {.op = std::move(op),
          .label = std::move(label),
          .args = AllFloats(std::move(shapes)),
          .build = std::move(build),
          .f32_tolerance = 2e-5,
          .fast_kernel = std::move(fast_kernel)};
}

std::vector<Operand> Operands(Vars v) {
  std::vector<Operand> operands;
  for (Var x : v) operands.push_back(Operand(x));
  return operands;
}

// `op`: what the equation runs on.
Sample Einsum(std::string op, std::string equation, std::vector<Shape> shapes) {
  const std::string fast = op == "matmul" ? "simd" : "";
  return Make(
      std::move(op), equation, std::move(shapes),
      [equation](Vars v) { return Result{ops::Einsum(equation, Operands(v))}; }, fast);
}

std::vector<Sample> EinsumSamples() {
  std::vector<Sample> samples = {
      Einsum("matmul", "ij,jk->ik", {{3, 4}, {4, 5}}),
      Einsum("matmul", "ij,jk", {{3, 4}, {4, 5}}),
      Einsum("matmul", "ba,cb", {{4, 3}, {5, 4}}),
      Einsum("matmul", "ji,kj->ik", {{4, 3}, {5, 4}}),
      Einsum("matmul", "ij,jk->ki", {{3, 4}, {4, 5}}),
      Einsum("matmul", "...ij,...jk->...ik", {{2, 3, 4}, {5, 1, 4, 2}}),
      Einsum("matmul", "bqhd,bkhd->bhqk", {{2, 3, 2, 4}, {2, 5, 2, 4}}),
      Einsum("matmul", "bhqk,bkhd->bqhd", {{2, 2, 3, 5}, {2, 5, 2, 4}}),
      Einsum("matmul", "ijkl,lk->ij", {{2, 3, 4, 5}, {5, 4}}),
      Einsum("matmul", "abcd,cdef->abef", {{2, 3, 4, 2}, {4, 2, 3, 2}}),
      Einsum("matmul", "i,i->", {{7}, {7}}),
      Einsum("matmul", "i,ij", {{3}, {3, 4}}),
      Einsum("matmul", "ij,jk,kl->il", {{3, 4}, {4, 5}, {5, 2}}),
      Einsum("mul", "a...,...b->...", {{2, 3}, {3, 4}}),
      Einsum("mul", "ij,ij->ij", {{3, 4}, {3, 4}}),
      Einsum("mul", "i,j->ij", {{3}, {4}}),
      Einsum("mul", "i,j->ji", {{3}, {4}}),
      Einsum("mul", "bi,bi->b", {{3, 4}, {3, 4}}),
      Einsum("mul", " i j , j i -> i j ", {{3, 4}, {4, 3}}),
      Einsum("mul", "ij,ij->ij", {{3, 1}, {1, 4}}),
      Einsum("mul", ",ij->ij", {{}, {3, 4}}),
      Einsum("mul", "ij,jk->ik", {{3, 1}, {4, 5}}),
      Einsum("slice", "ii->i", {{4, 4}}),
      Einsum("slice", "ii", {{4, 4}}),
      Einsum("slice", "iji->j", {{3, 2, 3}}),
      Einsum("slice", "iii->i", {{3, 3, 3}}),
      Einsum("slice", "...ii->...i", {{2, 3, 3}}),
      Einsum("slice", "ii,ij->j", {{3, 3}, {3, 2}}),
      Einsum("sum", "ij->j", {{3, 4}}),
      Einsum("sum", "ij->", {{3, 4}}),
      Einsum("sum", "...i->...", {{2, 3, 4}}),
      Einsum("transpose", "ij->ji", {{3, 4}}),
      Einsum("transpose", "...ij->...ji", {{2, 3, 4}}),
      Einsum("transpose", "cba", {{2, 3, 4}}),
      Einsum("sum", "i,j,k->", {{2}, {3}, {2}}),
  };
  samples.push_back({.op = "matmul",
                     .label = "einsum_i64",
                     .args = {Of(DType::kI64, {3, 4}), Of(DType::kI64, {4, 2})},
                     .build =
                         [](Vars v) {
                           return Result{ops::Einsum("ij,jk", {v[0], v[1]})};
                         },
                     .gradient = false,
                     .in_f64 = false});
  samples.push_back(Make(
      "matmul", "tensordot", {{2, 3, 4}, {4, 3, 5}},
      [](Vars v) {
        return Result{ops::Tensordot(v[0], v[1], {1, 2}, {1, 0})};
      },
      "simd"));
  samples.push_back(Make(
      "matmul", "tensordot_last_first", {{2, 3, 4}, {3, 4, 5}},
      [](Vars v) { return Result{ops::Tensordot(v[0], v[1])}; }, "simd"));
  samples.push_back(Make("mul", "tensordot_outer", {{2, 3}, {4}},
                         [](Vars v) { return Result{ops::Tensordot(v[0], v[1], 0)}; }));
  return samples;
}

std::vector<Sample> ProductSamples() {
  const auto product = [](Vars v) { return Result{ops::MatMul(v[0], v[1])}; };
  return {
      Make("matmul", "vector_matrix", {{4}, {4, 3}}, product, "simd"),
      Make("matmul", "matrix_vector", {{3, 4}, {4}}, product, "simd"),
      Make("matmul", "vectors", {{4}, {4}}, product, "simd"),
      Make("matmul", "vector_batch", {{4}, {2, 4, 3}}, product, "simd"),
      Make("matmul", "batch_vector", {{2, 3, 4}, {4}}, product, "simd"),
      Make("matmul", "dot_vectors", {{4}, {4}},
           [](Vars v) {
             return Result{ops::Dot(v[0], v[1]), ops::VDot(v[0], v[1])};
           }),
      Make("matmul", "dot_ranks", {{2, 3, 4}, {5, 4, 2}},
           [](Vars v) { return Result{ops::Dot(v[0], v[1])}; }),
      Make("matmul", "vdot", {{2, 6}, {3, 4}},
           [](Vars v) { return Result{ops::VDot(v[0], v[1])}; }),
      Make("mul", "dot_scalar", {{}, {3}}, [](Vars v) { return Result{ops::Dot(v[0], v[1])}; }),
      Make("matmul", "inner", {{2, 3}, {4, 3}},
           [](Vars v) { return Result{ops::Inner(v[0], v[1])}; }),
      Make("mul", "outer", {{2, 2}, {3}}, [](Vars v) { return Result{ops::Outer(v[0], v[1])}; }),
      Make("matmul", "gemm", {{4, 3}, {5, 4}, {5}},
           [](Vars v) {
             return Result{
                 ops::Gemm(v[0], v[1], v[2],
                           {.alpha = 0.5, .beta = -2, .transpose_a = true, .transpose_b = true})};
           }),
      Make("matmul", "gemm_plain", {{3, 4}, {4, 5}, {}},
           [](Vars v) {
             return Result{ops::Gemm(v[0], v[1]), ops::Gemm(v[0], v[1], v[2]),
                           ops::Gemm(v[0], v[1], v[2], {.beta = 0}), ops::Gemm(v[0], v[1], 1.5)};
           }),
  };
}

std::vector<Sample> PartSamples() {
  std::vector<Sample> samples = {
      Make("where", "triu", {{2, 3, 4}},
           [](Vars v) {
             return Result{ops::Triu(v[0]), ops::Triu(v[0], 1), ops::Triu(v[0], -1),
                           ops::Triu(v[0], INT64_MIN)};
           }),
      Make("where", "tril", {{4, 3}},
           [](Vars v) {
             return Result{ops::Tril(v[0]), ops::Tril(v[0], 2), ops::Tril(v[0], -2),
                           ops::Tril(v[0], INT64_MAX)};
           }),
      Make("where", "tril_zero_size", {{0, 3}}, [](Vars v) { return Result{ops::Tril(v[0])}; }),
      Make("slice", "diagonal", {{3, 4}},
           [](Vars v) {
             return Result{ops::Diagonal(v[0]), ops::Diagonal(v[0], 2), ops::Diagonal(v[0], -1),
                           ops::Diagonal(v[0], 9), ops::Diagonal(v[0], INT64_MIN)};
           }),
      Make("slice", "diagonal_axes", {{3, 2, 4}},
           [](Vars v) {
             return Result{ops::Diagonal(v[0], 1, 0, 2), ops::Diagonal(v[0], 1, 2, 0)};
           }),
      Make("sum", "trace", {{2, 3, 3}}, [](Vars v) { return Result{ops::Trace(v[0])}; }),
      Make("slice_scatter", "diag", {{2, 3}},
           [](Vars v) {
             return Result{ops::Diag(v[0]), ops::Diag(v[0], 1), ops::Diag(v[0], -2)};
           }),
      Make("slice_scatter", "diag_of_nothing", {{0}},
           [](Vars v) {
             return Result{ops::Diag(v[0]), ops::Diag(v[0], 1)};
           }),
  };
  for (DType dtype : {DType::kI64, DType::kBool}) {
    samples.push_back({.op = "where",
                       .label = absl::StrCat("triu_", DTypeName(dtype)),
                       .args = {Of(dtype, {3, 3})},
                       .build = [](Vars v) { return Result{ops::Triu(v[0])}; },
                       .gradient = false,
                       .in_f64 = false});
  }
  return samples;
}

// [..., n, n] far from singular.
Var Regular(Var x) {
  if (!x.valid()) return x;
  const Dim n = x.shape().dim(x.shape().rank() - 1);
  return x + 5.0 * ops::Eye(*x.builder, n, n, 0, x.dtype());
}

Var PositiveDefinite(Var x) { return Regular(ops::MatMul(x, x, false, true)); }

std::vector<Sample> FactorizationSamples() {
  std::vector<Sample> samples = {
      Make("det", "batch", {{2, 3, 3}}, [](Vars v) { return Result{ops::Det(v[0])}; }),
      Make("det", "one", {{1, 1}}, [](Vars v) { return Result{ops::Det(v[0])}; }),
      Make("det", "none", {{2, 0, 0}}, [](Vars v) { return Result{ops::Det(v[0])}; }),
      Make("slogdet", "matrix", {{4, 4}},
           [](Vars v) {
             const ops::SignAndLog both = ops::SlogDet(v[0]);
             return Result{both.sign, both.log};
           }),
      Make("solve", "batch", {{2, 3, 3}, {2, 3, 2}},
           [](Vars v) { return Result{ops::Solve(Regular(v[0]), v[1])}; }),
      Make("solve", "broadcast", {{3, 3}, {2, 3, 4}},
           [](Vars v) { return Result{ops::Solve(Regular(v[0]), v[1])}; }),
      Make("solve", "vector", {{3, 3}, {3}},
           [](Vars v) { return Result{ops::Solve(Regular(v[0]), v[1])}; }),
      Make("solve", "inverse", {{2, 3, 3}},
           [](Vars v) { return Result{ops::Inverse(Regular(v[0]))}; }),
      Make("solve", "pivots", {{3, 3}, {3, 1}},
           [](Vars v) { return Result{ops::Solve(ops::Flip(Regular(v[0]), {0}), v[1])}; }),
      Make("cholesky", "batch", {{2, 3, 3}},
           [](Vars v) { return Result{ops::Cholesky(PositiveDefinite(v[0]))}; }),
      // As a function of nine numbers, of which it reads six.
      Make("cholesky", "lower", {{3, 3}},
           [](Vars v) { return Result{ops::Cholesky(Regular(v[0]) + 1.0)}; }),
      Make("cholesky", "zero_size", {{0, 3, 3}},
           [](Vars v) { return Result{ops::Cholesky(v[0])}; }),
  };
  // Large enough for several threads.
  samples.push_back(Make("solve", "large", {{20, 24, 24}, {20, 24, 3}},
                         [](Vars v) { return Result{ops::Solve(20.0 * Regular(v[0]), v[1])}; }));
  samples.back().gradient = false;
  samples.push_back({.op = "det",
                     .label = "singular",
                     .args = {{.spec = {DType::kF32, {2, 2}}, .values = {1, 2, 2, 4}}},
                     .build = [](Vars v) { return Result{ops::Det(v[0])}; },
                     .gradient = false});
  return samples;
}

ErrorSample Misuse(std::string op, std::vector<Shape> shapes, std::function<Var(Vars)> fn,
                   std::string message) {
  return {.op = std::move(op),
          .args = AllFloats(std::move(shapes)),
          .build = [fn = std::move(fn)](Vars v) { return Result{fn(v)}; },
          .message = std::move(message)};
}

ErrorSample EinsumError(std::string equation, std::vector<Shape> shapes, std::string message) {
  return Misuse(
      "matmul", std::move(shapes),
      [equation](Vars v) { return ops::Einsum(equation, Operands(v)); }, std::move(message));
}

}  // namespace

std::vector<Sample> LinalgSamples() {
  std::vector<Sample> all;
  for (auto family : {EinsumSamples, ProductSamples, PartSamples, FactorizationSamples}) {
    for (Sample& sample : family()) all.push_back(std::move(sample));
  }
  return all;
}

std::vector<ErrorSample> LinalgErrors() {
  const Dim batch = Dim::Symbol("batch");
  return {
      EinsumError("ij,jk->ik", {{2, 3}}, "has 2 operands, but 1 were given"),
      EinsumError("ij,jk->ik", {{2, 3}, {4, 5}}, "extents of j differ: 3 and, in operand 1, 4"),
      EinsumError("...,...", {{2}, {3}}, "extents of axis -1 of '...' differ: 2 and"),
      EinsumError("ijk->i", {{2, 3}}, "'ijk' names 3 axes, operand 0 has 2"),
      EinsumError("i->i", {{2, 3}}, "'i' names 1 axes, operand 0 has 2"),
      EinsumError("ij->ii", {{2, 3}}, "the result 'ii' has i twice"),
      EinsumError("ij->ik", {{2, 3}}, "the result 'ik' has k, which no operand has"),
      EinsumError("i.j->ij", {{2, 3}}, "'i.j' has '.', which is no letter"),
      EinsumError("i...j...->ij", {{2, 3}}, "which is no letter"),
      EinsumError("ii->i", {{2, 3}}, "extents of i differ: 2 and, in operand 0, 3"),
      Misuse(
          "matmul", {{2, 3}, {2, 3}}, [](Vars v) { return ops::Tensordot(v[0], v[1], {0}, {1}); },
          "extents differ: axis 0 of the first operand has 2, axis 1 of the second has 3"),
      Misuse(
          "matmul", {{2, 3}, {2, 3}}, [](Vars v) { return ops::Tensordot(v[0], v[1], 3); },
          "cannot sum over 3 axes of operands of rank 2 and 2"),
      Misuse(
          "matmul", {{2, 3}, {3}}, [](Vars v) { return ops::Gemm(v[0], v[1]); },
          "takes two matrices, but was given f32[2,3] and f32[3]"),
      Misuse(
          "matmul", {{2, 3}, {3, 4}, {3}}, [](Vars v) { return ops::Gemm(v[0], v[1], v[2]); },
          "c has shape [3], which does not broadcast to [2,4]"),
      Misuse(
          "where", {{3}}, [](Vars v) { return ops::Triu(v[0]); },
          "triu(f32[3]):\n  the operand has rank 1; a matrix has 2 or more"),
      Misuse(
          "slice", {{batch, 3}}, [](Vars v) { return ops::Diagonal(v[0]); },
          "axes 0 and 1 have extents batch and 3; they must be numbers"),
      Misuse(
          "slice_scatter", {{3}}, [](Vars v) { return ops::Diag(v[0], int64_t{1} << 40); },
          "makes a matrix of more than 2^30 rows"),
      Misuse(
          "det", {{2, 3}}, [](Vars v) { return ops::Det(v[0]); },
          "the matrices are not square: 2 rows and 3 columns"),
      Misuse(
          "cholesky", {{3}}, [](Vars v) { return ops::Cholesky(v[0]); },
          "the operand has rank 1; a matrix has 2 or more"),
      Misuse(
          "solve", {{2, 2}, {3, 1}}, [](Vars v) { return ops::Solve(v[0], v[1]); },
          "the matrices have 2 rows, the right side has 3"),
      Misuse(
          "solve", {{2, 3}}, [](Vars v) { return ops::Inverse(v[0]); },
          "inverse(f32[2,3]):\n  the matrices are not square"),
      {.op = "det",
       .args = {Of(DType::kI32, {2, 2})},
       .build = [](Vars v) { return Result{ops::Det(v[0])}; },
       .message = "takes f32 or f64, but was given i32; cast it first"},
  };
}

}  // namespace adjoint::testing
