#include "nn/counting_metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nn/call_text.h"
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
using Rows = absl::Span<const std::vector<double>>;

double Ratio(double a, double b) { return b == 0 ? 0 : a / b; }

std::vector<Var> Refuse(Var y_pred, absl::string_view what) {
  y_pred.builder->Fail(
      absl::InvalidArgumentError(absl::StrCat(y_pred.builder->ScopePath(), ": ", what)));
  return {};
}

// y_true like y_pred; an invalid var after an error.
Var Aligned(Var y_true, Var y_pred) {
  const Var target = AlignTarget(y_true, y_pred);
  if (target.valid() && target.shape() != y_pred.shape()) {
    Refuse(y_pred, absl::StrCat("targets are ", target.spec().ToString(), " and predictions are ",
                                y_pred.spec().ToString(), "; their shapes must be equal"));
    return Var{y_pred.builder, -1, 0};
  }
  return target;
}

// x with each element as often as it counts.
Var Weigh(Var x, const Weighting& weighting) {
  if (weighting.empty()) return x;
  const Var weights = WeightsFor(weighting, x.shape());
  if (!weights.valid()) return weights;
  // What does not count may be a NaN.
  return ops::Where(ops::Equal(weights, 0.0), ops::ScalarLike(x, 0),
                    x * ops::Cast(weights, x.dtype()));
}

// How many elements along `axes` count, f64.
Var CountOf(Var x, const std::vector<int64_t>& axes, const Weighting& weighting) {
  if (weighting.empty()) return ops::SizeOf(x, axes, DType::kF64);
  return ops::Sum(ops::Cast(WeightsFor(weighting, x.shape()), DType::kF64), axes);
}

// 1 where x is not 0 (or true), else 0.
Var OneWhere(Var x) { return ops::Cast(ops::Cast(x, DType::kBool), DType::kF32); }

Metric Wrong(std::string name, std::string what) {
  return Metric(absl::StrCat(name, "(", what, ")"));
}

// Counts of one threshold: sums[0] = {tp}, {fp}, {tn}, {fn}.
Metric::Sums Counts(double threshold, int64_t class_id) {
  return [=](Var y_true, Var y_pred, const Weighting& weighting) -> std::vector<Var> {
    Var target = Aligned(y_true, y_pred);
    if (!target.valid()) return {};
    if (class_id >= 0) {
      const int rank = y_pred.shape().rank();
      const Dim classes = rank == 0 ? Dim(0) : y_pred.shape().dim(rank - 1);
      if (!classes.is_known() || classes.value() <= class_id) {
        return Refuse(y_pred,
                      absl::StrCat("class_id ", class_id, " is not below the ", classes.ToString(),
                                   " classes of ", y_pred.spec().ToString()));
      }
      target = ops::SliceAxis(target, -1, class_id, class_id + 1);
      y_pred = ops::SliceAxis(y_pred, -1, class_id, class_id + 1);
    }
    const Var t = OneWhere(target), p = OneWhere(ops::Greater(y_pred, threshold));
    const auto count = [&](Var x) { return ops::Sum(Weigh(x, weighting)); };
    return {count(t * p), count((1 - t) * p), count((1 - t) * (1 - p)), count(t * (1 - p))};
  };
}

enum { kTp, kFp, kTn, kFn };

struct ThresholdMetric {
  const char* class_name;
  const char* name;
  double (*result)(Rows sums);
};

constexpr ThresholdMetric kThresholdMetrics[] = {
    {"Precision", "precision", [](Rows s) { return Ratio(s[kTp][0], s[kTp][0] + s[kFp][0]); }},
    {"Recall", "recall", [](Rows s) { return Ratio(s[kTp][0], s[kTp][0] + s[kFn][0]); }},
    {"TruePositives", "true_positives", [](Rows s) { return s[kTp][0]; }},
    {"FalsePositives", "false_positives", [](Rows s) { return s[kFp][0]; }},
    {"TrueNegatives", "true_negatives", [](Rows s) { return s[kTn][0]; }},
    {"FalseNegatives", "false_negatives", [](Rows s) { return s[kFn][0]; }},
};

// sums: tp and fp by threshold, ascending thresholds; then the positives and the negatives.
double AreaUnderRoc(Rows sums) {
  const std::vector<double>&tp = sums[0], &fp = sums[1];
  const double positives = sums[2][0], negatives = sums[3][0];
  double area = 0;
  for (size_t i = 0; i + 1 < tp.size(); ++i) {
    const double width = Ratio(fp[i], negatives) - Ratio(fp[i + 1], negatives);
    area += width * (Ratio(tp[i], positives) + Ratio(tp[i + 1], positives)) / 2;
  }
  return area;
}

