#include "ops/builder.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/leaf.h"
#include "ops/op_def.h"

namespace adjoint::ops {
namespace {

// Whether T can hold the number; a floating type takes any, rounded.
template <typename T>
bool Holds(double number) {
  if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
    return true;
  } else {
    constexpr double kEnd = 2.0 * (std::numeric_limits<T>::max() / 2 + 1);  // max + 1, exactly
    return number >= static_cast<double>(std::numeric_limits<T>::lowest()) && number < kEnd &&
           number == std::floor(number);
  }
}

}  // namespace

bool Builder::IsInside(const Builder& other) const {
  for (const Builder* b = outer(); b != nullptr; b = b->outer()) {
    if (b == &other) return true;
  }
  return false;
}

Builder* BuilderFor(absl::Span<const Var> vars) {
  Builder* builder = nullptr;
  for (Var v : vars) {
    if (v.builder == nullptr) continue;
    if (builder == nullptr || v.builder->IsInside(*builder)) builder = v.builder;
  }
  return builder;
}

const TensorSpec& Var::spec() const {
  static const TensorSpec* const none = new TensorSpec;
  return valid() ? builder->SpecOf(*this) : *none;
}

std::vector<Var> ApplyN(const OpDef& op, absl::Span<const Operand> operands, Attrs attrs) {
  Var anchor;
  for (const Operand& o : operands) {
    if (o.is_number) continue;
    const bool inner =
        o.var.valid() && anchor.builder != nullptr && o.var.builder->IsInside(*anchor.builder);
    if (anchor.builder == nullptr || !anchor.valid() || inner) anchor = o.var;
  }
  if (anchor.builder == nullptr) return {Var{}};
  Builder& builder = *anchor.builder;
  std::vector<Var> inputs;
  inputs.reserve(operands.size());
  for (const Operand& o : operands) {
    if (o.is_number) {
      inputs.push_back(ScalarLike(anchor, o.number, o.location));
      continue;
    }
    if (o.var.builder != &builder) {
      const Var captured = o.var.builder == nullptr ? Var{} : builder.Capture(o.var);
      if (captured.valid()) {
        inputs.push_back(captured);
        continue;
      }
      builder.Fail(absl::InvalidArgumentError(absl::StrCat(
          o.location.file_name(), ":", o.location.line(), ": ", op.name,
          o.var.builder == nullptr
              ? ": an operand is a default-constructed Var; make it with an op or Graph::Input"
              : ": the operands belong to two builders; build an expression in one graph")));
      return {Var{&builder, -1, 0}};
    }
    inputs.push_back(o.var);
  }
  return builder.Apply(op, inputs, std::move(attrs), operands[0].location);
}

Var Apply1(const OpDef& op, absl::Span<const Operand> operands, Attrs attrs) {
  return ApplyN(op, operands, std::move(attrs))[0];
}

Var Constant(Builder& builder, Tensor value, std::source_location location) {
  return builder.Apply(ConstantOp(), {}, Attrs{{"value", std::move(value)}}, location)[0];
}

Var ScalarLike(Var like, double number, std::source_location location) {
  if (!like.valid()) return like;
  return VisitDType(like.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (Holds<T>(number)) {
      return Constant(*like.builder, Tensor::Scalar<T>(static_cast<T>(number)), location);
    }
    like.builder->Fail(absl::InvalidArgumentError(absl::StrCat(
        location.file_name(), ":", location.line(), ": the number ", number, " stands beside ",
        like.spec().ToString(), " and takes its type, which cannot hold it; ",
        "Cast the other operand first")));
    return Var{like.builder, -1, 0};
  });
}

}  // namespace adjoint::ops
