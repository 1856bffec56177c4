#ifndef ADJOINT_GRAPH_BODY_H_
#define ADJOINT_GRAPH_BODY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/tensor_spec.h"
#include "graph/graph.h"
#include "graph/program.h"
#include "ops/op_def.h"

namespace adjoint::graph {

// A sub-program as an attribute of a node: a branch, the body of a loop. It has no state; its
// inputs and outputs are known by position. Immutable.
class Body final : public AttrObject {
 public:
  // Bodies within bodies, this one counted.
  static constexpr int kMaxDepth = 16;

  // Errors: what Verify refuses; a program with variables or capacity ports; bodies nested deeper
  // than kMaxDepth.
  static absl::StatusOr<std::shared_ptr<const Body>> Create(Program program);

  const Program& program() const { return program_; }
  int num_inputs() const { return static_cast<int>(program_.inputs.size()); }
  int num_outputs() const { return static_cast<int>(program_.outputs.size()); }
  const TensorSpec& input(int i) const { return program_.inputs[i].var.spec(); }
  const TensorSpec& output(int i) const { return program_.outputs[i].var.spec(); }
  int depth() const { return depth_; }

  // "body(f32[2], f32[2,3]) -> (f32[3]) of 5 nodes"; Program::ToString shows the nodes.
  std::string ToString() const override;
  // The same nodes in the same order under the same ports; where they came from does not matter.
  bool Equals(const AttrObject& other) const override;

 private:
  Body(Program program, int depth) : program_(std::move(program)), depth_(depth) {}

  const Program program_;
  const int depth_;
};

using BodyPtr = std::shared_ptr<const Body>;

// The body under `name`, null when the attribute is another kind of object. Requires that the op's
// declaration has the attribute.
BodyPtr BodyOf(const Attrs& attrs, absl::string_view name);
inline std::shared_ptr<const AttrObject> BodyAttr(BodyPtr body) { return body; }

// Computes the body's outputs from vars for its inputs, by nodes added to their builder. `replace`,
// when given, is asked for each output of each node of the body with the var made for it, and
// returns the var that later nodes read in its place.
using ReplaceFn = std::function<ops::Var(ops::Var in_body, ops::Var made)>;
std::vector<Var> Inline(const Body& body, ops::Builder& builder, absl::Span<const Var> inputs,
                        const ReplaceFn& replace = nullptr);

// The body with some of its outputs and inputs, by position, in the order given. The inputs must be
// all that the outputs need.
absl::StatusOr<BodyPtr> Select(const Body& body, absl::Span<const int> inputs,
                               absl::Span<const int> outputs);

// Which inputs the given outputs depend on.
std::vector<bool> InputsNeeded(const Body& body, absl::Span<const int> outputs);

// From inputs of the body and cotangents of its outputs `reached` to the cotangents of its inputs
// `wanted`; both are floating.
absl::StatusOr<BodyPtr> GradientBody(const Body& body, absl::Span<const int> reached,
                                     absl::Span<const int> wanted);

// A graph in which a body is built. Vars of the builder around it, and of those around that one,
// may be used in it: each becomes an input of the body, a capture.
class BodyGraph final : public Graph {
 public:
  // `outer` may be null; then there is nothing to capture.
  explicit BodyGraph(ops::Builder* outer);

  // The vars captured so far, and the inputs that stand for them.
  const std::vector<Var>& captured() const { return captured_; }
  const std::vector<Var>& stand_ins() const { return stand_ins_; }
  // From now on the graph is on its own.
  void Close() { outer_ = nullptr; }

  ops::Builder* outer() const override { return outer_; }
  Var Capture(Var v) override;
  // Draws of a body are told apart from those around it.
  int64_t NextOrdinal(absl::string_view key) override;

 private:
  ops::Builder* outer_;
  std::vector<Var> captured_, stand_ins_;
};

// Builds a body from a function of vars.
class BodyBuilder {
 public:
  struct InputSpec {
    std::string name;
    TensorSpec spec;
  };

  BodyBuilder(ops::Builder* outer, absl::string_view name, absl::Span<const InputSpec> inputs);

  Graph& graph() { return *graph_; }
  const std::vector<Var>& inputs() const { return inputs_; }
  const std::vector<Var>& captured() const { return graph_->captured(); }
  // Makes an input for a var of the builder around, whether or not the body uses it.
  void Capture(Var v) { graph_->Capture(v); }
  // Makes a result of the body's function an output; vars from around it may be results as well.
  // An error that the body's graph keeps: a result that is no var.
  void AddOutput(Var v);

  // The body: its inputs are those given, then the captures in order.
  absl::StatusOr<BodyPtr> Finish();

 private:
  const std::string name_;
  std::shared_ptr<BodyGraph> graph_;
  std::vector<InputSpec> specs_;
  std::vector<Var> inputs_, outputs_;
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_BODY_H_
