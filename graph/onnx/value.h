#ifndef ADJOINT_GRAPH_ONNX_VALUE_H_
#define ADJOINT_GRAPH_ONNX_VALUE_H_

#include <optional>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "ops/var.h"

namespace adjoint::onnx {

using ops::Var;

// A value of an ONNX graph while it is imported. The lengths of sequences and whether optionals
// hold something are known by then: only tensors are computed when the program runs.
struct Value {
  enum class Kind { kNone, kTensor, kSequence, kOptional };

  Kind kind = Kind::kNone;  // kNone: an optional input or output left out
  Var var;
  std::vector<Value> elements;  // of a sequence; an optional has one or none

  Value() = default;
  Value(Var v) : kind(Kind::kTensor), var(v) {}  // NOLINT: implicit
  static Value Sequence(std::vector<Value> elements) {
    Value value;
    value.kind = Kind::kSequence;
    value.elements = std::move(elements);
    return value;
  }
  static Value Optional(std::vector<Value> element) {
    Value value;
    value.kind = Kind::kOptional;
    value.elements = std::move(element);
    return value;
  }

  bool is_tensor() const { return kind == Kind::kTensor; }
};

using Values = std::vector<Value>;

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_VALUE_H_
