#include "datasets/dataset.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "core/status_macros.h"
#include "datasets/shuffled_order.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/random.h"

namespace adjoint::datasets {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Tensor& Dense(const Component& component) { return std::get<Tensor>(component); }

// Scalars 0 .. n-1, each with its square as y.
Dataset Numbers(int64_t n) {
  Tensor x = Tensor::Zeros({DType::kI64, Shape{n}}), y = Tensor::Zeros({DType::kF32, Shape{n}});
  for (int64_t i = 0; i < n; ++i) {
    x.mutable_data<int64_t>()[i] = i;
    y.mutable_data<float>()[i] = static_cast<float>(i * i);
  }
  return Dataset::FromTensors({x}, {y});
}

// The numbers of a pass, of samples or batches; empty, and a failure, after an error.
std::vector<int64_t> ValuesOf(const Dataset& dataset, int64_t epoch = 0) {
  std::vector<int64_t> values;
  const absl::Status status = dataset.ForEach(
      [&](const Element& element) {
        const Tensor& x = Dense(element.x[0]);
        for (int64_t i = 0; i < x.size(); ++i) {
          values.push_back(x.data<int64_t>()[i]);
          EXPECT_EQ(Dense(element.y[0]).ValueAt(i), values.back() * values.back());
        }
        return absl::OkStatus();
      },
      epoch);
  EXPECT_TRUE(status.ok()) << status;
  return values;
}

std::vector<int64_t> BatchSizes(const Dataset& dataset) {
  std::vector<int64_t> sizes;
  EXPECT_TRUE(dataset
                  .ForEach([&](const Element& element) {
                    sizes.push_back(RowsOf(element.x[0]));
                    return absl::OkStatus();
                  })
                  .ok());
  return sizes;
}

std::string Problem(const Dataset& dataset) {
  return std::string(dataset.ForEach([](const Element&) { return absl::OkStatus(); }).message());
}

std::vector<int64_t> Range(int64_t n) {
  std::vector<int64_t> range(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) range[i] = i;
  return range;
}

// The same numbers, one after the other, by a function: nothing to gather from.
Dataset Generated(int64_t n, int64_t size = Dataset::kUnknown) {
  return Dataset::FromGenerator(
      [n](int64_t) -> absl::StatusOr<Dataset::Generator> {
        return [n, i = int64_t{0}]() mutable -> absl::StatusOr<std::optional<Element>> {
          if (i == n) return std::nullopt;
          const int64_t value = i++;
          return Element{.x = {Tensor::Scalar<int64_t>(value)},
                         .y = {Tensor::Scalar<float>(static_cast<float>(value * value))}};
        };
      },
      size);
}

TEST(DatasetTest, SamplesAreRows) {
  const Dataset dataset = Dataset::FromTensors({Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6})},
                                               {Tensor::Of<uint8_t>({2}, {7, 8})});
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.unit(), Dataset::Unit::kSample);
  const auto iterator = dataset.Iterate();
  ASSERT_TRUE(iterator.ok());
  ASSERT_TRUE((*iterator)->Next().ok());
  const auto second = (*iterator)->Next();
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_TRUE(BitwiseEqual(Dense((*second)->x[0]), Tensor::Of<float>({3}, {4, 5, 6})));
  EXPECT_TRUE(BitwiseEqual(Dense((*second)->y[0]), Tensor::Scalar<uint8_t>(8)));
  EXPECT_EQ(ToString(**second), "({f32[3]}, {u8[]})");
  EXPECT_FALSE((*(*iterator)->Next()).has_value());
  EXPECT_FALSE((*(*iterator)->Next()).has_value());
}

