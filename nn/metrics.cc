#include "nn/metrics.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/tensor.h"
#include "nn/losses.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/reduce.h"

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

Var BinaryAccuracy(Var y_true, Var y_pred) {
  const Var target = AlignTarget(y_true, y_pred);
  if (!target.valid()) return target;
  if (target.shape() != y_pred.shape()) return Mismatch(target, y_pred);
  const Var decided = ops::Cast(ops::Greater(y_pred, 0.5), y_pred.dtype());
  return ops::Cast(ops::Equal(decided, target), DType::kF32);
}

Var CategoricalAccuracy(Var y_true, Var y_pred) {
  const Var target = AlignTarget(y_true, y_pred);
  if (!target.valid()) return target;
  if (target.shape() != y_pred.shape() || target.shape().rank() == 0) {
    return Mismatch(target, y_pred);
  }
  return ops::Cast(ops::Equal(ArgMax(target), ArgMax(y_pred)), DType::kF32);
}

Var SparseCategoricalAccuracy(Var y_true, Var y_pred) {
  const Var labels = AlignLabels(y_true, y_pred);
  if (!labels.valid()) return labels;
  return ops::Cast(ops::Equal(ops::Cast(labels, DType::kF32), ArgMax(y_pred)), DType::kF32);
}

Var Accuracy(Var y_true, Var y_pred) {
  const Shape& truth = y_true.shape();
  const Shape& prediction = y_pred.shape();
  const auto last = [](const Shape& s) { return s.rank() == 0 ? Dim(1) : s.dim(s.rank() - 1); };
  if (prediction.rank() < 2 || last(prediction) == Dim(1)) return BinaryAccuracy(y_true, y_pred);
  if (truth.rank() < prediction.rank() || last(truth) == Dim(1)) {
    return SparseCategoricalAccuracy(y_true, y_pred);
  }
  return CategoricalAccuracy(y_true, y_pred);
}

struct Entry {
  const char* name;
  Var (*function)(Var y_true, Var y_pred);
};

constexpr Entry kMetrics[] = {
    {"accuracy", Accuracy},
    {"acc", Accuracy},
    {"binary_accuracy", BinaryAccuracy},
    {"categorical_accuracy", CategoricalAccuracy},
    {"sparse_categorical_accuracy", SparseCategoricalAccuracy},
};

const Entry* Find(const std::string& name) {
  for (const Entry& entry : kMetrics) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace

absl::Status Metric::Check() const {
  if (function_ != nullptr || Find(name_) != nullptr || Loss(name_).Check().ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no metric '", name_, "'; there are ",
      absl::StrJoin(kMetrics, ", ",
                    [](std::string* out, const Entry& entry) { absl::StrAppend(out, entry.name); }),
      ", and the names of losses"));
}

Var Metric::operator()(Var y_true, Var y_pred) const {
  if (function_ != nullptr) return Loss(name_, function_)(y_true, y_pred);
  const Entry* const entry = Find(name_);
  return entry != nullptr ? entry->function(y_true, y_pred) : Loss(name_)(y_true, y_pred);
}

}  // namespace adjoint::nn
