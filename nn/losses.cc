#include "nn/losses.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "nn/call_text.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/cast.h"
#include "ops/comparison.h"
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

// The numbers of a loss, as far as they were given.
using Numbers = absl::Span<const double>;

double NumberOr(Numbers numbers, size_t i, double fallback) {
  return i < numbers.size() ? numbers[i] : fallback;
}

Var BinaryCrossentropyOf(Var y_true, Var y_pred, Numbers numbers) {
  const bool from_logits = NumberOr(numbers, 0, 0) != 0;
  const double smoothing = NumberOr(numbers, 1, 0);
  return Elementwise(y_true, y_pred, [&](Var t, Var p) {
    if (smoothing != 0) t = t * (1 - smoothing) + 0.5 * smoothing;
    const Var logits = from_logits ? p : InputOf(p, ops::SigmoidOp());
    return logits.valid() ? ops::BinaryCrossEntropyFromLogits(logits, t)
                          : ops::BinaryCrossEntropy(p, t);
  });
}

Var CategoricalCrossentropyOf(Var y_true, Var y_pred, Numbers numbers) {
  const bool from_logits = NumberOr(numbers, 0, 0) != 0;
  return Elementwise(y_true, y_pred, [&](Var t, Var p) {
    t = ops::LabelSmoothing(t, NumberOr(numbers, 1, 0));
    const Var logits = from_logits ? p : InputOf(p, ops::SoftmaxOp());
    if (logits.valid()) return ops::SoftmaxCrossEntropyFromLogits(logits, t);
    const Var scaled = p / ops::Sum(p, {-1}, /*keepdims=*/true);
    return -ops::Sum(t * ops::Log(Clip(scaled)), {-1});
  });
}

Var SparseCategoricalCrossentropyOf(Var y_true, Var y_pred, Numbers numbers) {
  const Var labels = AlignLabels(y_true, y_pred);
  if (!labels.valid()) return labels;
  if (NumberOr(numbers, 0, 0) != 0) return ops::SparseSoftmaxCrossEntropy(y_pred, labels);
  const Var logits = InputOf(y_pred, ops::SoftmaxOp());
  return ops::SparseSoftmaxCrossEntropy(logits.valid() ? logits : ops::Log(Clip(y_pred)), labels);
}

// Elementwise losses without numbers.
template <Var (*kFunction)(ops::Operand prediction, ops::Operand target)>
Var Plain(Var y_true, Var y_pred, Numbers) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) { return kFunction(p, t); });
}

Var HuberOf(Var y_true, Var y_pred, Numbers numbers) {
  return Elementwise(y_true, y_pred,
                     [&](Var t, Var p) { return ops::Huber(p, t, NumberOr(numbers, 0, 1)); });
}

Var KlDivergenceOf(Var y_true, Var y_pred, Numbers) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) {
    const auto clip = [](Var x) { return ops::Minimum(ops::Maximum(x, kEpsilon), 1.0); };
    t = clip(t);
    return ops::Sum(t * ops::Log(t / clip(p)), {-1});
  });
}

Var PoissonOf(Var y_true, Var y_pred, Numbers) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) { return p - t * ops::Log(p + kEpsilon); });
}

// -1 and 1 for a batch of zeros and ones alone.
Var ToSigns(Var t) {
  const Var other = ops::LogicalNot(ops::LogicalOr(ops::Equal(t, 0), ops::Equal(t, 1)));
  const Var none = ops::Equal(ops::Sum(ops::Cast(other, t.dtype())), 0);
  return ops::Where(none, 2 * t - 1, t);
}

Var HingeOf(Var y_true, Var y_pred, Numbers) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) { return ops::Hinge(p, ToSigns(t)); });
}

Var SquaredHingeOf(Var y_true, Var y_pred, Numbers) {
  return Elementwise(y_true, y_pred, [](Var t, Var p) { return ops::SquaredHinge(p, ToSigns(t)); });
}

Var CosineSimilarityOf(Var y_true, Var y_pred, Numbers) {
  return Elementwise(y_true, y_pred,
                     [](Var t, Var p) { return -ops::CosineSimilarity(t, p, -1, 1e-6); });
}

Var BinaryFocalOf(Var y_true, Var y_pred, Numbers numbers) {
  return Elementwise(y_true, y_pred, [&](Var t, Var p) {
    const double gamma = NumberOr(numbers, 0, 2);
    const Var logits = InputOf(p, ops::SigmoidOp());
    if (logits.valid()) return ops::FocalFromLogits(logits, t, gamma, NumberOr(numbers, 1, -1));
    const Var right = t * p + (1 - t) * (1 - p);
    const Var loss = ops::Pow(1 - right, gamma) * ops::BinaryCrossEntropy(p, t);
    if (numbers.size() < 2) return loss;
    return loss * (t * numbers[1] + (1 - t) * (1 - numbers[1]));
  });
}

Var CategoricalFocalOf(Var y_true, Var y_pred, Numbers numbers) {
  return Elementwise(y_true, y_pred, [&](Var t, Var p) {
    const double alpha = NumberOr(numbers, 0, 0.25), gamma = NumberOr(numbers, 1, 2);
    const Var scaled = Clip(p / ops::Sum(p, {-1}, /*keepdims=*/true));
    return -alpha * ops::Sum(ops::Pow(1 - scaled, gamma) * t * ops::Log(scaled), {-1});
  });
}

// What a number of a loss may be.
enum class Kind { kPositive, kFlag, kShare, kAny };

struct Entry {
  const char* name;
  Var (*function)(Var y_true, Var y_pred, Numbers);
  std::vector<Kind> numbers;
};

