#include "nn/regularizers.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "nn/call_text.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"

namespace adjoint::nn {

ops::Var Regularizer::Penalty(ops::Var variable) const {
  ops::Var penalty;
  if (l1 != 0) penalty = l1 * ops::Sum(ops::Abs(variable));
  if (l2 != 0) {
    const ops::Var squares = l2 * ops::Sum(ops::Square(variable));
    penalty = l1 != 0 ? penalty + squares : squares;
  }
  return penalty;
}

std::string Regularizer::ToString() const { return empty() ? "" : FormatCall("l1_l2", {l1, l2}); }

absl::StatusOr<Regularizer> Regularizer::Parse(absl::string_view text) {
  if (text.empty()) return Regularizer{};
  ADJOINT_ASSIGN_OR_RETURN(const CallText call, ParseCall(text));
  const auto number = [&](size_t i) { return i < call.numbers.size() ? call.numbers[i] : 0.01; };
  if (call.name == "l1" && call.numbers.size() <= 1) return L1(number(0));
  if (call.name == "l2" && call.numbers.size() <= 1) return L2(number(0));
  if (call.name == "l1_l2" && call.numbers.size() <= 2) return L1L2(number(0), number(1));
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no regularizer '", text, "'; there are l1(factor), l2(factor), l1_l2(l1, l2)"));
}

}  // namespace adjoint::nn
