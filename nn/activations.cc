#include "nn/activations.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/more_activations.h"
#include "ops/softmax.h"

namespace adjoint::nn {
namespace {

using ops::Var;

struct Entry {
  const char* name;
  Var (*function)(Var);
};

constexpr Entry kActivations[] = {
    {"linear", [](Var x) { return x; }},
    {"relu", [](Var x) { return ops::Relu(x); }},
    {"sigmoid", [](Var x) { return ops::Sigmoid(x); }},
    {"tanh", [](Var x) { return ops::Tanh(x); }},
    {"softmax", [](Var x) { return ops::Softmax(x); }},
    {"log_softmax", [](Var x) { return ops::LogSoftmax(x); }},
    {"elu", [](Var x) { return ops::Elu(x); }},
    {"selu", [](Var x) { return ops::Selu(x); }},
    {"gelu", [](Var x) { return ops::Gelu(x); }},
    {"gelu_tanh", [](Var x) { return ops::GeluTanh(x); }},
    {"swish", [](Var x) { return ops::Silu(x); }},
    {"silu", [](Var x) { return ops::Silu(x); }},
    {"mish", [](Var x) { return ops::Mish(x); }},
    {"softplus", [](Var x) { return ops::Softplus(x); }},
    {"softsign", [](Var x) { return ops::Softsign(x); }},
    {"log_sigmoid", [](Var x) { return ops::LogSigmoid(x); }},
    {"hard_sigmoid", [](Var x) { return ops::HardSigmoid(x); }},
    {"hard_swish", [](Var x) { return ops::HardSwish(x); }},
    {"leaky_relu", [](Var x) { return ops::LeakyRelu(x, 0.2); }},
    {"relu6", [](Var x) { return ops::Relu6(x); }},
    {"tanh_shrink", [](Var x) { return ops::TanhShrink(x); }},
    {"exponential", [](Var x) { return ops::Exp(x); }},
};

const Entry* Find(const std::string& name) {
  for (const Entry& entry : kActivations) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace

absl::Status ActivationFunction::Check() const {
  if (function_ != nullptr || Find(name_) != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("there is no activation '", name_, "'; there are ",
                   absl::StrJoin(kActivations, ", ", [](std::string* out, const Entry& entry) {
                     absl::StrAppend(out, entry.name);
                   })));
}

Var ActivationFunction::operator()(Var x) const {
  return function_ != nullptr ? function_(x) : Find(name_)->function(x);
}

}  // namespace adjoint::nn
