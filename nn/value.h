#ifndef ADJOINT_NN_VALUE_H_
#define ADJOINT_NN_VALUE_H_

#include <string>
#include <utility>
#include <variant>

#include "core/tensor_spec.h"
#include "ops/csr.h"
#include "ops/var.h"

namespace adjoint::nn {

using ops::CsrVar;
using ops::Var;

// The type of what flows between layers: of a dense tensor, or of a sparse matrix.
struct ValueSpec {
  TensorSpec tensor;
  bool csr = false;
  bool ones = false;  // a sparse matrix whose values are all one, and not fed

  // "f32[batch,16]", "csr f32[batch,10000]", "csr f32[batch,10000] of ones".
  std::string ToString() const {
    return (csr ? "csr " : "") + tensor.ToString() + (ones ? " of ones" : "");
  }

  friend bool operator==(const ValueSpec& a, const ValueSpec& b) {
    return a.csr == b.csr && a.ones == b.ones && a.tensor == b.tensor;
  }
  friend bool operator!=(const ValueSpec& a, const ValueSpec& b) { return !(a == b); }
};

// What flows between layers while a program is built: a dense var or a sparse matrix.
class Value {
 public:
  Value(Var v) : v_(v) {}                // NOLINT: implicit
  Value(CsrVar v) : v_(std::move(v)) {}  // NOLINT: implicit
  Value(Var v, Var mask) : v_(v), mask_(mask) {}

  bool is_csr() const { return std::holds_alternative<CsrVar>(v_); }
  // Requires !is_csr().
  Var dense() const { return std::get<Var>(v_); }
  // Requires is_csr().
  const CsrVar& csr() const { return std::get<CsrVar>(v_); }

  // Which steps of a sequence count: bool [batch, time], or not valid where all do. Steps that do
  // not are passed over by layers that join steps, and by losses and metrics.
  Var mask() const { return mask_; }
  void set_mask(Var mask) { mask_ = mask; }

  bool valid() const { return is_csr() ? csr().ranges.valid() : dense().valid(); }

  ValueSpec spec() const {
    if (!is_csr()) return {.tensor = dense().spec()};
    return {.tensor = {csr().values.dtype(), Shape{csr().rows(), csr().cols}}, .csr = true};
  }

 private:
  std::variant<Var, CsrVar> v_;
  Var mask_ = {};
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_VALUE_H_
