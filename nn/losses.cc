#include "nn/losses.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/losses.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace adjoint::nn {
namespace {

using ops::Var;

constexpr double kEpsilon = 1e-7;  // Keras' backend epsilon

Var Clip(Var p) { return ops::Minimum(ops::Maximum(p, kEpsilon), 1 - kEpsilon); }

// Tells the builder that targets do not fit predictions.
Var Mismatch(Var y_true, Var y_pred, absl::string_view rule) {
  y_pred.builder->Fail(absl::InvalidArgumentError(
      absl::StrCat(y_pred.builder->ScopePath(), ": targets are ", y_true.spec().ToString(),
                   " and predictions are ", y_pred.spec().ToString(), "; ", rule)));
  return Var{y_pred.builder, -1, 0};
}

// What y_pred was made of when `op` made it over the last axis; an invalid var otherwise.
Var InputOf(Var y_pred, const ops::OpDef& op) {
  const ops::Builder::Origin origin = y_pred.builder->OriginOf(y_pred);
  if (origin.op != &op) return Var{};
  const int64_t axis = origin.attrs->GetOr<int64_t>("axis", -1);
  if (axis != -1 && axis != y_pred.shape().rank() - 1) return Var{};
  return origin.inputs[0];
}

// Applies an elementwise loss after checking that the shapes are equal.
template <typename F>
Var Elementwise(Var y_true, Var y_pred, F function) {
  y_true = AlignTarget(y_true, y_pred);
  if (!y_true.valid()) return y_true;
  if (y_true.shape() != y_pred.shape()) {
    return Mismatch(y_true, y_pred, "their shapes must be equal");
  }
  return function(y_true, y_pred);
}

Var BinaryCrossentropy(Var y_true, Var y_pred) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) {
    const Var logits = InputOf(p, ops::SigmoidOp());
    return logits.valid() ? ops::BinaryCrossEntropyFromLogits(logits, t)
                          : ops::BinaryCrossEntropy(p, t);
  });
}

Var MeanSquaredError(Var y_true, Var y_pred) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) { return ops::SquaredError(p, t); });
}

Var MeanAbsoluteError(Var y_true, Var y_pred) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) { return ops::AbsoluteError(p, t); });
}

Var CategoricalCrossentropy(Var y_true, Var y_pred) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) {
    const Var logits = InputOf(p, ops::SoftmaxOp());
    if (logits.valid()) return ops::SoftmaxCrossEntropyFromLogits(logits, t);
    const Var scaled = p / ops::Sum(p, {-1}, /*keepdims=*/true);
    return -ops::Sum(t * ops::Log(Clip(scaled)), {-1});
  });
}

Var SparseCategoricalCrossentropy(Var y_true, Var y_pred) {
  const Var labels = AlignLabels(y_true, y_pred);
  if (!labels.valid()) return labels;
  const Var logits = InputOf(y_pred, ops::SoftmaxOp());
  return ops::SparseSoftmaxCrossEntropy(logits.valid() ? logits : ops::Log(Clip(y_pred)), labels);
}

struct Entry {
  const char* name;
  Var (*function)(Var y_true, Var y_pred);
};

constexpr Entry kLosses[] = {
    {"binary_crossentropy", BinaryCrossentropy},
    {"mean_squared_error", MeanSquaredError},
    {"mse", MeanSquaredError},
    {"mean_absolute_error", MeanAbsoluteError},
    {"mae", MeanAbsoluteError},
    {"categorical_crossentropy", CategoricalCrossentropy},
    {"sparse_categorical_crossentropy", SparseCategoricalCrossentropy},
};

const Entry* Find(const std::string& name) {
  for (const Entry& entry : kLosses) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace

Var AlignTarget(Var y_true, Var y_pred) {
  if (!y_true.valid() || !y_pred.valid()) return Var{y_pred.builder, -1, 0};
  y_true = ops::Cast(y_true, y_pred.dtype());
  const Shape& want = y_pred.shape();
  if (want.rank() == y_true.shape().rank() + 1 && want.dim(want.rank() - 1) == Dim(1)) {
    y_true = ops::ExpandDims(y_true, -1);
  }
  return y_true;
}

Var AlignLabels(Var y_true, Var y_pred) {
  if (!y_true.valid() || !y_pred.valid()) return Var{y_pred.builder, -1, 0};
  const Shape& shape = y_true.shape();
  if (shape.rank() == y_pred.shape().rank() && shape.rank() > 0 &&
      shape.dim(shape.rank() - 1) == Dim(1)) {
    y_true = ops::Squeeze(y_true, {-1});
  }
  const Shape& classes = y_pred.shape();
  if (classes.rank() == 0 ||
      Shape(classes.dims().subspan(0, classes.rank() - 1)) != y_true.shape()) {
    return Mismatch(y_true, y_pred,
                    "targets must have the predictions' shape without the last axis, which is that "
                    "of the classes");
  }
  return ops::Cast(y_true, DType::kI64);
}

absl::Status Loss::Check() const {
  if (function_ != nullptr || Find(name_) != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("there is no loss '", name_, "'; there are ",
                   absl::StrJoin(kLosses, ", ", [](std::string* out, const Entry& entry) {
                     absl::StrAppend(out, entry.name);
                   })));
}

Var Loss::operator()(Var y_true, Var y_pred) const {
  if (function_ == nullptr) return Find(name_)->function(y_true, y_pred);
  const Var target = AlignTarget(y_true, y_pred);
  return target.valid() ? function_(target, y_pred) : target;
}

}  // namespace adjoint::nn
