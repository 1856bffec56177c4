#include "ops/random.h"

#include <cmath>

#include "core/parallel.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "tests/ops/run_kernel.h"

namespace adjoint::ops {
namespace {

using adjoint::testing::Prepare;

struct Triple {
  int64_t seed = 1, step = 2, stream = 3;
};

Tensor Drop(const Tensor& x, double rate, Triple t, int64_t offset = 0,
            std::vector<std::string> skip = {}) {
  const std::vector<Tensor> inputs = {x, Tensor::Scalar(t.seed), Tensor::Scalar(t.step),
                                      Tensor::Scalar(offset)};
  auto prepared =
      Prepare(DropoutOp(), inputs, {{"rate", rate}, {"stream", t.stream}}, std::move(skip));
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  return *prepared->Run(inputs);
}

template <typename T = float>
Tensor Ones(Shape shape) {
  Tensor t = Tensor::Empty({DTypeOf<T>, std::move(shape)});
  for (T& x : t.template mutable_data<T>()) x = 1;
  return t;
}

double DroppedShare(const Tensor& y) {
  int64_t dropped = 0;
  for (int64_t i = 0; i < y.size(); ++i) dropped += y.ValueAt(i) == 0;
  return static_cast<double>(dropped) / static_cast<double>(y.size());
}

TEST(Dropout, DropsAtItsRateAndKeepsTheMean) {
  const int64_t n = 200'000;
  for (double rate : {0.1, 0.5, 0.9}) {
    const Tensor y = Drop(Ones({n}), rate, {});
    // Five standard deviations of a binomial share.
    const double deviation = std::sqrt(rate * (1 - rate) / static_cast<double>(n));
    EXPECT_NEAR(DroppedShare(y), rate, 5 * deviation);
    for (int64_t i = 0; i < n; ++i) {
      const float v = y.data<float>()[i];
      ASSERT_TRUE(v == 0 || v == static_cast<float>(1 / (1 - rate))) << i << ": " << v;
    }
  }
}

TEST(Dropout, IsAFunctionOfSeedStepStreamAndElement) {
  const Tensor x = Ones({1000});
  const Tensor y = Drop(x, 0.5, {});
  EXPECT_TRUE(BitwiseEqual(Drop(x, 0.5, {}), y));
  // Independent masks agree in half of the places.
  for (Triple other : {Triple{.seed = 2}, Triple{.seed = 1 + (int64_t{1} << 40)}, Triple{.step = 3},
                       Triple{.stream = 4}, Triple{.stream = 3 - (int64_t{1} << 50)}}) {
    const Tensor z = Drop(x, 0.5, other);
    int same = 0;
    for (int64_t i = 0; i < x.size(); ++i) same += z.ValueAt(i) == y.ValueAt(i);
    EXPECT_GT(same, 400);
    EXPECT_LT(same, 600);
  }
}

// A batch computed in pieces drops what the whole drops, wherever the pieces begin.
TEST(Dropout, PiecesDrawAsTheWhole) {
  const Tensor whole = Drop(Ones({40, 25}), 0.3, {});
  for (int64_t rows : {1, 3, 17}) {
    for (int64_t begin = 0; begin < 40; begin += rows) {
      const int64_t end = std::min<int64_t>(40, begin + rows);
      EXPECT_TRUE(BitwiseEqual(Drop(Ones({end - begin, 25}), 0.3, {}, 25 * begin),
                               whole.Rows(begin, end).Clone()))
          << "rows " << begin << " to " << end;
    }
  }
}

TEST(Dropout, KernelsTypesAndThreadsAgree) {
  const int threads = NumThreads();
  for (int64_t n : {1, 63, 64, 65, 100'003}) {
    for (int64_t offset : {0, 1, 6}) {
      const Triple t{.seed = -5, .step = 1 << 20, .stream = -7};
      SetNumThreads(1);
      const Tensor y = Drop(Ones({n}), 0.4, t, offset);
      EXPECT_TRUE(BitwiseEqual(Drop(Ones({n}), 0.4, t, offset, {"simd"}), y)) << n;
      SetNumThreads(3);
      EXPECT_TRUE(BitwiseEqual(Drop(Ones({n}), 0.4, t, offset), y)) << n;
      const Tensor wide = Drop(Ones<double>({n}), 0.4, t, offset);
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(wide.ValueAt(i) == 0, y.ValueAt(i) == 0);
    }
  }
  SetNumThreads(threads);
}

TEST(Dropout, StreamsComeFromScopesAndOrdinals) {
  const auto streams = [](bool with_other_layer) {
    graph::Graph graph;
    const Var x = graph.Input("x", {DType::kF32, {4}});
    const Var seed = graph.Input("seed", {DType::kI64, {}});
    std::vector<Var> drops;
    if (with_other_layer) {
      ScopedName scope(graph, "other");
      Dropout(x, 0.5, seed, 0);
    }
    {
      ScopedName scope(graph, "net");
      ScopedName inner(graph, "drop");
      drops = {Dropout(x, 0.5, seed, 0), Dropout(x, 0.5, seed, 0)};
    }
    drops.push_back(Dropout(x, 0.5, seed, 0));
    EXPECT_TRUE(graph.status().ok()) << graph.status();
    std::vector<int64_t> result;
    for (Var v : drops) result.push_back(graph.node(v).attrs.At<int64_t>("stream"));
    return result;
  };
  const std::vector<int64_t> alone = streams(false);
  EXPECT_EQ(alone, (std::vector<int64_t>{RandomStreamFor("net/drop", 0),
                                         RandomStreamFor("net/drop", 1), RandomStreamFor("", 0)}));
  EXPECT_EQ(streams(true), alone);
  EXPECT_NE(alone[0], alone[1]);
  // Saved programs and seeds rely on these numbers: FNV-1a, computed apart.
  EXPECT_EQ(static_cast<uint64_t>(RandomStreamFor("net/drop", 1)), uint64_t{0x32f9605c76b952d5});
  EXPECT_EQ(static_cast<uint64_t>(RandomStreamFor("", 0)), uint64_t{0xe604823a249029bf});
}

TEST(Dropout, RateZeroIsTheOperand) {
  graph::Graph graph;
  const Var x = graph.Input("x", {DType::kF32, {4}});
  EXPECT_EQ(Dropout(x, 0, 1, 2), x);
}

}  // namespace
}  // namespace adjoint::ops
