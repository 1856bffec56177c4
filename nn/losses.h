#ifndef ADJOINT_NN_LOSSES_H_
#define ADJOINT_NN_LOSSES_H_

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ops/var.h"

namespace adjoint::nn {

// How wrong a prediction is: a function from (y_true, y_pred) to a var whose mean over all elements
// is to be made small. By name, or the user's own:
//
//   model.Compile("adam", "binary_crossentropy")
//   model.Compile("adam", nn::Loss("huber", [](ops::Var y_true, ops::Var y_pred) { ... }))
//
// The names are Keras', as are the values; numbers in parentheses are options, which may be left
// out from the last on:
//   mean_squared_error (mse), mean_absolute_error (mae),
//   mean_absolute_percentage_error (mape), mean_squared_logarithmic_error (msle)
//   huber(delta = 1), log_cosh (logcosh)
//   binary_crossentropy(from_logits = 0, label_smoothing = 0)
//                                    of probabilities, or logits; y_true of the shape of y_pred
//   categorical_crossentropy(from_logits = 0, label_smoothing = 0)
//                                    y_true a distribution over the last axis
//   sparse_categorical_crossentropy(from_logits = 0)
//                                    y_true a class number: the shape of y_pred without its last
//                                    axis, or with 1 there
//   binary_focal_crossentropy(gamma = 2, alpha)        of probabilities; alpha balances the classes
//   categorical_focal_crossentropy(alpha = 0.25, gamma = 2)
//   kl_divergence (kld, kullback_leibler_divergence)   of distributions over the last axis
//   poisson                          y_true counts, y_pred their means
//   hinge, squared_hinge             y_true -1 or 1; a batch of zeros and ones alone counts as such
//   categorical_hinge                y_true one-hot over the last axis
//   cosine_similarity                of the last axes, negated: -1 for vectors of one direction
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
  // What a file holds of it.
  const std::string& text() const { return name_; }
  // Such a function has no name that a file could hold.
  bool is_users_own() const { return function_ != nullptr; }

  // All names above.
  static std::vector<std::string> Names();

  // An error that lists the names when there is none such, or says what is wrong with the numbers.
  absl::Status Check() const;
  // Requires Check().ok(). Targets as fed. Mistakes go to the builder.
  ops::Var operator()(ops::Var y_true, ops::Var y_pred) const;

 private:
  std::string name_;
  Function function_;
};

// Losses with options, as Keras' classes of these names have them. Each is its name with numbers,
// so that it is saved with its model.
struct CrossentropyOptions {
  bool from_logits = false;
  double label_smoothing = 0;
};
Loss BinaryCrossentropy(CrossentropyOptions options = {});
Loss CategoricalCrossentropy(CrossentropyOptions options = {});
Loss SparseCategoricalCrossentropy(bool from_logits = false);
Loss Huber(double delta = 1);
Loss BinaryFocalCrossentropy(double gamma = 2, std::optional<double> alpha = {});
Loss CategoricalFocalCrossentropy(double alpha = 0.25, double gamma = 2);

// y_true for elementwise use with y_pred: of its element type, and of its shape where they differ
// by a last axis of 1 only. Other differences stay.
ops::Var AlignTarget(ops::Var y_true, ops::Var y_pred);

// Class numbers as i64 in the shape of y_pred without its last axis.
ops::Var AlignLabels(ops::Var y_true, ops::Var y_pred);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_LOSSES_H_
