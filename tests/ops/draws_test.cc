#include "ops/draws.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "core/parallel.h"
#include "graph/executable.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

struct Result {
  absl::StatusOr<Tensor> tensor;
  std::string kernel;
};

// Runs `build`, a function of builder, seed and step.
Result RunDraw(const std::function<Var(Builder&, Var seed, Var step)>& build, int64_t seed = 11,
               int64_t step = 3, std::vector<std::string> skip = {}) {
  auto graph = std::make_shared<graph::Graph>();
  const Var s = graph->Input("seed", {DType::kI64, {}}),
            t = graph->Input("step", {DType::kI64, {}});
  const Var y = build(*graph, s, t);
  if (!graph->status().ok()) return {graph->status(), ""};
  graph::Program program{.name = "draw", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
  program.AddInput("seed", s);
  program.AddInput("step", t);
  program.AddOutput("y", y);
  graph::CompileOptions options;
  options.optimize = false;
  options.skip_kernels = std::move(skip);
  auto executable = graph::Executable::Compile(program, options);
  if (!executable.ok()) return {executable.status(), ""};
  auto workspace = (*executable)->NewWorkspace();
  std::vector<Tensor> outputs;
  const absl::Status status =
      (*executable)
          ->Run(**workspace, {Tensor::Scalar(seed), Tensor::Scalar(step)}, nullptr, &outputs);
  if (!status.ok()) return {status, ""};
  return {outputs[0], (*executable)->Steps()[0].kernel};
}

constexpr int64_t kN = 200'000;
constexpr int64_t kStream = 77;

std::vector<double> Values(const Tensor& t) {
  std::vector<double> values(t.size());
  for (int64_t i = 0; i < t.size(); ++i) values[i] = t.ValueAt(i);
  return values;
}

struct Moments {
  double mean, variance;
};
Moments MomentsOf(const std::vector<double>& x) {
  const double n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double sum = 0;
  for (double v : x) sum += (v - mean) * (v - mean);
  return {mean, sum / n};
}

// Kolmogorov's statistic, sqrt(n) sup |F_n - F|: above 1.95 once in a thousand times.
double Kolmogorov(std::vector<double> x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double distance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double f = cdf(x[i]);
    distance =
        std::max({distance, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return distance * std::sqrt(n);
}

double Phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// The correlation of neighbours, 1 / sqrt(n) for independent numbers.
double Correlation(const std::vector<double>& x, size_t lag) {
  const Moments m = MomentsOf(x);
  double sum = 0;
  for (size_t i = 0; i + lag < x.size(); ++i) sum += (x[i] - m.mean) * (x[i + lag] - m.mean);
  return sum / static_cast<double>(x.size()) / m.variance;
}

TEST(DrawsTest, Uniform) {
  for (DType dtype : {DType::kF32, DType::kF64}) {
    const Tensor t = *RunDraw([&](Builder&, Var seed, Var step) {
                        return RandomUniform({kN}, seed, step, 0, 1, {dtype, kStream});
                      }).tensor;
    const std::vector<double> x = Values(t);
    const Moments m = MomentsOf(x);
    EXPECT_NEAR(m.mean, 0.5, 5 * std::sqrt(1.0 / 12 / kN));
    EXPECT_NEAR(m.variance, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / kN));
    EXPECT_GE(*std::min_element(x.begin(), x.end()), 0);
    EXPECT_LT(*std::max_element(x.begin(), x.end()), 1);
    EXPECT_LT(Kolmogorov(x, [](double v) { return v; }), 1.95);
    for (size_t lag : {1, 2, 3, 4, 128})
      EXPECT_LT(std::abs(Correlation(x, lag)), 5 / std::sqrt(kN));
  }
  const std::vector<double> scaled =
      Values(*RunDraw([&](Builder&, Var seed, Var step) {
                return RandomUniform({kN}, seed, step, -3, 5, {DType::kF32, kStream});
              }).tensor);
  EXPECT_GE(*std::min_element(scaled.begin(), scaled.end()), -3);
  EXPECT_LT(*std::max_element(scaled.begin(), scaled.end()), 5);
  EXPECT_NEAR(MomentsOf(scaled).mean, 1, 5 * 8 * std::sqrt(1.0 / 12 / kN));
}

// A range of one float: rounding must not reach the upper end.
TEST(DrawsTest, UniformStaysBelowItsBound) {
  const float low = 1, high = std::nextafter(1.0f, 2.0f);
  const Tensor t = *RunDraw([&](Builder&, Var seed, Var step) {
                      return RandomUniform({1000}, seed, step, low, high, {.stream = kStream});
                    }).tensor;
  for (float v : t.data<float>()) ASSERT_EQ(v, low);
}

TEST(DrawsTest, F32IsF64RoundedDown) {
  const auto draw = [](DType dtype) {
    return *RunDraw([&](Builder&, Var seed, Var step) {
              return RandomUniform({1000}, seed, step, 0, 1, {dtype, kStream});
            }).tensor;
  };
  const Tensor a = draw(DType::kF32), b = draw(DType::kF64);
  for (int64_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.ValueAt(i), std::floor(b.ValueAt(i) * 0x1p24) * 0x1p-24);
  }
}

TEST(DrawsTest, Normal) {
  for (DType dtype : {DType::kF32, DType::kF64}) {
    const Tensor t = *RunDraw([&](Builder&, Var seed, Var step) {
                        return RandomNormal({kN}, seed, step, 0, 1, {dtype, kStream});
                      }).tensor;
    const std::vector<double> x = Values(t);
    const Moments m = MomentsOf(x);
    EXPECT_NEAR(m.mean, 0, 5 / std::sqrt(kN));
    EXPECT_NEAR(m.variance, 1, 5 * std::sqrt(2.0 / kN));
    EXPECT_LT(Kolmogorov(x, Phi), 1.95);
    double fourth = 0;
    for (double v : x) fourth += v * v * v * v / kN;
    EXPECT_NEAR(fourth, 3, 5 * std::sqrt(96.0 / kN));
    EXPECT_LT(std::abs(Correlation(x, 1)), 5 / std::sqrt(kN));
  }
  const Moments m =
      MomentsOf(Values(*RunDraw([&](Builder&, Var seed, Var step) {
                          return RandomNormal({kN}, seed, step, 7, 0.5, {.stream = kStream});
                        }).tensor));
  EXPECT_NEAR(m.mean, 7, 0.5 * 5 / std::sqrt(kN));
  EXPECT_NEAR(m.variance, 0.25, 0.25 * 5 * std::sqrt(2.0 / kN));
}

// The quantile function undoes the distribution function, in both types and to the tails.
TEST(DrawsTest, NormalIsTheQuantileOfTheUniform) {
  const auto uniform = [](Builder&, Var seed, Var step) {
    return RandomUniform({kN}, seed, step, 0, 1, {DType::kF64, kStream});
  };
  for (DType dtype : {DType::kF32, DType::kF64}) {
    const auto normal = [&](Builder&, Var seed, Var step) {
      return RandomNormal({kN}, seed, step, 0, 1, {dtype, kStream});
    };
    const Tensor u = *RunDraw(uniform).tensor, x = *RunDraw(normal).tensor;
    double least = 1;
    for (int64_t i = 0; i < kN; ++i) {
      double p = u.ValueAt(i);
      double error = 1e-14;
      if (dtype == DType::kF32) {
        p = (std::floor(p * 0x1p24) + 0.5) * 0x1p-24;
        error = 1e-6;
      }
      const double tail = std::min(p, 1 - p);
      least = std::min(least, tail);
      ASSERT_NEAR(Phi(-std::abs(x.ValueAt(i))), tail, 30 * error * tail + 1e-16) << p;
    }
    EXPECT_LT(least, 1e-4);
  }
}

TEST(DrawsTest, TruncatedNormal) {
  const double bound = 1.5, share = std::erf(bound / std::sqrt(2.0));
  for (DType dtype : {DType::kF32, DType::kF64}) {
    const std::vector<double> x =
        Values(*RunDraw([&](Builder&, Var seed, Var step) {
                  return RandomTruncatedNormal({kN}, seed, step, 1, 2, bound, {dtype, kStream});
                }).tensor);
    EXPECT_LE(*std::max_element(x.begin(), x.end()), 1 + 2 * bound + 1e-6);
    EXPECT_GE(*std::min_element(x.begin(), x.end()), 1 - 2 * bound - 1e-6);
    EXPECT_GT(*std::max_element(x.begin(), x.end()), 1 + 1.99 * bound);
    const auto cdf = [&](double v) { return 0.5 + (Phi((v - 1) / 2) - 0.5) / share; };
    EXPECT_LT(Kolmogorov(x, cdf), 1.95);
  }
}

TEST(DrawsTest, Bernoulli) {
  const Tensor p = Tensor::Of<float>({4}, {0, 0.25, 0.75, 1});
  const Tensor t = *RunDraw([&](Builder& builder, Var seed, Var step) {
                      const Var wide = BroadcastTo(Constant(builder, p), {50'000, 4});
                      return RandomBernoulli(wide, seed, step, {DType::kI32, kStream});
                    }).tensor;
  int64_t count[4] = {};
  for (int64_t i = 0; i < t.size(); ++i) {
    ASSERT_TRUE(t.ValueAt(i) == 0 || t.ValueAt(i) == 1);
    count[i % 4] += t.data<int32_t>()[i];
  }
  EXPECT_EQ(count[0], 0);
  EXPECT_EQ(count[3], 50'000);
  EXPECT_NEAR(count[1], 12'500, 5 * std::sqrt(50'000 * 0.1875));
  EXPECT_NEAR(count[2], 37'500, 5 * std::sqrt(50'000 * 0.1875));
}

TEST(DrawsTest, IntegersAreEquallyLikely) {
  for (DType dtype : {DType::kI32, DType::kI64}) {
    const Tensor t = *RunDraw([&](Builder&, Var seed, Var step) {
                        return RandomIntegers({kN}, -3, 4, seed, step, {dtype, kStream});
                      }).tensor;
    double count[7] = {};
    for (int64_t i = 0; i < kN; ++i) {
      const double v = t.ValueAt(i);
      ASSERT_TRUE(v >= -3 && v < 4) << v;
      ++count[static_cast<int>(v) + 3];
    }
    // Chi squared with six degrees of freedom is above 22.5 once in a thousand times.
    double chi = 0;
    for (double c : count) chi += (c - kN / 7.0) * (c - kN / 7.0) / (kN / 7.0);
    EXPECT_LT(chi, 22.5);
  }
  const Tensor wide =
      *RunDraw([&](Builder&, Var seed, Var step) {
         return RandomIntegers({1000}, INT64_MIN, INT64_MAX, seed, step, {DType::kI64, kStream});
       }).tensor;
  int64_t negative = 0;
  for (int64_t v : wide.data<int64_t>()) negative += v < 0;
  EXPECT_NEAR(negative, 500, 5 * std::sqrt(250));
}

TEST(DrawsTest, PermutationsAreEquallyLikely) {
  double count[6] = {};
  for (int64_t step = 0; step < 3000; ++step) {
    const Tensor t = *RunDraw(
                          [&](Builder&, Var seed, Var at) {
                            return RandomPermutation(3, seed, at, {DType::kI32, kStream});
                          },
                          1, step)
                          .tensor;
    const auto p = t.data<int32_t>();
    ASSERT_EQ((1 << p[0]) | (1 << p[1]) | (1 << p[2]), 7);
    ++count[p[0] * 2 + (p[1] > p[2])];
  }
  double chi = 0;
  for (double c : count) chi += (c - 500) * (c - 500) / 500;
  EXPECT_LT(chi, 20.5);  // five degrees of freedom, one in a thousand
}

TEST(DrawsTest, CategoricalFollowsTheLogits) {
  // Two rows; the shift of the second must not matter, and a class at -inf is never drawn.
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor logits = Tensor::Of<float>(
      {2, 3}, {std::log(0.2f), std::log(0.5f), std::log(0.3f), 1000, -inf, 1000 + std::log(3.0f)});
  const double share[] = {0.2, 0.5, 0.3, 0.25, 0, 0.75};
  const int64_t n = 50'000;
  const Tensor t =
      *RunDraw([&](Builder& builder, Var seed, Var step) {
         return RandomCategorical(Constant(builder, logits), n, seed, step, {DType::kI32, kStream});
       }).tensor;
  ASSERT_EQ(t.spec().ToString(), "i32[2,50000]");
  double count[6] = {};
  for (int64_t i = 0; i < t.size(); ++i) ++count[i / n * 3 + t.data<int32_t>()[i]];
  for (int k = 0; k < 6; ++k) {
    EXPECT_NEAR(count[k], share[k] * n, 5 * std::sqrt(n * share[k] * (1 - share[k])));
  }
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), inf, -inf}) {
    const Tensor none = Tensor::Of<float>({1, 2}, {bad, bad});
    const auto result = RunDraw([&](Builder& builder, Var seed, Var step) {
                          return RandomCategorical(Constant(builder, none), 1, seed, step);
                        }).tensor;
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.status().message().find("row 0 of the logits gives no class a finite"),
              absl::string_view::npos)
        << result.status();
  }
}

