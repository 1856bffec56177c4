#ifndef ADJOINT_NN_METRICS_H_
#define ADJOINT_NN_METRICS_H_

#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "nn/weighting.h"
#include "ops/var.h"

namespace adjoint::nn {

// A number to watch, by name, as an object (nn/counting_metrics.h), or the user's own. Means over
// all samples of a function of (y_true, y_pred), in Keras' names; those of the losses
// (nn/losses.h), and
//
//   binary_accuracy(threshold = 0.5)  whether y_true equals y_pred > threshold
//   categorical_accuracy              whether the largest of y_true and of y_pred stand at one
//   place sparse_categorical_accuracy       whether the largest of y_pred stands at place y_true
//   accuracy (acc)                    one of these, as Keras decides: the first where y_pred has
//   one
//                                     column, the third where y_true is one number a sample, else
//                                     the second
//   top_k_categorical_accuracy(k = 5), sparse_top_k_categorical_accuracy(k = 5)
//                                     whether fewer than k classes have a larger prediction than
//                                     the true one; false where a prediction is not finite
//   mean_absolute_percentage_error (mape)     100 |y_true - y_pred| / max(|y_true|, 1e-7)
//   mean_squared_logarithmic_error (msle)     (log(1 + y_true) - log(1 + y_pred))^2, both at least
//                                             1e-7
//   cosine_similarity                 of the last axis, from -1 to 1: not negated, as the loss is
//
// Among equal predictions the first counts as the largest. Numbers in parentheses may be left out:
// "top_k_categorical_accuracy(3)". Not means, but made of sums over all batches, with Keras' names
// for classes in either spelling, "AUC" or "auc":
//
//   AUC(num_thresholds = 200), auc_pr(num_thresholds = 200), Precision(threshold = 0.5),
//   Recall(threshold = 0.5), F1Score, TruePositives, FalsePositives, TrueNegatives,
//   FalseNegatives (each with threshold = 0.5), RootMeanSquaredError (rmse), R2Score
class Metric {
 public:
  using Function = std::function<ops::Var(ops::Var y_true, ops::Var y_pred)>;
  // Sums over a batch: one or several vars of any shapes without symbols. Elements count by
  // WeightsFor(weighting, their shape) where it is not empty.
  using Sums = std::function<std::vector<ops::Var>(ops::Var y_true, ops::Var y_pred,
                                                   const Weighting& weighting)>;
  // The number that those sums, added up over all batches, make.
  using Result = std::function<double(absl::Span<const std::vector<double>> sums)>;

  Metric(const char* text) : Metric(std::string(text)) {}  // NOLINT: implicit
  Metric(std::string text);                                // NOLINT: implicit
  Metric(std::string name, Function function)
      : name_(std::move(name)), text_(name_), function_(std::move(function)), users_own_(true) {}
  template <typename F,
            typename = std::enable_if_t<std::is_invocable_r_v<ops::Var, F, ops::Var, ops::Var>>>
  Metric(F function) : Metric("metric", Function(std::move(function))) {}  // NOLINT: implicit
  Metric(std::string name, Sums sums, Result result)
      : name_(std::move(name)),
        text_(name_),
        sums_(std::move(sums)),
        result_(std::move(result)),
        users_own_(true) {}

  // Its key in logs and histories: "precision" for "Precision(0.7)".
  const std::string& name() const { return name_; }
  void SetName(std::string name) { name_ = std::move(name); }
  // What a file holds of it: the text it was made of.
  const std::string& text() const { return text_; }
  bool is_users_own() const { return users_own_; }

  // An error that lists the names when there is none such, or that of its numbers.
  absl::Status Check() const { return status_; }
  // Whether it is made of sums rather than a mean. Requires Check().ok().
  bool is_counted() const { return sums_ != nullptr; }

  // Of a mean: as for Loss. Mistakes go to the builder.
  ops::Var operator()(ops::Var y_true, ops::Var y_pred) const;
  // Of a metric that is_counted(): targets as fed.
  std::vector<ops::Var> SumsOf(ops::Var y_true, ops::Var y_pred, const Weighting& weighting) const {
    return sums_(y_true, y_pred, weighting);
  }
  const Result& result() const { return result_; }

 private:
  std::string name_;
  std::string text_;
  Function function_;
  Sums sums_;
  Result result_;
  bool users_own_ = false;
  absl::Status status_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_METRICS_H_