double AreaUnderPrecisionRecall(Rows sums) {
  const std::vector<double>&tp = sums[0], &fp = sums[1];
  const double positives = sums[2][0];
  double area = 0;
  for (size_t i = 0; i + 1 < tp.size(); ++i) {
    const double dtp = tp[i] - tp[i + 1];
    const double p = tp[i] + fp[i], next = tp[i + 1] + fp[i + 1];
    const double slope = Ratio(dtp, std::max(p - next, 0.0));
    const double intercept = tp[i + 1] - slope * next;
    const double ratio = p > 0 && next > 0 ? p / next : 1;
    area += Ratio(slope * (dtp + intercept * std::log(ratio)), positives);
  }
  return area;
}

Metric::Sums CurveCounts(int num_thresholds) {
  return [=](Var y_true, Var y_pred, const Weighting& weighting) -> std::vector<Var> {
    const Var target = Aligned(y_true, y_pred);
    if (!target.valid()) return {};
    std::vector<float> thresholds = {-1e-7f};
    for (int i = 1; i + 1 < num_thresholds; ++i) {
      thresholds.push_back(static_cast<float>(static_cast<double>(i) / (num_thresholds - 1)));
    }
    thresholds.push_back(static_cast<float>(1 + 1e-7));
    const Var at = ops::Cast(ops::Constant(*y_pred.builder, Tensor::Vector<float>(thresholds)),
                             y_pred.dtype());
    const auto column = [](Var x) { return ops::Reshape(x, Shape{Dim(-1), 1}); };
    const Var p = OneWhere(ops::Greater(column(y_pred), at));
    const Var one = OneWhere(target);
    const Var t = column(Weigh(one, weighting)), f = column(Weigh(1 - one, weighting));
    return {ops::Sum(t * p, {0}), ops::Sum(f * p, {0}), ops::Sum(t), ops::Sum(f)};
  };
}

}  // namespace

Metric AUC(const AUCOptions& o) {
  const bool pr = o.curve == "PR";
  if (o.num_thresholds < 2 || o.num_thresholds > 100000 || (!pr && o.curve != "ROC")) {
    return Wrong("AUC", absl::StrCat("num_thresholds ", o.num_thresholds, " of curve ", o.curve));
  }
  Metric metric(FormatCall(pr ? "auc_pr" : "auc", {static_cast<double>(o.num_thresholds)}));
  metric.SetName(o.name);
  return metric;
}

namespace {

Metric OfThreshold(const char* name, const ThresholdOptions& o) {
  std::vector<double> numbers = {o.threshold};
  if (o.class_id >= 0) numbers.push_back(static_cast<double>(o.class_id));
  Metric metric(FormatCall(name, numbers));
  if (!o.name.empty()) metric.SetName(o.name);
  return metric;
}

constexpr const char* kAverages[] = {"macro", "micro", "weighted"};

}  // namespace

Metric Precision(const ThresholdOptions& o) { return OfThreshold("precision", o); }
Metric Recall(const ThresholdOptions& o) { return OfThreshold("recall", o); }
Metric TruePositives(const ThresholdOptions& o) { return OfThreshold("true_positives", o); }
Metric FalsePositives(const ThresholdOptions& o) { return OfThreshold("false_positives", o); }
Metric TrueNegatives(const ThresholdOptions& o) { return OfThreshold("true_negatives", o); }
Metric FalseNegatives(const ThresholdOptions& o) { return OfThreshold("false_negatives", o); }

Metric F1Score(const F1ScoreOptions& o) {
  for (int average = 0; average < 3; ++average) {
    if (o.average != kAverages[average]) continue;
    Metric metric(FormatCall("f1_score", {static_cast<double>(average), o.threshold}));
    metric.SetName(o.name);
    return metric;
  }
  return Wrong("f1_score", absl::StrCat("average ", o.average));
}

Metric RootMeanSquaredError(std::string name) {
  Metric metric("root_mean_squared_error");
  metric.SetName(std::move(name));
  return metric;
}

Metric R2Score(std::string name) {
  Metric metric("r2_score");
  metric.SetName(std::move(name));
  return metric;
}