using Build = std::function<Var(Builder&, Var seed, Var step)>;

std::vector<Build> AllDraws(int64_t stream) {
  return {
      [=](Builder&, Var s, Var t) {
        return RandomUniform({70'003}, s, t, 0, 1, {.stream = stream});
      },
      [=](Builder&, Var s, Var t) {
        return RandomNormal({70'003}, s, t, 0, 1, {.stream = stream});
      },
      [=](Builder&, Var s, Var t) {
        return RandomUniform({20'003}, s, t, 0, 1, {DType::kF64, stream});
      },
      [=](Builder&, Var s, Var t) {
        return RandomIntegers({20'003}, 0, 1000, s, t, {DType::kI64, stream});
      },
      [=](Builder&, Var s, Var t) {
        return RandomPermutation(1000, s, t, {DType::kI64, stream});
      },
      [=](Builder& b, Var s, Var t) {
        const Var logits = Constant(b, Tensor::Zeros({DType::kF32, {100, 200}}));
        return RandomCategorical(logits, 7, s, t, {DType::kI64, stream});
      },
  };
}

TEST(DrawsTest, AreFunctionsOfSeedStepAndStreamAndNotOfThreads) {
  const int threads = NumThreads();
  const std::vector<Build> builds = AllDraws(kStream), others = AllDraws(kStream + 1);
  for (size_t i = 0; i < builds.size(); ++i) {
    SetNumThreads(1);
    const Tensor a = *RunDraw(builds[i]).tensor;
    SetNumThreads(3);
    EXPECT_TRUE(BitwiseEqual(*RunDraw(builds[i]).tensor, a)) << i;
    EXPECT_FALSE(BitwiseEqual(*RunDraw(builds[i], 12).tensor, a)) << i;
    EXPECT_FALSE(BitwiseEqual(*RunDraw(builds[i], 11, 4).tensor, a)) << i;
    EXPECT_FALSE(BitwiseEqual(*RunDraw(others[i]).tensor, a)) << i;
  }
  SetNumThreads(threads);
}

TEST(DrawsTest, PiecesDrawAsTheWhole) {
  const auto draw = [](int64_t n, int64_t offset) {
    return Values(*RunDraw([&](Builder& b, Var s, Var t) {
                     return RandomNormal(
                         {n}, s, t, 0, 1,
                         {.stream = kStream, .offset = Constant(b, Tensor::Scalar(offset))});
                   }).tensor);
  };
  const std::vector<double> whole = draw(1000, 0);
  for (int64_t offset : {1, 4, 130, 511}) {
    const std::vector<double> part = draw(300, offset);
    for (size_t i = 0; i < part.size(); ++i) ASSERT_EQ(part[i], whole[offset + i]) << i;
  }
}

TEST(DrawsTest, FastKernelsAreTaken) {
  const std::vector<Build> builds = AllDraws(kStream);
  EXPECT_EQ(RunDraw(builds[0]).kernel, "random_uniform/simd");
  EXPECT_EQ(RunDraw(builds[1]).kernel, "random_normal/simd");
  EXPECT_TRUE(
      BitwiseEqual(*RunDraw(builds[0]).tensor, *RunDraw(builds[0], 11, 3, {"simd"}).tensor));
}

TEST(DrawsTest, StreamsTellDrawsApart) {
  const Tensor t = *RunDraw([](Builder& builder, Var seed, Var step) {
                      const Var a = RandomUniform({100}, seed, step);
                      const ScopedName scope(builder, "layer");
                      return a - RandomUniform({100}, seed, step);
                    }).tensor;
  for (int64_t i = 0; i < t.size(); ++i) EXPECT_NE(t.ValueAt(i), 0);
}

}  // namespace
}  // namespace adjoint::ops
