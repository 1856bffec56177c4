#include "nn/metrics.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/tensor.h"
#include "nn/call_text.h"
#include "nn/counting_metrics.h"
#include "nn/losses.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

using ops::Var;

// The place of the first largest element of the last axis, as a float; the number of elements where
// there is a NaN. A composition: the maximum, compared, selects descending numbers.
Var ArgMax(Var x) {
  const Dim last = x.shape().dim(x.shape().rank() - 1);
  if (!last.is_known() || last == Dim(0)) {
    x.builder->Fail(absl::InvalidArgumentError(
        absl::StrCat(x.builder->ScopePath(), ": the classes, the last axis of ",
                     x.spec().ToString(), ", must be a positive number")));
    return Var{x.builder, -1, 0};
  }
  const int64_t n = last.value();
  std::vector<float> descending(n);
  for (int64_t i = 0; i < n; ++i) descending[i] = static_cast<float>(n - i);
  const Var from_end = ops::Constant(*x.builder, Tensor::Vector<float>(descending));
  const Var is_max = ops::Equal(x, ops::ReduceMax(x, {-1}, /*keepdims=*/true));
  return static_cast<double>(n) - ops::ReduceMax(ops::Where(is_max, from_end, 0.0), {-1});
}

Var Mismatch(Var y_true, Var y_pred) {
  y_pred.builder->Fail(absl::InvalidArgumentError(absl::StrCat(
      y_pred.builder->ScopePath(), ": targets are ", y_true.spec().ToString(),
      " and predictions are ", y_pred.spec().ToString(), "; their shapes must be equal")));
  return Var{y_pred.builder, -1, 0};
}

using Numbers = absl::Span<const double>;

Var BinaryAccuracyAt(Var y_true, Var y_pred, double threshold) {
  const Var target = AlignTarget(y_true, y_pred);
  if (!target.valid()) return target;
  if (target.shape() != y_pred.shape()) return Mismatch(target, y_pred);
  const Var decided = ops::Cast(ops::Greater(y_pred, threshold), y_pred.dtype());
  return ops::Cast(ops::Equal(decided, target), DType::kF32);
}

Var BinaryAccuracy(Var y_true, Var y_pred, Numbers numbers) {
  return BinaryAccuracyAt(y_true, y_pred, numbers[0]);
}

Var CategoricalAccuracy(Var y_true, Var y_pred, Numbers) {
  const Var target = AlignTarget(y_true, y_pred);
  if (!target.valid()) return target;
  if (target.shape() != y_pred.shape() || target.shape().rank() == 0) {
    return Mismatch(target, y_pred);
  }
  return ops::Cast(ops::Equal(ArgMax(target), ArgMax(y_pred)), DType::kF32);
}

Var SparseCategoricalAccuracy(Var y_true, Var y_pred, Numbers) {
  const Var labels = AlignLabels(y_true, y_pred);
  if (!labels.valid()) return labels;
  return ops::Cast(ops::Equal(ops::Cast(labels, DType::kF32), ArgMax(y_pred)), DType::kF32);
}

Var Accuracy(Var y_true, Var y_pred, Numbers) {
  const Shape& truth = y_true.shape();
  const Shape& prediction = y_pred.shape();
  const auto last = [](const Shape& s) { return s.rank() == 0 ? Dim(1) : s.dim(s.rank() - 1); };
  if (prediction.rank() < 2 || last(prediction) == Dim(1)) {
    return BinaryAccuracyAt(y_true, y_pred, 0.5);
  }
  if (truth.rank() < prediction.rank() || last(truth) == Dim(1)) {
    return SparseCategoricalAccuracy(y_true, y_pred, {});
  }
  return CategoricalAccuracy(y_true, y_pred, {});
}

