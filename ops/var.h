#ifndef ADJOINT_OPS_VAR_H_
#define ADJOINT_OPS_VAR_H_

#include <cstdint>
#include <source_location>

#include "core/tensor_spec.h"

namespace adjoint::ops {

class Builder;

// A handle to one output of one node: cheap to copy, valid as long as its builder. After a mistake
// op functions return a var that is not valid(); ops on such a var do nothing, and the builder
// keeps the first error.
struct Var {
  Builder* builder = nullptr;
  int32_t node = -1;
  int32_t output = 0;

  bool valid() const { return node >= 0; }

  // The spec of the value; f32[] when the var is not valid.
  const TensorSpec& spec() const;
  DType dtype() const { return spec().dtype; }
  const Shape& shape() const { return spec().shape; }

  friend bool operator==(const Var& a, const Var& b) {
    return a.builder == b.builder && a.node == b.node && a.output == b.output;
  }
  friend bool operator!=(const Var& a, const Var& b) { return !(a == b); }

  template <typename H>
  friend H AbslHashValue(H h, const Var& v) {
    return H::combine(std::move(h), v.builder, v.node, v.output);
  }
};

// An argument of an op function: a var or a number, with the place in the user's code where it was
// passed, which errors quote. A number takes the element type of the other operand.
struct Operand {
  Var var;
  bool is_number = false;
  double number = 0;
  std::source_location location;

  Operand(Var v, std::source_location at = std::source_location::current())  // NOLINT: implicit
      : var(v), location(at) {}
  Operand(double n, std::source_location at = std::source_location::current())  // NOLINT: implicit
      : is_number(true), number(n), location(at) {}
  Operand(int n, std::source_location at = std::source_location::current())  // NOLINT: implicit
      : is_number(true), number(n), location(at) {}
};

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_VAR_H_