TEST(DatasetTest, TakeSkipConcatRepeatFilter) {
  const Dataset ten = Numbers(10);
  EXPECT_THAT(ValuesOf(ten.Take(3)), ElementsAre(0, 1, 2));
  EXPECT_THAT(ValuesOf(ten.Skip(7)), ElementsAre(7, 8, 9));
  EXPECT_THAT(ValuesOf(ten.Skip(2).Take(2)), ElementsAre(2, 3));
  EXPECT_THAT(ValuesOf(ten.Take(0)), IsEmpty());
  EXPECT_THAT(ValuesOf(ten.Skip(100)), IsEmpty());
  EXPECT_THAT(ValuesOf(ten.Take(100)), SizeIs(10));
  EXPECT_THAT(ValuesOf(ten.Take(2).Concat(ten.Skip(9))), ElementsAre(0, 1, 9));
  EXPECT_THAT(ValuesOf(ten.Take(2).Repeat(3)), ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(ValuesOf(ten.Take(2).Repeat().Take(5)), ElementsAre(0, 1, 0, 1, 0));
  EXPECT_THAT(ValuesOf(ten.Repeat(0)), IsEmpty());
  EXPECT_THAT(ValuesOf(ten.Take(0).Repeat()), IsEmpty());
  EXPECT_THAT(ValuesOf(ten.Filter([](const Element& element) {
                return Dense(element.x[0]).item<int64_t>() % 4 == 1;
              })),
              ElementsAre(1, 5, 9));
}

TEST(DatasetTest, Sizes) {
  const Dataset ten = Numbers(10);
  EXPECT_EQ(ten.Take(3).size(), 3);
  EXPECT_EQ(ten.Take(30).size(), 10);
  EXPECT_EQ(ten.Skip(3).size(), 7);
  EXPECT_EQ(ten.Skip(30).size(), 0);
  EXPECT_EQ(ten.Concat(ten.Take(1)).size(), 11);
  EXPECT_EQ(ten.Repeat(3).size(), 30);
  EXPECT_EQ(ten.Repeat().size(), Dataset::kInfinite);
  EXPECT_EQ(ten.Repeat().Skip(5).size(), Dataset::kInfinite);
  EXPECT_EQ(ten.Repeat().Skip(5).Take(7).size(), 7);
  EXPECT_EQ(ten.Repeat().Batch(3).size(), Dataset::kInfinite);
  EXPECT_EQ(ten.Batch(3).size(), 4);
  EXPECT_EQ(ten.Batch(3, {.drop_remainder = true}).size(), 3);
  EXPECT_EQ(ten.Batch(5).size(), 2);
  EXPECT_EQ(ten.Shuffle().Prefetch().size(), 10);
  EXPECT_EQ(Generated(10).size(), Dataset::kUnknown);
  EXPECT_EQ(Generated(10, 10).Batch(4).size(), 3);
  EXPECT_EQ(ten.Concat(Generated(10)).size(), Dataset::kUnknown);
  EXPECT_EQ(ten.Filter([](const Element&) { return true; }).size(), Dataset::kUnknown);
  EXPECT_EQ(ten.Batch(2).unit(), Dataset::Unit::kBatch);
  EXPECT_EQ(Generated(10).unit(), Dataset::Unit::kUnknown);
}

TEST(DatasetTest, Batches) {
  for (const Dataset& ten : {Numbers(10), Generated(10)}) {
    EXPECT_THAT(BatchSizes(ten.Batch(4)), ElementsAre(4, 4, 2));
    EXPECT_THAT(BatchSizes(ten.Batch(4, {.drop_remainder = true})), ElementsAre(4, 4));
    EXPECT_THAT(BatchSizes(ten.Batch(100)), ElementsAre(10));
    EXPECT_THAT(BatchSizes(ten.Take(7).Batch(4)), ElementsAre(4, 3));
    EXPECT_THAT(BatchSizes(ten.Skip(7).Batch(2)), ElementsAre(2, 1));
    EXPECT_EQ(ValuesOf(ten.Batch(4)), Range(10));
    EXPECT_EQ(ValuesOf(ten.Skip(3).Batch(4)), ValuesOf(ten.Skip(3)));
    EXPECT_EQ(ValuesOf(ten.Concat(ten).Batch(4)), ValuesOf(ten.Concat(ten)));
  }
}

TEST(DatasetTest, ShufflesAreEvenAndRepeatable) {
  const Dataset ten = Numbers(10).Shuffle({.seed = 5});
  const std::vector<int64_t> first = ValuesOf(ten), second = ValuesOf(ten, 1);
  EXPECT_EQ(ValuesOf(ten), first);
  EXPECT_NE(first, second);
  EXPECT_NE(first, Range(10));
  EXPECT_NE(ValuesOf(Numbers(10).Shuffle({.seed = 6})), first);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 10u);
  // Rows are gathered by the batch; what is gathered one by one, or held first, is the same.
  EXPECT_EQ(ValuesOf(ten.Batch(3)), first);
  EXPECT_EQ(ValuesOf(Generated(10).Shuffle({.seed = 5})), first);
  EXPECT_EQ(ValuesOf(Generated(10).Shuffle({.seed = 5}).Batch(3), 1), second);
  // Its order is the one that models train in.
  std::vector<uint32_t> order;
  ShuffledOrder(10, 5, 1, &order);
  EXPECT_EQ(std::vector<int64_t>(order.begin(), order.end()), second);
  EXPECT_EQ(kShuffleStream, static_cast<uint64_t>(ops::RandomStreamFor("shuffle", 0)));
  // Every pass of a repetition is an epoch.
  const std::vector<int64_t> twice = ValuesOf(ten.Repeat(2));
  EXPECT_EQ(std::vector<int64_t>(twice.begin(), twice.begin() + 10), first);
  EXPECT_EQ(std::vector<int64_t>(twice.begin() + 10, twice.end()), second);
  std::vector<int64_t> third = ValuesOf(ten, 2);
  const std::vector<int64_t> fourth = ValuesOf(ten, 3);
  third.insert(third.end(), fourth.begin(), fourth.end());
  EXPECT_EQ(ValuesOf(ten.Repeat(2), 1), third);
  const Dataset fixed = Numbers(10).Shuffle({.seed = 5, .reshuffle_each_epoch = false});
  EXPECT_EQ(ValuesOf(fixed, 7), first);
  // Each number comes first equally often.
  int count[10] = {};
  for (int64_t epoch = 0; epoch < 5000; ++epoch) {
    const auto iterator = ten.Iterate(epoch);
    ++count[Dense((**(*iterator)->Next()).x[0]).item<int64_t>()];
  }
  for (int n : count) EXPECT_NEAR(n, 500, 110);  // 5 standard deviations
}