// Whether fewer than k predictions of a row are larger than that of class `place`, a float.
Var InTopK(Var place, Var y_pred, double k) {
  const Dim last = y_pred.shape().dim(y_pred.shape().rank() - 1);
  std::vector<float> ascending(static_cast<size_t>(last.value()));
  for (size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<float>(i);
  const Var classes = ops::Constant(*y_pred.builder, Tensor::Vector<float>(ascending));
  const Var is_true = ops::Equal(ops::ExpandDims(place, -1), classes);
  const auto count = [](Var bools) { return ops::Sum(ops::Cast(bools, DType::kF32), {-1}); };
  const Var score = ops::Sum(ops::Where(is_true, y_pred, 0.0), {-1}, /*keepdims=*/true);
  const Var few = ops::Less(count(ops::Greater(y_pred, score)), k);
  // x - x is 0 for finite numbers alone.
  const Var finite = ops::Equal(ops::Sum(y_pred - y_pred, {-1}), 0.0);
  const Var known = ops::Equal(count(is_true), 1.0);  // false for a class beyond the last
  return ops::Cast(ops::LogicalAnd(ops::LogicalAnd(few, finite), known), DType::kF32);
}

Var TopKCategoricalAccuracy(Var y_true, Var y_pred, Numbers numbers) {
  const Var target = AlignTarget(y_true, y_pred);
  if (!target.valid()) return target;
  if (target.shape() != y_pred.shape() || target.shape().rank() == 0) {
    return Mismatch(target, y_pred);
  }
  const Var place = ArgMax(target);
  return place.valid() ? InTopK(ops::Cast(place, DType::kF32), y_pred, numbers[0]) : place;
}

Var SparseTopKCategoricalAccuracy(Var y_true, Var y_pred, Numbers numbers) {
  const Var labels = AlignLabels(y_true, y_pred);
  const Var largest = labels.valid() ? ArgMax(y_pred) : labels;  // which checks the classes
  if (!largest.valid()) return largest;
  return InTopK(ops::Cast(labels, DType::kF32), y_pred, numbers[0]);
}

constexpr double kEpsilon = 1e-7;  // Keras' backend epsilon

// y_true like y_pred, and an error when it cannot be.
Var Aligned(Var y_true, Var y_pred) {
  const Var target = AlignTarget(y_true, y_pred);
  if (!target.valid() || target.shape() == y_pred.shape()) return target;
  return Mismatch(target, y_pred);
}

Var MeanAbsolutePercentageError(Var y_true, Var y_pred, Numbers) {
  const Var t = Aligned(y_true, y_pred);
  if (!t.valid()) return t;
  return 100 * ops::Abs((t - y_pred) / ops::Maximum(ops::Abs(t), kEpsilon));
}

Var MeanSquaredLogarithmicError(Var y_true, Var y_pred, Numbers) {
  const Var t = Aligned(y_true, y_pred);
  if (!t.valid()) return t;
  const auto log = [](Var x) { return ops::Log(ops::Maximum(x, kEpsilon) + 1); };
  return ops::Square(log(y_pred) - log(t));
}

Var CosineSimilarity(Var y_true, Var y_pred, Numbers) {
  const Var t = Aligned(y_true, y_pred);
  if (!t.valid()) return t;
  if (t.shape().rank() == 0) return Mismatch(t, y_pred);
  const auto unit = [](Var x) {
    const Var squares = ops::Sum(ops::Square(x), {-1}, /*keepdims=*/true);
    return x / ops::Sqrt(ops::Maximum(squares, 1e-12));
  };
  return ops::Sum(unit(t) * unit(y_pred), {-1});
}

// A mean over samples, with what numbers it takes, as they are when they are left out.
struct Entry {
  const char* name;
  Var (*function)(Var y_true, Var y_pred, Numbers numbers);
  std::vector<double> numbers = {};
};

const std::vector<Entry>& Metrics() {
  static const auto* const entries = new std::vector<Entry>{
      {"accuracy", Accuracy},
      {"acc", Accuracy},
      {"binary_accuracy", BinaryAccuracy, {0.5}},
      {"categorical_accuracy", CategoricalAccuracy},
      {"sparse_categorical_accuracy", SparseCategoricalAccuracy},
      {"top_k_categorical_accuracy", TopKCategoricalAccuracy, {5}},
      {"sparse_top_k_categorical_accuracy", SparseTopKCategoricalAccuracy, {5}},
      {"mean_absolute_percentage_error", MeanAbsolutePercentageError},
      {"mape", MeanAbsolutePercentageError},
      {"mean_squared_logarithmic_error", MeanSquaredLogarithmicError},
      {"msle", MeanSquaredLogarithmicError},
      {"cosine_similarity", CosineSimilarity},
  };
  return *entries;
}

}  // namespace

Metric::Metric(std::string text) : text_(std::move(text)) {
  auto call = ParseCall(text_);
  if (!call.ok()) {
    status_ = call.status();
    return;
  }
  name_ = call->name;
  for (const Entry& entry : Metrics()) {
    if (name_ != entry.name) continue;
    std::vector<double> numbers = entry.numbers;
    if (call->numbers.size() > numbers.size()) {
      status_ = absl::InvalidArgumentError(absl::StrCat("metric '", name_, "' takes ",
                                                        numbers.size(), " numbers, but was given ",
                                                        call->numbers.size()));
      return;
    }
    std::copy(call->numbers.begin(), call->numbers.end(), numbers.begin());
    function_ = [function = entry.function, numbers](Var y_true, Var y_pred) {
      return function(y_true, y_pred, numbers);
    };
    return;
  }
  auto counting = CountingMetric(name_, call->numbers);
  if (counting.ok()) {
    name_ = counting->name_;
    sums_ = std::move(counting->sums_);
    result_ = std::move(counting->result_);
    return;
  }
  if (!absl::IsNotFound(counting.status())) {
    status_ = counting.status();
    return;
  }
  if (const Loss loss(text_); loss.Check().ok()) {
    name_ = text_;
    function_ = [loss](Var y_true, Var y_pred) { return loss(y_true, y_pred); };
    return;
  }
  status_ = absl::InvalidArgumentError(absl::StrCat(
      "there is no metric '", name_, "'; there are ",
      absl::StrJoin(Metrics(), ", ",
                    [](std::string* out, const Entry& entry) { absl::StrAppend(out, entry.name); }),
      ", ", CountingMetricNames(), ", and the names of losses"));
}

Var Metric::operator()(Var y_true, Var y_pred) const {
  return users_own_ ? Loss(name_, function_)(y_true, y_pred) : function_(y_true, y_pred);
}

}  // namespace adjoint::nn
