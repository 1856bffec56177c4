#include <cmath>
#include <limits>

#include "ops/arg_reduce.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/cumulative.h"
#include "ops/embedding_bag.h"
#include "ops/normalization.h"
#include "ops/scatter.h"
#include "ops/softmax.h"
#include "ops/sort.h"
#include "ops/statistics.h"
#include "tests/ops/golden_cases.h"

namespace adjoint::testing {
namespace {

using ops::ScatterMode;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

constexpr double kInf = std::numeric_limits<double>::infinity();

GoldenBuild One(std::function<Var(Vars)> fn) {
  return [fn = std::move(fn)](Vars v) { return Result{fn(v)}; };
}

// y times golden_ops.numbers(shape, 4).
Var Weighted(Var y) {
  Tensor weights = Tensor::Empty({DType::kF64, y.shape()});
  for (int64_t i = 0; i < weights.size(); ++i) {
    const double wave = 2 * std::sin(static_cast<double>(i + 1) * 5.7);
    weights.mutable_data<double>()[i] = std::nearbyint(wave * 1000) / 1000;
  }
  return y * ops::Cast(ops::Constant(*y.builder, weights), y.dtype());
}

GoldenBuild WeightedOne(std::function<Var(Vars)> fn) {
  return [fn = std::move(fn)](Vars v) { return Result{Weighted(fn(v))}; };
}

Var Whole(Var like, Shape shape, std::initializer_list<int64_t> values) {
  return ops::Constant(*like.builder, Tensor::Of<int64_t>(shape, values));
}
Var Index(Var like) { return Whole(like, {3, 4}, {0, 2, 2, 1, 1, 1, 0, 2, 2, 0, 0, 0}); }

GoldenBuild Scattering(ScatterMode mode) {
  return WeightedOne(
      [mode](Vars v) { return ops::ScatterAlongAxis(v[0], Index(v[0]), v[1], 1, mode); });
}

GoldenBuild Norm(double p, std::vector<int64_t> axes) {
  return One([=](Vars v) { return ops::PNorm(v[0], p, axes); });
}

GoldenBuild Bag(ops::BagMode mode, bool weighted) {
  return WeightedOne([=](Vars v) {
    return ops::EmbeddingBag(v[0], Whole(v[0], {6}, {4, 0, 0, 2, 1, 3}),
                             Whole(v[0], {4}, {0, 2, 2, 5}), mode, weighted ? v[1] : Var{});
  });
}

}  // namespace

std::map<std::string, GoldenBuild> ReductionCases() {
  return {
      {"prod", One([](Vars v) { return ops::ReduceProd(v[0], {2}); })},
      {"prod of all", One([](Vars v) { return ops::ReduceProd(v[0]); })},
      {"min", One([](Vars v) {
         return ops::ReduceMin(v[0], {0, 2});
       })},
      {"max", One([](Vars v) { return ops::ReduceMax(v[0], {1}, true); })},
      {"argmax", One([](Vars v) { return ops::ArgMax(v[0], 1); })},
      {"argmin", One([](Vars v) { return ops::ArgMin(v[0], 2, true); })},
      {"variance", One([](Vars v) {
         return ops::Variance(v[0], {0, 2});
       })},
      {"variance unbiased", One([](Vars v) { return ops::Variance(v[0], {1}, true, 1); })},
      {"standard deviation",
       One([](Vars v) { return ops::StandardDeviation(v[0], {2}, false, 1); })},
      {"norm 1", Norm(1, {2})},
      {"norm 2", Norm(2, {0, 1})},
      {"norm 3", Norm(3, {1})},
      {"norm inf", Norm(kInf, {1})},
      {"norm of zeros", Norm(2, {1})},
      {"log sum exp", One([](Vars v) {
         return ops::LogSumExp(v[0], {0, 2});
       })},
      {"cumsum", WeightedOne([](Vars v) { return ops::CumSum(v[0], 1); })},
      {"cumprod", WeightedOne([](Vars v) { return ops::CumProd(v[0], 2); })},
      {"softmax", WeightedOne([](Vars v) { return ops::Softmax(v[0], 1); })},
      {"log softmax", WeightedOne([](Vars v) { return ops::LogSoftmax(v[0], 0); })},
      {"sort", WeightedOne([](Vars v) { return ops::Sort(v[0], 1); })},
      {"sort descending", WeightedOne([](Vars v) { return ops::Sort(v[0], 2, true); })},
      {"top 2", One([](Vars v) { return ops::TopK(v[0], 2, 2).values; })},
      {"least 2", One([](Vars v) { return ops::TopK(v[0], 2, 1, false).values; })},
      {"take along", WeightedOne([](Vars v) { return ops::TakeAlongAxis(v[0], Index(v[0]), 1); })},
      {"scatter add", Scattering(ScatterMode::kAdd)},
      {"scatter max", Scattering(ScatterMode::kMax)},
      {"scatter product", Scattering(ScatterMode::kMul)},
      {"layer norm",
       WeightedOne([](Vars v) { return ops::LayerNorm(v[0], v[1], v[2], -1, 1e-3); })},
      {"layer norm of two axes",
       WeightedOne([](Vars v) { return ops::LayerNorm(v[0], {}, {}, 1); })},
      {"rms norm", WeightedOne([](Vars v) { return ops::RmsNorm(v[0], v[1]); })},
      {"batch norm",
       WeightedOne([](Vars v) { return ops::BatchNormTraining(v[0], v[1], v[2], 1, 1e-3).y; })},
      {"batch norm inference", WeightedOne([](Vars v) {
         return ops::BatchNormInference(v[0], v[1], v[2], v[3], v[4], 1, 1e-3);
       })},
      {"group norm",
       WeightedOne([](Vars v) { return ops::GroupNorm(v[0], 3, v[1], v[2], 1, 1e-3); })},
      {"group norm channels last",
       WeightedOne([](Vars v) { return ops::GroupNorm(v[0], 3, v[1], v[2], -1, 1e-3); })},
      {"instance norm",
       WeightedOne([](Vars v) { return ops::InstanceNorm(v[0], v[1], v[2], 1, 1e-3); })},
      {"local response norm",
       One([](Vars v) { return ops::LocalResponseNorm(v[0], 3, 0.5, 0.75, 1.5); })},
      {"local response norm even",
       One([](Vars v) { return ops::LocalResponseNorm(v[0], 4, 0.5, 0.75, 1.5); })},
      {"embedding bag", Bag(ops::BagMode::kSum, false)},
      {"embedding bag mean", Bag(ops::BagMode::kMean, false)},
      {"embedding bag weighted", Bag(ops::BagMode::kSum, true)},
  };
}

}  // namespace adjoint::testing