TEST(DatasetTest, ShufflesInAWindow) {
  const Dataset dataset = Numbers(1000).Shuffle({.seed = 1, .buffer_size = 50});
  const std::vector<int64_t> values = ValuesOf(dataset);
  EXPECT_EQ(ValuesOf(dataset), values);
  EXPECT_NE(ValuesOf(dataset, 1), values);
  EXPECT_EQ(std::set<int64_t>(values.begin(), values.end()).size(), 1000u);
  int64_t moved = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    EXPECT_LT(values[i], i + 50);  // nothing comes before the window has seen it
    moved += values[i] != i;
  }
  EXPECT_GT(moved, 900);
  EXPECT_EQ(ValuesOf(Numbers(5).Shuffle({.buffer_size = 1})), Range(5));
  EXPECT_THAT(ValuesOf(Numbers(5).Shuffle({.buffer_size = 100})), SizeIs(5));
  EXPECT_THAT(ValuesOf(Numbers(5).Repeat().Shuffle({.buffer_size = 7}).Take(12)), SizeIs(12));
}

TEST(DatasetTest, SparseRows) {
  const CsrMatrix matrix =
      *CsrMatrix::FromDense(Tensor::Of<float>({4, 3}, {1, 0, 2, 0, 0, 0, 0, 3, 0, 4, 5, 6}));
  const Tensor y = Tensor::Of<float>({4}, {0, 1, 2, 3});
  const Dataset dataset = Dataset::FromCsr(matrix, {y});
  EXPECT_EQ(dataset.size(), 4);
  const Dataset shuffled = dataset.Shuffle({.seed = 3});
  // Gathered by the batch, without copying entries, and stacked from rows.
  const Dataset stacked = shuffled.Filter([](const Element&) { return true; });
  for (const bool gathers : {true, false}) {
    int64_t row = 0;
    std::vector<uint32_t> order;
    ShuffledOrder(4, 3, 0, &order);
    const absl::Status status =
        (gathers ? shuffled : stacked).Batch(3).ForEach([&](const Element& batch) {
          const CsrMatrix& x = std::get<CsrMatrix>(batch.x[0]);
          EXPECT_EQ(x.columns().raw() == matrix.columns().raw(), gathers);
          for (int64_t i = 0; i < x.rows(); ++i, ++row) {
            EXPECT_EQ(x.RowColumns(i), matrix.RowColumns(order[row]));
            EXPECT_EQ(x.RowValues(i), matrix.RowValues(order[row]));
            EXPECT_EQ(Dense(batch.y[0]).ValueAt(i), order[row]);
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(row, 4);
  }
}

TEST(DatasetTest, Maps) {
  const auto add_ten = [](Element element) -> absl::StatusOr<Element> {
    const int64_t x = Dense(element.x[0]).item<int64_t>() + 10;
    return Element{.x = {Tensor::Scalar<int64_t>(x)},
                   .y = {Tensor::Scalar<float>(static_cast<float>(x * x))}};
  };
  EXPECT_THAT(ValuesOf(Numbers(3).Map(add_ten)), ElementsAre(10, 11, 12));
  for (const bool parallel : {false, true}) {
    const Dataset dataset = Numbers(100).Map(add_ten, {.parallel = parallel}).Batch(32);
    std::vector<int64_t> expected = Range(110);
    expected.erase(expected.begin(), expected.begin() + 10);
    EXPECT_EQ(ValuesOf(dataset), expected);
  }
}

TEST(DatasetTest, RandomMapsDependOnSeedEpochAndElementAlone) {
  const auto draw = [](Element, RandomStream random) -> absl::StatusOr<Element> {
    PhiloxEngine engine(random);
    const int64_t x = static_cast<int64_t>(engine.Below(1000));
    return Element{.x = {Tensor::Scalar<int64_t>(x)},
                   .y = {Tensor::Scalar<float>(static_cast<float>(x * x))}};
  };
  const auto values = [&](uint64_t seed, bool parallel, int64_t epoch) {
    return ValuesOf(Numbers(64).Map(draw, {.seed = seed, .parallel = parallel}).Batch(10), epoch);
  };
  const std::vector<int64_t> one = values(1, false, 0);
  EXPECT_GT(std::set<int64_t>(one.begin(), one.end()).size(), 50u);
  EXPECT_EQ(values(1, true, 0), one);
  EXPECT_NE(values(2, false, 0), one);
  EXPECT_NE(values(1, false, 1), one);
}

TEST(DatasetTest, PrefetchRunsAheadWithinItsBound) {
  std::atomic<int64_t> made{0};
  const Dataset dataset = Numbers(100).Map([&](Element element) -> absl::StatusOr<Element> {
    ++made;
    return element;
  });
  const auto settled = [&] {
    for (int64_t last = -1; last != made;) {
      last = made;
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
    return made.load();
  };
  auto iterator = dataset.Prefetch(4).Iterate();
  ASSERT_TRUE(iterator.ok());
  EXPECT_EQ(made, 0);
  ASSERT_TRUE((*iterator)->Next().ok());
  EXPECT_GE(settled(), 5);
  EXPECT_LE(made, 6);  // one more is made before it finds no room
  ASSERT_TRUE((*iterator)->Next().ok());
  EXPECT_LE(settled(), 7);
  iterator->reset();  // stops amid the pass
  const int64_t stopped = made;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(made, stopped);
  EXPECT_EQ(ValuesOf(Numbers(100).Shuffle().Batch(7).Prefetch(3)),
            ValuesOf(Numbers(100).Shuffle()));
}

TEST(DatasetTest, ErrorsComeAsStatusAndStay) {
  const auto fails_at_3 = [](Element element) -> absl::StatusOr<Element> {
    if (Dense(element.x[0]).item<int64_t>() == 3) return absl::DataLossError("a torn page");
    return element;
  };
  for (const bool prefetch : {false, true}) {
    const Dataset mapped = Numbers(10).Map(fails_at_3);
    const auto iterator = (prefetch ? mapped.Prefetch(8) : mapped).Iterate();
    ASSERT_TRUE(iterator.ok());
    for (int i = 0; i < 3; ++i) {
      const auto element = (*iterator)->Next();
      ASSERT_TRUE(element.ok() && element->has_value()) << i;
    }
    const absl::Status status = (*iterator)->Next().status();
    EXPECT_TRUE(absl::IsDataLoss(status));
    EXPECT_EQ(status.message(), "mapping element 3: a torn page");
    if (prefetch) {
      EXPECT_EQ((*iterator)->Next().status(), status);
    }
  }
  EXPECT_EQ(Problem(Numbers(10).Map(fails_at_3, {.parallel = true}).Batch(8)),
            "mapping element 3: a torn page");
  EXPECT_THAT(Problem(Numbers(10)
                          .Map([](Element) -> absl::StatusOr<Element> {
                            throw std::runtime_error("no such thing");
                          })
                          .Prefetch()),
              HasSubstr("a function of the dataset threw: no such thing"));
}

TEST(DatasetTest, MistakesInDescriptions) {
  EXPECT_EQ(Problem(Dataset::FromTensors({})), "Dataset::FromTensors: x is empty");
  EXPECT_THAT(Problem(Dataset::FromTensors({Tensor::Scalar<float>(1)})),
              HasSubstr("x is a scalar, f32[]; its first axis must count the samples"));
  EXPECT_THAT(Problem(Dataset::FromTensors({Tensor::Zeros({DType::kF32, {3, 2}})},
                                           {Tensor::Zeros({DType::kF32, {4}})})),
              HasSubstr("x has 3 rows (f32[3,2]), but y has 4 (f32[4]); they must have equally"));
  EXPECT_EQ(Problem(Numbers(3).Batch(0)),
            "Dataset::Batch: batch_size must be at least 1, but is 0");
  EXPECT_EQ(Problem(Numbers(3).Take(-1).Batch(0)),
            "Dataset::Take: count must be at least 0, but is -1");
  EXPECT_EQ(Problem(Numbers(3).Prefetch(0)),
            "Dataset::Prefetch: buffer_size must be at least 1, but is 0");
  EXPECT_EQ(Problem(Numbers(3).Concat(Numbers(3).Skip(-2))),
            "Dataset::Skip: count must be at least 0, but is -2");
  EXPECT_THAT(
      Problem(
          Dataset::FromTensors({Tensor::Zeros({DType::kI64, {3}})}).Concat(Numbers(2)).Batch(8)),
      HasSubstr("sample 3 has 1 of y, sample 0 has 0"));
}

TEST(DatasetTest, SkipPassesOver) {
  const Dataset batches = Numbers(23).Shuffle({.seed = 5}).Batch(4);
  const Dataset all[] = {Numbers(23),
                         Numbers(23).Shuffle({.seed = 5}),
                         Numbers(23).Shuffle({.seed = 5, .buffer_size = 6}),
                         Generated(23).Shuffle({.seed = 5}),
                         Numbers(23).Take(17).Skip(2),
                         Numbers(10).Concat(Generated(13)),
                         Numbers(7).Shuffle({.seed = 1}).Repeat(4),
                         Generated(7).Repeat(3),
                         Numbers(0).Repeat(),
                         batches,
                         Numbers(23).Batch(4, {.drop_remainder = true}),
                         batches.Prefetch(2),
                         batches.Prefetch(2).Repeat(3).Take(14),
                         batches.Concat(batches).Skip(1)};
  for (const Dataset& dataset : all) {
    std::vector<std::vector<int64_t>> whole;
    const auto rest = [](DatasetIterator& iterator) {
      std::vector<std::vector<int64_t>> elements;
      while (true) {
        const auto element = iterator.Next();
        EXPECT_TRUE(element.ok()) << element.status();
        if (!element.ok() || !element->has_value()) return elements;
        const Tensor& x = Dense((*element)->x[0]);
        elements.emplace_back(x.data<int64_t>().begin(), x.data<int64_t>().end());
      }
    };
    whole = rest(**dataset.Iterate(1));
    const int64_t n = static_cast<int64_t>(whole.size());
    for (int64_t first = 0; first <= n + 2; ++first) {
      // At once, and after an element.
      for (const int64_t begun : {0, 1}) {
        if (begun > first || begun > n) continue;
        const auto iterator = *dataset.Iterate(1);
        if (begun > 0) {
          ASSERT_TRUE(iterator->Next().ok());
        }
        EXPECT_EQ(*iterator->Skip(first - begun), std::min(first, n) - begun);
        EXPECT_EQ(rest(*iterator), std::vector<std::vector<int64_t>>(
                                       whole.begin() + std::min(first, n), whole.end()));
      }
    }
  }
}

TEST(DatasetTest, SkipMakesNothing) {
  std::atomic<int> calls{0};
  const Dataset batches = Numbers(100)
                              .Shuffle()
                              .Map([&](Element e) -> absl::StatusOr<Element> {
                                ++calls;
                                return e;
                              })
                              .Batch(10)
                              .Prefetch(1)
                              .Repeat();
  // Six billion passes and three batches, of which nothing is made.
  const auto iterator = *batches.Skip(60'000'000'003).Iterate(0);
  ASSERT_TRUE(iterator->Skip(0).ok());
  EXPECT_EQ(calls, 0);
  ASSERT_TRUE(iterator->Next().ok());
  EXPECT_GE(calls, 10);
}

}  // namespace
}  // namespace adjoint::datasets
