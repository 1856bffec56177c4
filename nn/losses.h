#ifndef ADJOINT_NN_LOSSES_H_
#define ADJOINT_NN_LOSSES_H_

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "ops/var.h"

namespace adjoint::nn {

// How wrong a prediction is: a function from (y_true, y_pred) to a var whose mean over all elements
// is to be made small. By name, or the user's own:
//
//   model.Compile("adam", "binary_crossentropy")
//   model.Compile("adam", nn::Loss("huber", [](ops::Var y_true, ops::Var y_pred) { ... }))
//
// The names are Keras', as are the values:
//   binary_crossentropy              of probabilities; y_true of the shape of y_pred
//   mean_squared_error (mse), mean_absolute_error (mae)
//   categorical_crossentropy         y_true a distribution over the last axis
//   sparse_categorical_crossentropy  y_true a class number: the shape of y_pred without its last
//                                    axis, or with 1 there
//
// Where y_pred comes out of a sigmoid or a softmax, crossentropies are computed from what went in,
// which is exact where probabilities have run into 0 or 1. A function of the user's gets y_true
// with the element type of y_pred, and [batch,1] for targets of [batch]; what it returns begins
// with the batch's axis, or is a scalar that stands for the whole batch.
class Loss {
 public:
  using Function = std::function<ops::Var(ops::Var y_true, ops::Var y_pred)>;

  Loss() = default;
  Loss(const char* name) : name_(name) {}             // NOLINT: implicit
  Loss(std::string name) : name_(std::move(name)) {}  // NOLINT: implicit
  Loss(std::string name, Function function)
      : name_(std::move(name)), function_(std::move(function)) {}
  template <typename F,
            typename = std::enable_if_t<std::is_invocable_r_v<ops::Var, F, ops::Var, ops::Var>>>
  Loss(F function) : name_("loss"), function_(std::move(function)) {}  // NOLINT: implicit

  const std::string& name() const { return name_; }
  // Such a function has no name that a file could hold.
  bool is_users_own() const { return function_ != nullptr; }

  // An error that lists the names when there is none such.
  absl::Status Check() const;
  // Requires Check().ok(). Targets as fed. Mistakes go to the builder.
  ops::Var operator()(ops::Var y_true, ops::Var y_pred) const;

 private:
  std::string name_;
  Function function_;
};

// y_true for elementwise use with y_pred: of its element type, and of its shape where they differ
// by a last axis of 1 only. Other differences stay.
ops::Var AlignTarget(ops::Var y_true, ops::Var y_pred);

// Class numbers as i64 in the shape of y_pred without its last axis.
ops::Var AlignLabels(ops::Var y_true, ops::Var y_pred);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_LOSSES_H_
