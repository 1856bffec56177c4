#ifndef ADJOINT_NN_ACTIVATIONS_H_
#define ADJOINT_NN_ACTIVATIONS_H_

#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "ops/var.h"

namespace adjoint::nn {

// A function from tensor to tensor of the same shape, by name or as the user's own:
//
//   .activation = "relu"
//   .activation = [](ops::Var x) { return x * ops::Sigmoid(x); }
//
// Names, those of Keras: linear, relu, sigmoid, tanh, softmax and log_softmax (over the last axis),
// elu, selu, gelu, gelu_tanh (its approximation), swish or silu, mish, softplus, softsign,
// hard_sigmoid (0.2 x + 0.5 between 0 and 1), hard_swish, leaky_relu (slope 0.2, as Keras'
// function; the layer of Keras has 0.3), relu6, tanh_shrink, log_sigmoid, exponential.
class ActivationFunction {
 public:
  using Function = std::function<ops::Var(ops::Var)>;

  ActivationFunction() : name_("linear") {}
  ActivationFunction(const char* name) : name_(name) {}             // NOLINT: implicit
  ActivationFunction(std::string name) : name_(std::move(name)) {}  // NOLINT: implicit
  template <typename F, typename = std::enable_if_t<std::is_invocable_r_v<ops::Var, F, ops::Var>>>
  ActivationFunction(F function)  // NOLINT: implicit
      : name_("function"), function_(std::move(function)) {}

  const std::string& name() const { return name_; }
  // Such a function has no name that a file could hold.
  bool is_users_own() const { return function_ != nullptr; }

  // An error that lists the names when there is none such.
  absl::Status Check() const;
  // Requires Check().ok(). Errors are the builder's.
  ops::Var operator()(ops::Var x) const;

 private:
  std::string name_;
  Function function_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_ACTIVATIONS_H_