namespace {

// tp, fp and fn by class.
Metric::Sums ClassCounts(double threshold) {
  return [=](Var y_true, Var y_pred, const Weighting& weighting) -> std::vector<Var> {
    const Var target = Aligned(y_true, y_pred);
    if (!target.valid()) return {};
    const int rank = y_pred.shape().rank();
    const Dim classes = rank == 0 ? Dim(1) : y_pred.shape().dim(rank - 1);
    if (rank == 0 || !classes.is_known()) {
      return Refuse(y_pred, absl::StrCat("the classes, the last axis of ", y_pred.spec().ToString(),
                                         ", must be a number"));
    }
    Var p;
    if (threshold >= 0 || classes == Dim(1)) {
      p = OneWhere(ops::Greater(y_pred, threshold >= 0 ? threshold : 0.5));
    } else {
      // As Keras: a row whose largest stands at several places is positive at each of them.
      p = OneWhere(ops::Equal(y_pred, ops::ReduceMax(y_pred, {-1}, /*keepdims=*/true)));
    }
    const Var t = OneWhere(target);
    std::vector<int64_t> axes;
    for (int64_t axis = 0; axis + 1 < rank; ++axis) axes.push_back(axis);
    const auto count = [&](Var x) { return ops::Sum(Weigh(x, weighting), axes); };
    return {count(t * p), count((1 - t) * p), count(t * (1 - p))};
  };
}

Metric::Result F1Result(int average) {
  return [=](Rows sums) {
    const auto f1 = [](double tp, double fp, double fn) {
      const double precision = Ratio(tp, tp + fp), recall = Ratio(tp, tp + fn);
      return Ratio(2 * precision * recall, precision + recall);
    };
    const std::vector<double>&tp = sums[0], &fp = sums[1], &fn = sums[2];
    double all_tp = 0, all_fp = 0, all_fn = 0, sum = 0, weighted = 0;
    for (size_t c = 0; c < tp.size(); ++c) {
      const double of_class = f1(tp[c], fp[c], fn[c]);
      sum += of_class;
      weighted += of_class * (tp[c] + fn[c]);
      all_tp += tp[c];
      all_fp += fp[c];
      all_fn += fn[c];
    }
    if (average == 1) return f1(all_tp, all_fp, all_fn);
    if (average == 2) return Ratio(weighted, all_tp + all_fn);
    return Ratio(sum, static_cast<double>(tp.size()));
  };
}

std::vector<Var> SquaredErrors(Var y_true, Var y_pred, const Weighting& weighting) {
  const Var target = Aligned(y_true, y_pred);
  if (!target.valid()) return {};
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis < y_pred.shape().rank(); ++axis) axes.push_back(axis);
  return {ops::Sum(Weigh(ops::Square(ops::Cast(y_pred - target, DType::kF64)), weighting)),
          CountOf(y_pred, axes, weighting)};
}

// Of each column: sum of squared errors, of y_true, of its squares, and the number of rows.
std::vector<Var> Variances(Var y_true, Var y_pred, const Weighting& weighting) {
  const Var aligned = Aligned(y_true, y_pred);
  if (!aligned.valid()) return {};
  const int rank = y_pred.shape().rank();
  if (rank == 0) return Refuse(y_pred, "predictions are a scalar");
  const Var t = ops::Cast(aligned, DType::kF64), p = ops::Cast(y_pred, DType::kF64);
  std::vector<int64_t> axes;
  for (int64_t axis = 0; axis + (rank > 1 ? 1 : 0) < rank; ++axis) axes.push_back(axis);
  const auto sum = [&](Var x) { return ops::Sum(Weigh(x, weighting), axes); };
  return {sum(ops::Square(t - p)), sum(t), sum(ops::Square(t)), CountOf(y_pred, axes, weighting)};
}

double R2Result(Rows sums) {
  const double n = sums[3][0];
  double total = 0;
  for (size_t c = 0; c < sums[0].size(); ++c) {
    const double variance = sums[2][c] - sums[1][c] * Ratio(sums[1][c], n);
    total += variance > 0 ? 1 - sums[0][c] / variance : 0;
  }
  return Ratio(total, static_cast<double>(sums[0].size()));
}

absl::Status Numbers(const std::string& name, absl::Span<const double> numbers, size_t most) {
  if (numbers.size() <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("metric '", name, "' takes ", most, " numbers, but was given ", numbers.size()));
}

bool IsWhole(double x, double low, double high) {
  return x >= low && x <= high && x == std::floor(x);
}

}  // namespace

