// What the generic tests over samples do not see of the sparse products: sizes at which they run in
// parts, bits, and matrices that lie.

#include "ops/csr.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/philox.h"
#include "gtest/gtest.h"
#include "tests/ops/run_kernel.h"

namespace adjoint {
namespace {

using testing::Prepare;

constexpr int64_t kCols = 3000;

Tensor Random(const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  PhiloxEngine engine({7, stream, 0});
  for (float& x : t.mutable_data<float>()) x = 2 * UniformFloat(engine()) - 1;
  return t;
}

struct Matrix {
  Tensor ranges, columns, values;
};

// Rows of up to 200 entries, columns distributed as words are: frequent ones first. The rows lie in
// the storage in another order than in the matrix.
Matrix Zipf(int64_t rows) {
  PhiloxEngine engine({7, 99, 0});
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> columns;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<int32_t> picked;
    const int count = row % 17 == 5 ? 0 : static_cast<int>(engine() % 200);
    for (int i = 0; i < count; ++i) {
      picked.push_back(static_cast<int32_t>(std::pow(kCols, UniformFloat(engine()))) - 1);
    }
    std::sort(picked.begin(), picked.end());
    picked.erase(std::unique(picked.begin(), picked.end()), picked.end());
    columns.insert(columns.end(), picked.begin(), picked.end());
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  std::vector<int64_t> ranges;
  for (int64_t row = rows - 1; row >= 0; --row) {
    ranges.push_back(offsets[row]);
    ranges.push_back(offsets[row + 1]);
  }
  const int64_t nnz = static_cast<int64_t>(columns.size());
  return {Tensor::Of<int64_t>({rows, 2}, absl::MakeConstSpan(ranges)),
          Tensor::Of<int32_t>({nnz}, absl::MakeConstSpan(columns)), Random({nnz}, 1)};
}

const Attrs& Cols() {
  static const Attrs* const attrs = new Attrs{{"cols", kCols}};
  return *attrs;
}

std::vector<Tensor> Inputs(const Matrix& x, Tensor dense) {
  return {x.ranges, x.columns, x.values, std::move(dense)};
}

TEST(CsrMatMul, PartsLeaveNoTraceInTheBits) {
  const int before = NumThreads();
  const Matrix x = Zipf(500);
  for (int64_t n : {1, 16, 37}) {
    for (const ops::OpDef* op : {&ops::CsrMatMulOp(), &ops::CsrTransposedMatMulOp()}) {
      SCOPED_TRACE(op->name + " n=" + std::to_string(n));
      const bool transposed = op == &ops::CsrTransposedMatMulOp();
      const std::vector<Tensor> inputs = Inputs(x, Random({transposed ? 500 : kCols, n}, 2));
      const auto fast = Prepare(*op, inputs, Cols());
      ASSERT_TRUE(fast.ok()) << fast.status();
      EXPECT_EQ(fast->name, op->name + "/simd");
      SetNumThreads(1);
      const auto one = fast->Run(inputs);
      ASSERT_TRUE(one.ok()) << one.status();
      SetNumThreads(3);
      const auto three = fast->Run(inputs);
      EXPECT_TRUE(BitwiseEqual(*one, *three));

      const auto want = Prepare(*op, inputs, Cols(), {"simd"})->Run(inputs);
      if (transposed) {
        // Added in the order of the rows, whatever the parts: the reference's order.
        EXPECT_TRUE(BitwiseEqual(*one, *want));
      }
      for (int64_t i = 0; i < want->size(); ++i) {
        ASSERT_NEAR(one->ValueAt(i), want->ValueAt(i), 2e-5) << i;
      }
    }
  }
  SetNumThreads(before);
}

TEST(CsrMatMul, OnesLeftOutHaveTheBitsOfOnesStored) {
  Matrix x = Zipf(500);
  for (float& value : x.values.mutable_data<float>()) value = 1;
  for (const ops::OpDef* op : {&ops::CsrMatMulOp(), &ops::CsrTransposedMatMulOp()}) {
    SCOPED_TRACE(op->name);
    const Tensor dense = Random({op == &ops::CsrTransposedMatMulOp() ? 500 : kCols, 37}, 2);
    const auto stored = Prepare(*op, Inputs(x, dense), Cols())->Run(Inputs(x, dense));
    const std::vector<Tensor> three = {x.ranges, x.columns, dense};
    const auto left_out = Prepare(*op, three, Cols());
    ASSERT_TRUE(left_out.ok()) << left_out.status();
    EXPECT_EQ(left_out->name, op->name + "/simd");
    EXPECT_TRUE(BitwiseEqual(*stored, *left_out->Run(three)));
  }
}

TEST(CsrMatMul, NaNStaysInItsRow) {
  const Matrix x = Zipf(40);
  Tensor dense = Random({kCols, 16}, 2);
  for (int j = 0; j < 16; ++j) {
    dense.mutable_data<float>()[7 * 16 + j] = std::numeric_limits<float>::quiet_NaN();
  }
  const std::vector<Tensor> inputs = Inputs(x, dense);
  const auto got = Prepare(ops::CsrMatMulOp(), inputs, Cols())->Run(inputs);
  ASSERT_TRUE(got.ok());
  int rows_with_nan = 0;
  for (int64_t row = 0; row < 40; ++row) {
    bool has_seven = false;
    for (int64_t i = x.ranges.data<int64_t>()[2 * row]; i < x.ranges.data<int64_t>()[2 * row + 1];
         ++i) {
      has_seven |= x.columns.data<int32_t>()[i] == 7;
    }
    rows_with_nan += has_seven;
    for (int64_t j = 0; j < 16; ++j) {
      EXPECT_EQ(std::isnan(got->ValueAt(row * 16 + j)), has_seven) << row;
    }
  }
  EXPECT_GT(rows_with_nan, 0);
  EXPECT_LT(rows_with_nan, 40);
}

// Every kernel must refuse, whatever lies next to its operands in memory.
void ExpectRefusal(const Matrix& x, const std::string& rule) {
  const int64_t rows = x.ranges.shape()[0];
  for (const std::vector<std::string>& skip : {std::vector<std::string>{}, {"simd"}}) {
    for (int64_t n : {16, 64}) {
      const std::vector<Tensor> forward = Inputs(x, Random({kCols, n}, 2));
      const auto product = Prepare(ops::CsrMatMulOp(), forward, Cols(), skip)->Run(forward);
      EXPECT_EQ(product.status().message(), "csr_matmul: " + rule);
      const std::vector<Tensor> backward = Inputs(x, Random({rows, n}, 2));
      const auto transposed =
          Prepare(ops::CsrTransposedMatMulOp(), backward, Cols(), skip)->Run(backward);
      EXPECT_EQ(transposed.status().message(), "csr_transposed_matmul: " + rule);
    }
  }
  const std::vector<Tensor> sampled = {x.ranges, x.columns, Random({rows, 4}, 2),
                                       Random({kCols, 4}, 3)};
  const auto values = Prepare(ops::CsrSampledMatMulOp(), sampled, Cols())->Run(sampled);
  EXPECT_EQ(values.status().message(), "csr_sampled_matmul: " + rule);
}

// A matrix of our own to damage, large enough for several parts.
Matrix Damaged(const std::function<void(int64_t* ranges, int32_t* columns)>& damage) {
  Matrix x = Zipf(400);
  x.ranges = x.ranges.Clone();
  x.columns = x.columns.Clone();
  damage(x.ranges.mutable_data<int64_t>().data(), x.columns.mutable_data<int32_t>().data());
  return x;
}

TEST(CsrMatMul, RefusesWrongRanges) {
  ExpectRefusal(Damaged([](int64_t* ranges, int32_t*) { ranges[2 * 123] = -1; }),
                "row 123: its entries -1 to " +
                    std::to_string(Zipf(400).ranges.data<int64_t>()[2 * 123 + 1]) +
                    " (exclusive) do not lie within the " +
                    std::to_string(Zipf(400).columns.size()) + " stored entries");
  const int64_t nnz = Zipf(400).columns.size();
  ExpectRefusal(Damaged([&](int64_t* ranges, int32_t*) {
                  ranges[0] = nnz - 1;
                  ranges[1] = nnz + 1;
                }),
                "row 0: its entries " + std::to_string(nnz - 1) + " to " + std::to_string(nnz + 1) +
                    " (exclusive) do not lie within the " + std::to_string(nnz) +
                    " stored entries");
  ExpectRefusal(Damaged([](int64_t* ranges, int32_t*) {
                  ranges[8] = 20;
                  ranges[9] = 10;
                }),
                "row 4: its entries 20 to 10 (exclusive) do not lie within the " +
                    std::to_string(nnz) + " stored entries");
}

TEST(CsrMatMul, RefusesWrongColumns) {
  // The row whose entries come first in storage is the last one.
  const std::string row = "row 399: ";
  ASSERT_GT(Zipf(400).ranges.data<int64_t>()[2 * 399 + 1], 12);
  const auto columns = Zipf(400).columns;
  ExpectRefusal(Damaged([](int64_t*, int32_t* c) { c[3] = -5; }),
                row + "entry 3 has column -5, but the matrix has 3000 columns");
  ExpectRefusal(Damaged([](int64_t*, int32_t* c) { c[3] = 3000; }),
                row + "entry 3 has column 3000, but the matrix has 3000 columns");
  ExpectRefusal(Damaged([](int64_t*, int32_t* c) { c[0] = std::numeric_limits<int32_t>::min(); }),
                row + "entry 0 has column -2147483648, but the matrix has 3000 columns");
  const int32_t before = columns.data<int32_t>()[9];
  ExpectRefusal(Damaged([](int64_t*, int32_t* c) { c[10] = c[9]; }),
                row + "entry 10 has column " + std::to_string(before) + " after " +
                    std::to_string(before) + ", but columns must ascend within a row");
  ExpectRefusal(Damaged([](int64_t*, int32_t* c) { c[10] = 0; }),
                row + "entry 10 has column 0 after " + std::to_string(before) +
                    ", but columns must ascend within a row");
}

// Columns in any order and far outside: no write may leave the result. Run under the sanitizers.
TEST(CsrMatMul, SurvivesNoise) {
  PhiloxEngine engine({7, 5, 0});
  int refused = 0;
  for (int round = 0; round < 50; ++round) {
    const Matrix x = Damaged([&](int64_t*, int32_t* c) {
      for (int i = 0; i < 1 + round * 20; ++i) {
        c[engine() % 5000] = static_cast<int32_t>(engine()) >> (engine() % 32);
      }
    });
    for (const ops::OpDef* op : {&ops::CsrMatMulOp(), &ops::CsrTransposedMatMulOp()}) {
      const bool transposed = op == &ops::CsrTransposedMatMulOp();
      const std::vector<Tensor> inputs = Inputs(x, Random({transposed ? 400 : kCols, 16}, 2));
      const auto fast = Prepare(*op, inputs, Cols())->Run(inputs);
      const auto want = Prepare(*op, inputs, Cols(), {"simd"})->Run(inputs);
      EXPECT_EQ(fast.status(), want.status());
      refused += !fast.ok();
    }
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace adjoint
