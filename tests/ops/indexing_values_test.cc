// Indexing, order and uniqueness on small examples that ONNX's documents give or that are right by
// inspection, and what they say of values that break a rule.

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "graph/executable.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/embedding_bag.h"
#include "ops/gather_nd.h"
#include "ops/nonzero.h"
#include "ops/sort.h"
#include "ops/statistics.h"

namespace adjoint::ops {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Builds, compiles and runs; the graph's or the run's error otherwise.
absl::StatusOr<std::vector<Tensor>> RunGraph(
    const std::vector<Tensor>& inputs,
    const std::function<std::vector<Var>(const std::vector<Var>&)>& build) {
  auto graph = std::make_shared<graph::Graph>();
  graph::Program program{.name = "test", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  std::vector<Var> vars;
  for (const Tensor& t : inputs) {
    vars.push_back(graph->Input("x" + std::to_string(vars.size()), t.spec()));
    program.AddInput("x" + std::to_string(vars.size() - 1), vars.back());
  }
  for (Var y : build(vars)) program.AddOutput("y" + std::to_string(program.outputs.size()), y);
  if (!graph->status().ok()) return graph->status();
  auto executable = graph::Executable::Compile(program);
  if (!executable.ok()) return executable.status();
  auto workspace = (*executable)->NewWorkspace();
  if (!workspace.ok()) return workspace.status();
  std::vector<Tensor> outputs;
  const absl::Status status = (*executable)->Run(**workspace, inputs, nullptr, &outputs);
  if (!status.ok()) return status;
  return outputs;
}

std::vector<double> Values(const Tensor& t) {
  std::vector<double> values;
  for (int64_t i = 0; i < t.size(); ++i) values.push_back(t.ValueAt(i));
  return values;
}

using Doubles = std::vector<double>;
using Vars = std::vector<Var>;

Doubles RunOne(const std::vector<Tensor>& inputs, const std::function<Var(const Vars&)>& build) {
  auto result = RunGraph(inputs, [&](const Vars& v) { return Vars{build(v)}; });
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? Values((*result)[0]) : Doubles{};
}

std::string RunError(const std::vector<Tensor>& inputs,
                     const std::function<Var(const Vars&)>& build) {
  auto result = RunGraph(inputs, [&](const Vars& v) { return Vars{build(v)}; });
  EXPECT_FALSE(result.ok());
  return std::string(result.status().message());
}

TEST(ScatterTest, TheLastUpdateOfAPlaceStays) {
  const Tensor base = Tensor::Of<float>({3}, {10, 20, 30});
  const Tensor index = Tensor::Of<int64_t>({4}, {2, 0, 2, 0});
  const Tensor updates = Tensor::Of<float>({4}, {1, 2, 3, 4});
  EXPECT_EQ(RunOne({base, index, updates}, [](const Vars& v) { return Scatter(v[0], v[1], v[2]); }),
            (Doubles{4, 20, 3}));
  EXPECT_EQ(RunOne({base, index, updates},
                   [](const Vars& v) { return ScatterAlongAxis(v[0], v[1], v[2], 0); }),
            (Doubles{4, 20, 3}));
}

// The examples of ONNX's GatherElements, ScatterElements, GatherND and ScatterND.
TEST(OnnxExamples, Indexing) {
  EXPECT_EQ(
      RunOne({Tensor::Of<float>({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}),
              Tensor::Of<int32_t>({2, 3}, {-1, -2, 0, -2, 0, 0})},
             [](const Vars& v) { return TakeAlongAxis(v[0], PlainIndices(v[1], v[0], 0), 0); }),
      (Doubles{7, 5, 3, 4, 2, 3}));
  EXPECT_EQ(RunOne({Tensor::Of<float>({1, 5}, {1, 2, 3, 4, 5}), Tensor::Of<int64_t>({1, 2}, {1, 3}),
                    Tensor::Of<float>({1, 2}, {1.1f, 2.1f})},
                   [](const Vars& v) { return ScatterAlongAxis(v[0], v[1], v[2], 1); }),
            (Doubles{1, 1.1f, 3, 2.1f, 5}));
  EXPECT_EQ(RunOne({Tensor::Of<int32_t>({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}),
                    Tensor::Of<int64_t>({2, 1}, {1, 0})},
                   [](const Vars& v) { return GatherNd(v[0], v[1], 1); }),
            (Doubles{2, 3, 4, 5}));
  EXPECT_EQ(
      RunOne({Tensor::Of<float>({8}, {1, 2, 3, 4, 5, 6, 7, 8}),
              Tensor::Of<int64_t>({4, 1}, {4, 3, 1, -1}), Tensor::Of<float>({4}, {9, 10, 11, 12})},
             [](const Vars& v) { return ScatterNd(v[0], v[1], v[2]); }),
      (Doubles{1, 11, 3, 10, 9, 6, 7, 12}));
  EXPECT_EQ(RunOne({Tensor::Of<int64_t>({3}, {0, -7, -8})},
                   [](const Vars& v) { return OneHotAlong(v[0], 7, 3, 1, 0); }),
            (Doubles{3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
}

TEST(IndexErrors, NamePositionIndexAndBounds) {
  const Tensor x = Tensor::Zeros({DType::kF32, {3, 4}});
  EXPECT_NE(RunError({x, Tensor::Of<int64_t>({2, 2}, {0, 1, 2, -5})},
                     [](const Vars& v) { return GatherNd(v[0], v[1]); })
                .find("ravel_indices: index -5 at position [1,1] is outside -4..3 of axis 1 of the "
                      "operand"),
            std::string::npos);
  EXPECT_NE(RunError({x, Tensor::Of<int32_t>({1, 4}, {0, 1, 3, 0})},
                     [](const Vars& v) { return TakeAlongAxis(v[0], v[1], 0); })
                .find("take_along_axis: index 3 at position [0,2] is outside 0..2, axis 0"),
            std::string::npos);
  EXPECT_NE(RunError({x, Tensor::Of<int64_t>({1}, {-1}), Tensor::Zeros({DType::kF32, {1, 4}})},
                     [](const Vars& v) { return Scatter(v[0], v[1], v[2]); })
                .find("scatter: index -1 at position [0] is outside 0..2, axis 0"),
            std::string::npos);
  const Tensor entries = Tensor::Zeros({DType::kF32, {4}});
  const auto ids = [](const Vars& v) { return SegmentIds(v[0], v[1]); };
  EXPECT_NE(RunError({Tensor::Of<int64_t>({3}, {0, 3, 2}), entries}, ids)
                .find("segment_ids: offset 2 at position [2] is outside 3..4"),
            std::string::npos);
  EXPECT_NE(RunError({Tensor::Of<int64_t>({2}, {0, 5}), entries}, ids)
                .find("offset 5 at position [1] is outside 0..4"),
            std::string::npos);
  EXPECT_NE(RunError({Tensor::Of<int64_t>({1}, {1}), entries}, ids)
                .find("offset 1 at position [0] is outside 0..0"),
            std::string::npos);
  EXPECT_NE(RunError({Tensor::Of<int64_t>({0}, {}), entries}, ids)
                .find("there are 4 entries, but no offsets"),
            std::string::npos);
}

TEST(OrderTest, NansAreGreatestAndEqualsKeepTheirOrder) {
  const Tensor x = Tensor::Of<float>({6}, {2, kNan, -0.0f, 0, kNan, -3});
  const auto order = [&](bool down) {
    return RunOne({x}, [down](const Vars& v) { return ArgSort(v[0], 0, down); });
  };
  EXPECT_EQ(order(false), (Doubles{5, 2, 3, 0, 1, 4}));
  EXPECT_EQ(order(true), (Doubles{1, 4, 0, 2, 3, 5}));
  EXPECT_EQ(RunOne({x}, [](const Vars& v) { return TopK(v[0], 3).indices; }), (Doubles{1, 4, 0}));
  EXPECT_EQ(RunOne({x}, [](const Vars& v) { return TopK(v[0], 3, 0, false).indices; }),
            (Doubles{5, 2, 3}));
}

TEST(NonZeroTest, ColumnsOfPlacesAndACount) {
  const Tensor x = Tensor::Of<float>({2, 3}, {1, 0, kNan, 0, -2, 0});
  auto result = RunGraph({x}, [](const Vars& v) {
    const auto [indices, count] = NonZero(v[0], 4);
    return Vars{indices, count};
  });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Values((*result)[0]), (Doubles{0, 0, 1, -1, 0, 2, 1, -1}));
  EXPECT_EQ(Values((*result)[1]), Doubles{3});
  auto at_hand = NonZeroOf(x);
  ASSERT_TRUE(at_hand.ok()) << at_hand.status();
  EXPECT_EQ(at_hand->shape(), (Shape{2, 3}));
  EXPECT_EQ(Values(*at_hand), (Doubles{0, 0, 1, 0, 2, 1}));
  // Of a scalar: no coordinates, one column.
  EXPECT_EQ(NonZeroOf(Tensor::Scalar<float>(5))->shape(), (Shape{0, 1}));
}

TEST(CompressTest, WhatTheMaskChooses) {
  const Tensor x = Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor mask = Tensor::Of<bool>({3}, {false, true, true});
  EXPECT_EQ(RunOne({x, mask}, [](const Vars& v) { return Compress(v[0], v[1], 3, 1).values; }),
            (Doubles{2, 3, 0, 5, 6, 0}));
  EXPECT_EQ(RunOne({x, mask}, [](const Vars& v) { return Compress(v[0], v[1], 1, 1).values; }),
            (Doubles{2, 5}));
}

// The examples of ONNX's Unique.
TEST(UniqueTest, OfElementsAndSlices) {
  const Tensor x = Tensor::Of<float>({6}, {2, 1, 1, 3, 4, 3});
  auto unsorted = UniqueOf(x, {}, false);
  ASSERT_TRUE(unsorted.ok()) << unsorted.status();
  EXPECT_EQ(Values(unsorted->values), (Doubles{2, 1, 3, 4}));
  EXPECT_EQ(Values(unsorted->first), (Doubles{0, 1, 3, 4}));
  EXPECT_EQ(Values(unsorted->inverse), (Doubles{0, 1, 1, 2, 3, 2}));
  EXPECT_EQ(Values(unsorted->counts), (Doubles{1, 2, 2, 1}));
  const Tensor rows = Tensor::Of<float>({3, 3}, {1, 0, 0, 1, 0, 0, 2, 3, 4});
  auto by_rows = UniqueOf(rows, 0);
  ASSERT_TRUE(by_rows.ok()) << by_rows.status();
  EXPECT_EQ(by_rows->values.shape(), (Shape{2, 3}));
  EXPECT_EQ(Values(by_rows->values), (Doubles{1, 0, 0, 2, 3, 4}));
  EXPECT_EQ(Values(by_rows->first), (Doubles{0, 2}));
  EXPECT_EQ(Values(by_rows->inverse), (Doubles{0, 0, 1}));
  EXPECT_EQ(Values(by_rows->counts), (Doubles{2, 1}));
  const Tensor cube =
      Tensor::Of<float>({2, 4, 2}, {1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1});
  auto by_middle = UniqueOf(cube, -2);
  ASSERT_TRUE(by_middle.ok()) << by_middle.status();
  EXPECT_EQ(Values(by_middle->values), (Doubles{0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1}));
  EXPECT_EQ(Values(by_middle->first), (Doubles{1, 0, 2}));
  EXPECT_EQ(Values(by_middle->inverse), (Doubles{1, 0, 2, 0}));
  EXPECT_EQ(Values(by_middle->counts), (Doubles{2, 1, 1}));
  auto empty = UniqueOf(Tensor::Zeros({DType::kI64, {0}}));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->values.shape(), Shape{0});
  EXPECT_FALSE(UniqueOf(x, 1).ok());
  EXPECT_EQ(UniqueOf(Tensor::Of<float>({3}, {kNan, 1, kNan}))->counts.size(), 2);
}

TEST(StatisticsTest, WithoutElementsLeftOver) {
  const Tensor one = Tensor::Of<float>({1, 2}, {3, 5});
  EXPECT_EQ(RunOne({one}, [](const Vars& v) { return Variance(v[0], {0}); }), (Doubles{0, 0}));
  for (double v : RunOne({one}, [](const Vars& v) { return Variance(v[0], {0}, false, 1); })) {
    EXPECT_TRUE(std::isnan(v));
  }
}

}  // namespace
}  // namespace adjoint::ops