const std::vector<Entry>& Entries() {
  static const auto* const entries = new std::vector<Entry>{
      {"binary_crossentropy", BinaryCrossentropyOf, {Kind::kFlag, Kind::kShare}},
      {"mean_squared_error", Plain<ops::SquaredError>, {}},
      {"mse", Plain<ops::SquaredError>, {}},
      {"mean_absolute_error", Plain<ops::AbsoluteError>, {}},
      {"mae", Plain<ops::AbsoluteError>, {}},
      {"mean_absolute_percentage_error", Plain<ops::PercentageError>, {}},
      {"mape", Plain<ops::PercentageError>, {}},
      {"mean_squared_logarithmic_error", Plain<ops::SquaredLogarithmicError>, {}},
      {"msle", Plain<ops::SquaredLogarithmicError>, {}},
      {"categorical_crossentropy", CategoricalCrossentropyOf, {Kind::kFlag, Kind::kShare}},
      {"sparse_categorical_crossentropy", SparseCategoricalCrossentropyOf, {Kind::kFlag}},
      {"binary_focal_crossentropy", BinaryFocalOf, {Kind::kAny, Kind::kShare}},
      {"categorical_focal_crossentropy", CategoricalFocalOf, {Kind::kAny, Kind::kAny}},
      {"huber", HuberOf, {Kind::kPositive}},
      {"log_cosh", Plain<ops::LogCosh>, {}},
      {"logcosh", Plain<ops::LogCosh>, {}},
      {"kl_divergence", KlDivergenceOf, {}},
      {"kld", KlDivergenceOf, {}},
      {"kullback_leibler_divergence", KlDivergenceOf, {}},
      {"poisson", PoissonOf, {}},
      {"hinge", HingeOf, {}},
      {"squared_hinge", SquaredHingeOf, {}},
      {"categorical_hinge", Plain<ops::CategoricalHinge>, {}},
      {"cosine_similarity", CosineSimilarityOf, {}},
  };
  return *entries;
}

const Entry* Find(const std::string& name) {
  for (const Entry& entry : Entries()) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

// An error unless the number is of its kind.
absl::Status CheckNumber(const std::string& loss, Kind kind, double number) {
  const char* rule = nullptr;
  if (kind == Kind::kPositive && !(number > 0)) rule = "a number above 0";
  if (kind == Kind::kFlag && number != 0 && number != 1) rule = "from_logits 0 or 1";
  if (kind == Kind::kShare && !(number >= 0 && number <= 1)) rule = "a smoothing of 0 to 1";
  if (rule == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("loss '", loss, "' wants ", rule, ", but was given ", number));
}

// The name with its numbers, those at the end that are defaults left out.
Loss WithNumbers(absl::string_view name, std::vector<double> numbers,
                 const std::vector<double>& defaults) {
  while (!numbers.empty() && numbers.size() <= defaults.size() &&
         numbers.back() == defaults[numbers.size() - 1]) {
    numbers.pop_back();
  }
  return Loss(FormatCall(name, numbers));
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

std::vector<std::string> Loss::Names() {
  std::vector<std::string> names;
  for (const Entry& entry : Entries()) names.push_back(entry.name);
  return names;
}

absl::Status Loss::Check() const {
  if (function_ != nullptr) return absl::OkStatus();
  ADJOINT_ASSIGN_OR_RETURN(const CallText call, ParseCall(name_));
  const Entry* const entry = Find(call.name);
  if (entry == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("there is no loss '", call.name, "'; there are ",
                                                   absl::StrJoin(Names(), ", ")));
  }
  if (call.numbers.size() > entry->numbers.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("loss '", call.name, "' takes up to ", entry->numbers.size(),
                     " numbers, but was given ", call.numbers.size()));
  }
  for (size_t i = 0; i < call.numbers.size(); ++i) {
    ADJOINT_RETURN_IF_ERROR(CheckNumber(call.name, entry->numbers[i], call.numbers[i]));
  }
  return absl::OkStatus();
}

Var Loss::operator()(Var y_true, Var y_pred) const {
  if (function_ == nullptr) {
    const CallText call = *ParseCall(name_);
    return Find(call.name)->function(y_true, y_pred, call.numbers);
  }
  const Var target = AlignTarget(y_true, y_pred);
  return target.valid() ? function_(target, y_pred) : target;
}

Loss BinaryCrossentropy(CrossentropyOptions options) {
  return WithNumbers("binary_crossentropy",
                     {options.from_logits ? 1.0 : 0.0, options.label_smoothing}, {0, 0});
}

Loss CategoricalCrossentropy(CrossentropyOptions options) {
  return WithNumbers("categorical_crossentropy",
                     {options.from_logits ? 1.0 : 0.0, options.label_smoothing}, {0, 0});
}

Loss SparseCategoricalCrossentropy(bool from_logits) {
  return WithNumbers("sparse_categorical_crossentropy", {from_logits ? 1.0 : 0.0}, {0});
}

Loss Huber(double delta) { return WithNumbers("huber", {delta}, {1}); }

Loss BinaryFocalCrossentropy(double gamma, std::optional<double> alpha) {
  std::vector<double> numbers = {gamma};
  if (alpha.has_value()) numbers.push_back(*alpha);
  return WithNumbers("binary_focal_crossentropy", numbers, {2});
}

Loss CategoricalFocalCrossentropy(double alpha, double gamma) {
  return WithNumbers("categorical_focal_crossentropy", {alpha, gamma}, {0.25, 2});
}

}  // namespace adjoint::nn
