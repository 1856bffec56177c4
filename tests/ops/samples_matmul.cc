#include "ops/csr.h"
#include "ops/matmul.h"
#include "tests/ops/samples.h"

namespace adjoint::testing {
namespace {

using ops::CsrVar;
using ops::Operand;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

SampleArg Floats(Shape shape) { return {.spec = {DType::kF32, std::move(shape)}}; }
SampleArg Of(DType dtype, Shape shape) { return {.spec = {dtype, std::move(shape)}}; }

Sample Product(std::string label, Shape a, Shape b, bool ta = false, bool tb = false,
               std::string fast_kernel = "simd") {
  return {.op = "matmul",
          .label = std::move(label),
          .args = {Floats(std::move(a)), Floats(std::move(b))},
          .build = [ta, tb](Vars v) { return Result{ops::MatMul(v[0], v[1], ta, tb)}; },
          .fast_kernel = std::move(fast_kernel)};
}

Sample IntegerProduct(DType dtype) {
  return {.op = "matmul",
          .label = std::string(DTypeName(dtype)),
          .args = {Of(dtype, {3, 4}), Of(dtype, {4, 2})},
          .build = [](Vars v) { return Result{ops::MatMul(v[0], v[1])}; },
          .gradient = false,
          .in_f64 = false};
}

// The pattern of a sparse matrix.
struct Pattern {
  std::vector<double> ranges;
  std::vector<double> columns;
  int64_t cols;

