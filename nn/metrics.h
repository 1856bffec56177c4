#ifndef ADJOINT_NN_METRICS_H_
#define ADJOINT_NN_METRICS_H_

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "ops/var.h"

namespace adjoint::nn {

// A number to watch: the mean over all samples of a function of (y_true, y_pred). By name, or the
// user's own, as losses. Names: those of the losses (nn/losses.h), and
//
//   binary_accuracy              whether y_true equals y_pred > 0.5
//   categorical_accuracy         whether the largest of y_true and of y_pred stand at one place
//   sparse_categorical_accuracy  whether the largest of y_pred stands at place y_true
//   accuracy (acc)               one of these, as Keras decides: the first where y_pred has one
//                                column, the third where y_true is one number a sample, else the
//                                second
//
// Among equal predictions the first counts as the largest.
class Metric {
 public:
  using Function = std::function<ops::Var(ops::Var y_true, ops::Var y_pred)>;

  Metric(const char* name) : name_(name) {}             // NOLINT: implicit
  Metric(std::string name) : name_(std::move(name)) {}  // NOLINT: implicit
  Metric(std::string name, Function function)
      : name_(std::move(name)), function_(std::move(function)) {}
  template <typename F,
            typename = std::enable_if_t<std::is_invocable_r_v<ops::Var, F, ops::Var, ops::Var>>>
  Metric(F function) : name_("metric"), function_(std::move(function)) {}  // NOLINT: implicit

  // Also its key in logs and histories.
  const std::string& name() const { return name_; }
  bool is_users_own() const { return function_ != nullptr; }

  // An error that lists the names when there is none such.
  absl::Status Check() const;
  // As for Loss.
  ops::Var operator()(ops::Var y_true, ops::Var y_pred) const;

 private:
  std::string name_;
  Function function_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_METRICS_H_
