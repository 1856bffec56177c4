#ifndef ADJOINT_OPS_BUILDER_H_
#define ADJOINT_OPS_BUILDER_H_

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/tensor.h"
#include "ops/var.h"

namespace adjoint::ops {

struct OpDef;

// Where op functions put their nodes: the single interception point of the library. A graph
// records; other builders may run at once. Not thread-safe.
class Builder {
 public:
  virtual ~Builder() = default;

  // Adds a use of `op` and returns its outputs. After an error (a sticky one, or a new one that
  // this call finds) returns vars that are not valid, as many as the op has outputs or one.
  virtual std::vector<Var> Apply(const OpDef& op, absl::Span<const Var> inputs, Attrs attrs,
                                 std::source_location location) = 0;

  virtual const TensorSpec& SpecOf(Var v) const = 0;

  // How v was made, for rules that look behind a value (a loss that wants a sigmoid's logits).
  struct Origin {
    const OpDef* op;
    absl::Span<const Var> inputs;
    const Attrs* attrs;
  };
  virtual Origin OriginOf(Var v) const = 0;

  // The first error, or OK.
  virtual const absl::Status& status() const = 0;
  // Records an error found outside Apply; the first one stays.
  virtual void Fail(absl::Status error) = 0;

  // Names the part of the network being built: scopes nest into a path, "nn/dense_2". While a scope
  // with a location is open, errors quote that location, the outermost one first: a layer passes
  // the place in the user's code where it was made.
  virtual void PushScope(absl::string_view name, const std::source_location* location) = 0;
  virtual void PopScope() = 0;
  // The open scopes joined by '/'; empty at the top.
  virtual std::string ScopePath() const = 0;

  // The builder around this one when this one builds the body of a loop or a branch in it; null at
  // the top.
  virtual Builder* outer() const { return nullptr; }
  bool IsInside(const Builder& other) const;
  // A var of this builder that stands for `v`, which belongs to a builder around it; not valid when
  // it does not.
  virtual Var Capture(Var /*v*/) { return Var{this, -1, 0}; }

  // 0, 1, 2, ... on successive calls with the same key: tells apart the draws of a layer that is
  // called more than once.
  virtual int64_t NextOrdinal(absl::string_view key) = 0;
};

// Keeps a scope open while it lives.
class ScopedName {
 public:
  ScopedName(Builder& builder, absl::string_view name,
             const std::source_location* location = nullptr)
      : builder_(builder) {
    builder_.PushScope(name, location);
  }
  ~ScopedName() { builder_.PopScope(); }
  ScopedName(const ScopedName&) = delete;
  ScopedName& operator=(const ScopedName&) = delete;

 private:
  Builder& builder_;
};

// For authors of op functions -----------------------------------------------------------------

// Applies an op of one output. The builder is that of the operands that are vars, in a body the
// innermost of theirs, which captures the others; numbers become constants of the element type of
// its first var. Operands of unrelated builders, or none with a builder, give an invalid var and,
// where there is a builder, its error.
Var Apply1(const OpDef& op, absl::Span<const Operand> operands, Attrs attrs = {});
std::vector<Var> ApplyN(const OpDef& op, absl::Span<const Operand> operands, Attrs attrs = {});

// The builder in which an op takes these vars: the innermost of theirs where they nest, else the
// first; null when there is none.
Builder* BuilderFor(absl::Span<const Var> vars);

// A constant node.
Var Constant(Builder& builder, Tensor value,
             std::source_location location = std::source_location::current());
// `number` in every element: a scalar constant of the element type of `like`, to be broadcast. An
// error of the builder when an integer type or bool cannot hold the number as it is.
Var ScalarLike(Var like, double number,
               std::source_location location = std::source_location::current());

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_BUILDER_H_