absl::StatusOr<Metric> CountingMetric(const std::string& name, absl::Span<const double> numbers) {
  const auto is = [&](const char* a, const char* b, const char* c = "") {
    return name == a || name == b || (*c != 0 && name == c);
  };
  const auto out_of_range = [&](absl::string_view what, double value, absl::string_view wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat("metric '", name, "': ", what, " is ", value, "; it must be ", wanted));
  };
  if (is("auc", "AUC") || name == "auc_pr") {
    if (absl::Status s = Numbers(name, numbers, 1); !s.ok()) return s;
    const double thresholds = numbers.empty() ? 200 : numbers[0];
    if (!IsWhole(thresholds, 2, 100000)) {
      return out_of_range("num_thresholds", thresholds, "a whole number from 2 to 100000");
    }
    const bool pr = name == "auc_pr";
    return Metric(pr ? "auc_pr" : "auc", CurveCounts(static_cast<int>(thresholds)),
                  pr ? AreaUnderPrecisionRecall : AreaUnderRoc);
  }
  for (const ThresholdMetric& metric : kThresholdMetrics) {
    if (!is(metric.class_name, metric.name)) continue;
    if (absl::Status s = Numbers(name, numbers, 2); !s.ok()) return s;
    const double threshold = numbers.empty() ? 0.5 : numbers[0];
    const double class_id = numbers.size() < 2 ? -1 : numbers[1];
    if (!(threshold >= 0 && threshold <= 1)) {
      return out_of_range("threshold", threshold, "at least 0 and at most 1");
    }
    if (!IsWhole(class_id, -1, 1e9)) {
      return out_of_range("class_id", class_id, "the number of a class");
    }
    return Metric(metric.name, Counts(threshold, static_cast<int64_t>(class_id)), metric.result);
  }
  if (is("f1_score", "F1Score")) {
    if (absl::Status s = Numbers(name, numbers, 2); !s.ok()) return s;
    const double average = numbers.empty() ? 0 : numbers[0];
    const double threshold = numbers.size() < 2 ? -1 : numbers[1];
    if (!IsWhole(average, 0, 2)) {
      return out_of_range("average", average, "0 (macro), 1 (micro) or 2 (weighted)");
    }
    if (threshold != -1 && !(threshold >= 0 && threshold <= 1)) {
      return out_of_range("threshold", threshold, "at least 0 and at most 1, or -1");
    }
    return Metric("f1_score", ClassCounts(threshold), F1Result(static_cast<int>(average)));
  }
  if (is("root_mean_squared_error", "RootMeanSquaredError", "rmse")) {
    if (absl::Status s = Numbers(name, numbers, 0); !s.ok()) return s;
    return Metric(name == "rmse" ? "rmse" : "root_mean_squared_error", SquaredErrors,
                  [](Rows sums) { return std::sqrt(Ratio(sums[0][0], sums[1][0])); });
  }
  if (is("r2_score", "R2Score")) {
    if (absl::Status s = Numbers(name, numbers, 0); !s.ok()) return s;
    return Metric("r2_score", Variances, R2Result);
  }
  return absl::NotFoundError(absl::StrCat("no counting metric '", name, "'"));
}

std::string CountingMetricNames() {
  std::string names = "auc, auc_pr, ";
  for (const ThresholdMetric& metric : kThresholdMetrics)
    absl::StrAppend(&names, metric.name, ", ");
  return names + "f1_score, root_mean_squared_error, rmse, r2_score";
}

absl::StatusOr<Tensor> ConfusionMatrix(const Tensor& labels, const Tensor& predictions,
                                       int64_t num_classes) {
  const auto wrong = [](auto&&... text) {
    return absl::InvalidArgumentError(absl::StrCat("ConfusionMatrix: ", text...));
  };
  if (labels.shape() != predictions.shape()) {
    return wrong("labels are ", labels.spec().ToString(), " and predictions are ",
                 predictions.spec().ToString(), "; their shapes must be equal");
  }
  int64_t greatest = -1;
  for (const Tensor* tensor : {&labels, &predictions}) {
    if (IsFloating(tensor->dtype()) || tensor->dtype() == DType::kBool) {
      return wrong("class numbers are ", tensor->spec().ToString(), "; they must be integers");
    }
    for (int64_t i = 0; i < tensor->size(); ++i) {
      const double x = tensor->ValueAt(i);
      if (x < 0 || (num_classes > 0 && x >= static_cast<double>(num_classes)) || x >= 1e6) {
        return wrong(tensor == &labels ? "label " : "prediction ", i, " is ", x,
                     "; class numbers are at least 0 and below ",
                     num_classes > 0 ? num_classes : 1000000);
      }
      greatest = std::max(greatest, static_cast<int64_t>(x));
    }
  }
  if (num_classes < 0) return wrong("num_classes is ", num_classes);
  const int64_t n = num_classes > 0 ? num_classes : greatest + 1;
  auto matrix = Tensor::AllocateZeros({DType::kI64, Shape{n, n}});
  if (!matrix.ok()) return matrix.status();
  const absl::Span<int64_t> counts = matrix->mutable_data<int64_t>();
  for (int64_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<int64_t>(labels.ValueAt(i));
    const auto column = static_cast<int64_t>(predictions.ValueAt(i));
    ++counts[static_cast<size_t>(row * n + column)];
  }
  return matrix;
}

}  // namespace adjoint::nn