  int64_t rows() const { return ranges.size() / 2; }
  int64_t entries() const { return columns.size(); }
  std::vector<SampleArg> Args() const {
    return {{.spec = {DType::kI64, {rows(), 2}}, .values = ranges},
            {.spec = {DType::kI32, {entries()}}, .values = columns}};
  }
};

// Rows out of order, one empty, two that share entries, and an entry that no row has.
Pattern Mixed() { return {{5, 8, 0, 3, 3, 3, 1, 3, 8, 9}, {0, 2, 6, 4, 5, 1, 3, 6, 2}, 7}; }

// Every row has the same columns: some more than a vector of them.
Pattern Wide() {
  Pattern p{{}, {}, 90};
  for (int row = 0; row < 6; ++row) {
    p.ranges.push_back(40 * row);
    p.ranges.push_back(40 * row + 33 + row);
    for (int i = 0; i < 40; ++i) p.columns.push_back(2 * i + row);
  }
  return p;
}

Pattern Empty(int64_t rows) { return {std::vector<double>(2 * rows, 0.0), {}, 3}; }

// A sample of one of the three products. `others` are its dense operands and values.
Sample CsrSample(const ops::OpDef& (*op)(), std::string label, const Pattern& p,
                 std::vector<Shape> others, std::string fast_kernel) {
  std::vector<SampleArg> args = p.Args();
  for (Shape& shape : others) args.push_back(Floats(std::move(shape)));
  return {.op = op().name,
          .label = std::move(label),
          .args = std::move(args),
          .build =
              [op, cols = p.cols](Vars v) {
                const std::vector<ops::Operand> operands(v.begin(), v.end());
                return Result{ops::Apply1(op(), operands, Attrs{{"cols", cols}})};
              },
          .fast_kernel = std::move(fast_kernel)};
}

Sample Forward(std::string label, const Pattern& p, int64_t n) {
  return CsrSample(&ops::CsrMatMulOp, std::move(label), p, {{p.entries()}, {p.cols, n}}, "simd");
}

Sample Transposed(std::string label, const Pattern& p, int64_t n) {
  return CsrSample(&ops::CsrTransposedMatMulOp, std::move(label), p, {{p.entries()}, {p.rows(), n}},
                   "simd");
}

// One of the two products without values.
Sample OfOnes(const ops::OpDef& (*op)(), std::string label, const Pattern& p, Shape dense) {
  return CsrSample(op, std::move(label), p, {std::move(dense)}, "simd");
}

Sample Sampled(std::string label, const Pattern& p, int64_t n) {
  return CsrSample(&ops::CsrSampledMatMulOp, std::move(label), p, {{p.rows(), n}, {p.cols, n}}, "");
}

Result CsrMatMul(Vars v, int64_t cols) {
  return {ops::MatMul(CsrVar{v[0], v[1], v[2], cols}, v[3])};
}

ErrorSample CsrError(std::vector<SampleArg> args, int64_t cols, std::string message) {
  return {.op = "csr_matmul",
          .args = std::move(args),
          .build = [cols](Vars v) { return CsrMatMul(v, cols); },
          .message = std::move(message)};
}

ErrorSample ProductError(SampleArg a, SampleArg b, std::string message, bool ta = false,
                         bool tb = false) {
  return {.op = "matmul",
          .args = {std::move(a), std::move(b)},
          .build = [ta, tb](Vars v) { return Result{ops::MatMul(v[0], v[1], ta, tb)}; },
          .message = std::move(message)};
}

}  // namespace

std::vector<Sample> MatMulSamples() {
  std::vector<Sample> samples = {
      Product("plain", {3, 4}, {4, 5}),
      Product("transposed_a", {4, 3}, {4, 5}, true, false),
      Product("transposed_b", {3, 4}, {5, 4}, false, true),
      Product("transposed_both", {4, 3}, {5, 4}, true, true),
      Product("row_times_matrix", {1, 6}, {6, 7}),
      Product("matrix_times_column", {6, 7}, {7, 1}),
      Product("outer", {5, 1}, {1, 6}),
      Product("batched", {2, 3, 4}, {2, 4, 5}),
      Product("batched_transposed", {2, 4, 3}, {2, 5, 4}, true, true),
      Product("one_right_matrix", {2, 3, 3, 4}, {4, 5}),
      Product("one_right_matrix_transposed", {2, 3, 4}, {5, 4}, false, true),
      Product("one_left_matrix", {3, 4}, {2, 4, 5}),
      Product("one_left_matrix_transposed", {4, 3}, {3, 4, 2}, true, false),
      Product("broadcast_batches", {2, 1, 3, 4}, {3, 4, 2}),
      Product("broadcast_both_ways", {2, 1, 2, 3}, {1, 3, 3, 2}),
      Product("no_rows", {0, 4}, {4, 5}, false, false, "reference"),
      Product("no_inner", {3, 0}, {0, 5}, false, false, "reference"),
      Product("no_batches", {0, 3, 4}, {4, 5}, false, false, "reference"),
      IntegerProduct(DType::kI32),
      IntegerProduct(DType::kI64),
      IntegerProduct(DType::kU8),
      {.op = "csr_matmul",
       .label = "csr_var",
       .args = {{.spec = {DType::kI64, {2, 2}}, .values = {0, 2, 2, 3}},
                {.spec = {DType::kI32, {3}}, .values = {0, 2, 1}},
                Floats({3}),
                Floats({3, 4})},
       .build = [](Vars v) { return CsrMatMul(v, 3); },
       .fast_kernel = "simd"},
      Forward("one_lane", Mixed(), 1),
      Forward("all_lane_counts", Mixed(), 32 + 16 + 8 + 4 + 2 + 1),
      Forward("sixteen", Wide(), 16),
      Forward("seventy", Wide(), 70),
      Forward("no_entries", Empty(2), 4),
      Forward("no_rows", Empty(0), 4),
      Forward("no_lanes", Mixed(), 0),
      Transposed("one_lane", Mixed(), 1),
      Transposed("all_lane_counts", Mixed(), 32 + 16 + 8 + 4 + 2 + 1),
      Transposed("sixteen", Wide(), 16),
      Transposed("no_entries", Empty(2), 4),
      Transposed("no_rows", Empty(0), 4),
      OfOnes(&ops::CsrMatMulOp, "ones", Mixed(), {Mixed().cols, 32 + 16 + 8 + 4 + 2 + 1}),
      OfOnes(&ops::CsrMatMulOp, "ones_no_entries", Empty(2), {Empty(2).cols, 4}),
      OfOnes(&ops::CsrTransposedMatMulOp, "ones", Mixed(),
             {Mixed().rows(), 32 + 16 + 8 + 4 + 2 + 1}),
      OfOnes(&ops::CsrTransposedMatMulOp, "ones_sixteen", Wide(), {Wide().rows(), 16}),
      Sampled("shared_entries", Mixed(), 5),
      Sampled("wide", Wide(), 3),
      Sampled("no_entries", Empty(2), 4),
  };
  // Sums of 40 and more products of numbers up to 2.
  for (Sample& s : samples) {
    if (s.op != "matmul") s.f32_tolerance = 5e-5;
  }
  return samples;
}

std::vector<ErrorSample> MatMulErrors() {
  const Pattern p = Mixed();
  const auto csr = [&](int bad, SampleArg replacement) {
    std::vector<SampleArg> args = p.Args();
    args.push_back(Floats({p.entries()}));
    args.push_back(Floats({p.cols, 2}));
    args[bad] = std::move(replacement);
    return args;
  };
  return {
      ProductError(Floats({8, 16}), Floats({32, 1}),
                   "inner dimensions differ: lhs has 16, rhs has 32"),
      ProductError(Floats({16, 8}), Floats({32, 1}),
                   "inner dimensions differ: lhs has 16, rhs has 1", true, true),
      ProductError(Floats({Dim::Symbol("batch"), 16}), Floats({Dim::Symbol("batch"), 16}),
                   "inner dimensions differ: lhs has 16, rhs has batch"),
      ProductError(Floats({16}), Floats({8, 1}), "inner dimensions differ: lhs has 16, rhs has 8"),
      ProductError(Floats({16, 1}), Floats({}), "rhs has rank 0, but must have rank 2 or more"),
      ProductError(Floats({2, 3, 4}), Floats({3, 4, 5}),
                   "batches do not broadcast: lhs has [2], rhs has [3]"),
      ProductError(Floats({3, 4}), Of(DType::kI32, {4, 5}),
                   "element types differ: lhs has f32, rhs has i32"),
      ProductError(Of(DType::kBool, {3, 4}), Of(DType::kBool, {4, 5}), "use Cast"),
      CsrError(csr(0, Of(DType::kI64, {5})), 7, "ranges must be i64[m,2], but is i64[5]"),
      CsrError(csr(1, Of(DType::kI64, {9})), 7, "columns must be i32[nnz], but is i64[9]"),
      CsrError(csr(2, Floats({8})), 7, "of the shape of columns, [9], but is f32[8]"),
      CsrError(csr(3, Floats({6, 2})), 7, "inner dimensions differ: lhs has 7, rhs has 6"),
      CsrError(csr(3, Floats({7})), 7, "rhs must have rank 2, but has rank 1"),
      CsrError(csr(3, Of(DType::kF64, {7, 2})), 7,
               "element types differ: the matrix has f32, rhs has f64"),
      CsrError(csr(3, Floats({7, 2})), -1, "cols must lie in 0 .. 2^31, but is -1"),
  };
}

}  // namespace adjoint::testing
