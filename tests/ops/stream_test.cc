// Results too large for the caches are written past them: with the bits they have when they are
// small.

#include "ops/stream.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/philox.h"
#include "core/tensor.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/layer_norm.h"
#include "ops/softmax.h"
#include "tests/ops/run_kernel.h"

namespace adjoint {
namespace {

Tensor Random(const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  PhiloxEngine engine({7, stream, 0});
  for (float& x : t.mutable_data<float>()) x = 2 * UniformFloat(engine()) - 1;
  return t;
}

Tensor Rows(const Tensor& x, int64_t first, int64_t count) {
  const int64_t n = x.shape()[1];
  Tensor rows = Tensor::Empty({DType::kF32, Shape{count, n}});
  std::memcpy(rows.mutable_raw(), x.data<float>().data() + first * n, count * n * sizeof(float));
  return rows;
}

// Rows of 1000 and of 1001 elements: the latter begin at odd places.
TEST(Stream, LargeResultsHaveTheBitsOfSmallOnes) {
  const struct {
    const ops::OpDef& op;
    Attrs attrs;
    int operands;
  } cases[] = {
      {ops::TanhOp(), {}, 1},
      {ops::AddOp(), {}, 2},
      {ops::SoftmaxOp(), Attrs{{"axis", int64_t{1}}}, 1},
      {ops::LogSoftmaxOp(), Attrs{{"axis", int64_t{1}}}, 1},
  };
  for (const int64_t n : {1000, 1001}) {
    const int64_t rows = ops::kStreamBytes / (4 * n) + 70;
    const std::vector<Tensor> large = {Random({rows, n}, 1), Random({rows, n}, 2)};
    for (const auto& c : cases) {
      const std::vector<Tensor> operands(large.begin(), large.begin() + c.operands);
      const auto all = testing::Prepare(c.op, operands, c.attrs);
      ASSERT_TRUE(all.ok()) << all.status();
      const Tensor got = *all->Run(operands);
      for (const int64_t first : {int64_t{0}, rows / 3, rows - 5}) {
        std::vector<Tensor> few;
        for (const Tensor& x : operands) few.push_back(Rows(x, first, 5));
        EXPECT_TRUE(
            BitwiseEqual(Rows(got, first, 5), *testing::Prepare(c.op, few, c.attrs)->Run(few)))
            << c.op.name << " " << n << " " << first;
      }
    }
  }
}

Tensor LayerNorm(const Tensor& x) {
  const auto norm = testing::Prepare(
      ops::LayerNormOp(), {x}, Attrs{{"axis", int64_t{1}}, {"epsilon", 1e-5}, {"centered", true}});
  EXPECT_TRUE(norm.ok()) << norm.status();
  const void* const in[] = {x.raw()};
  std::vector<Tensor> results;
  for (const TensorSpec& spec : norm->outputs) results.push_back(Tensor::Empty(spec));
  void* const out[] = {results[0].mutable_raw(), results[1].mutable_raw(),
                       results[2].mutable_raw()};
  EXPECT_TRUE(norm->kernel->Run({in, out, nullptr, nullptr}).ok());
  return results[0];
}

TEST(Stream, LargeLayerNormHasTheBitsOfSmallOnes) {
  const int64_t rows = ops::kStreamBytes / 4096 + 33;
  const Tensor x = Random({rows, 1024}, 1);
  const Tensor got = LayerNorm(x);
  for (const int64_t first : {int64_t{0}, rows - 5}) {
    EXPECT_TRUE(BitwiseEqual(Rows(got, first, 5), LayerNorm(Rows(x, first, 5))));
  }
}

// The buffer is copied whole, and nothing beyond it.
TEST(Stream, CopiesAnyNumberOfBytes) {
  std::vector<char> from(300), to(320);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<char>(i * 7 + 1);
  for (const int64_t offset : {0, 1, 16}) {
    for (const int64_t bytes : {0, 1, 15, 16, 63, 64, 65, 130, 257}) {
      std::fill(to.begin(), to.end(), 'x');
      char* const target = to.data() + offset;
      ops::StreamCopy(target, from.data(), bytes);
      ops::StreamFence();
      EXPECT_EQ(std::memcmp(target, from.data(), bytes), 0);
      EXPECT_EQ(target[bytes], 'x');
    }
  }
}

}  // namespace
}  // namespace adjoint
