#include <optional>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/loop.h"
#include "graph/onnx/exporter.h"
#include "graph/scan.h"

// Branches and loops: bodies become graphs inside, which read what is outside by its name.

namespace adjoint::onnx {
namespace {

using graph::BodyPtr;

absl::Status If(const Use& u) {
  Names operands = u.names();
  operands.erase(operands.begin());
  const auto branch = [&](absl::string_view name) -> absl::StatusOr<pb::GraphProto> {
    const BodyPtr body = graph::BodyOf(u.node.attrs, name);
    return u.to.Subgraph(name, [&]() -> absl::Status {
      ADJOINT_ASSIGN_OR_RETURN(const Names outputs, u.to.Inline(*body, operands));
      for (size_t i = 0; i < outputs.size(); ++i) {
        u.to.AddOutput(outputs[i], body->output(static_cast<int>(i)));
      }
      return absl::OkStatus();
    });
  };
  ADJOINT_ASSIGN_OR_RETURN(pb::GraphProto then_branch, branch("then"));
  ADJOINT_ASSIGN_OR_RETURN(pb::GraphProto else_branch, branch("else"));
  return u.AreNamed(u.to.AddMany(
      static_cast<int>(u.outputs.size()), "If", {u.name(0)},
      {Attr("then_branch", std::move(then_branch)), Attr("else_branch", std::move(else_branch))}));
}

absl::Status Scan(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const graph::ScanConfig scan, graph::ScanConfig::From(u.node.attrs));
  const graph::Body& body = *scan.body;
  Names inputs;
  for (int i = 0; i < scan.carries + scan.xs; ++i) inputs.push_back(u.name(i));
  // ONNX has no scan over nothing: it goes over the numbers of the steps.
  const bool counts = scan.xs == 0;
  if (counts) {
    ADJOINT_ASSIGN_OR_RETURN(const std::string length, u.to.ShapeVector(Shape{scan.length}));
    inputs.push_back(
        u.Op("Range", {u.to.Number(DType::kI64, 0), u.Op("Squeeze", {length, u.to.Ints({0})}),
                       u.to.Number(DType::kI64, 1)}));
  }
  ADJOINT_ASSIGN_OR_RETURN(pb::GraphProto step, u.to.Subgraph("step", [&]() -> absl::Status {
    Names values;
    for (int i = 0; i < body.num_inputs(); ++i) {
      values.push_back(i < scan.carries + scan.xs ? u.to.AddInput(body.input(i)) : u.name(i));
    }
    if (counts) u.to.AddInput({DType::kI64, Shape{}});
    ADJOINT_ASSIGN_OR_RETURN(const Names outputs, u.to.Inline(body, values));
    for (size_t i = 0; i < outputs.size(); ++i) {
      u.to.AddOutput(outputs[i], body.output(static_cast<int>(i)));
    }
    for (int64_t k : scan.stacks) {
      u.to.AddOutput(values[k], body.input(static_cast<int>(k)));
    }
    return absl::OkStatus();
  }));
  const int64_t num_xs = counts ? 1 : scan.xs;
  const std::vector<int64_t> in(num_xs, scan.reverse);
  const std::vector<int64_t> out(scan.outputs() - scan.carries, scan.reverse);
  Attributes attributes = {Attr("body", std::move(step)), Attr("num_scan_inputs", num_xs),
                           Attr("scan_input_directions", in)};
  if (!out.empty()) attributes.push_back(Attr("scan_output_directions", out));
  return u.AreNamed(u.to.AddMany(scan.outputs(), "Scan", inputs, std::move(attributes)));
}

// ONNX stacks as many values as there were steps; here zeros fill them up to the greatest number.
absl::StatusOr<std::string> FilledUp(const Use& u, const std::string& stacked,
                                     const std::string& count, const TensorSpec& spec) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string most, u.to.ShapeVector(Shape{spec.shape.dim(0)}));
  ADJOINT_ASSIGN_OR_RETURN(const std::string rest,
                           u.to.ShapeVector(graph::WithoutLeading(spec.shape)));
  const std::string missing = u.Op("Sub", {most, u.Op("Unsqueeze", {count, u.to.Ints({0})})});
  const std::string shape = u.Op("Concat", {missing, rest}, {Attr("axis", int64_t{0})});
  const std::string zeros = u.Op("Expand", {u.to.Number(spec.dtype, 0), shape});
  return u.Op("Concat", {stacked, zeros}, {Attr("axis", int64_t{0})});
}

absl::Status Loop(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const graph::LoopConfig loop, graph::LoopConfig::From(u.node.attrs));
  const graph::Body& body = *loop.body;
  const TensorSpec number{DType::kI64, Shape{}}, condition{DType::kBool, Shape{}};
  ADJOINT_ASSIGN_OR_RETURN(pb::GraphProto step, u.to.Subgraph("step", [&]() -> absl::Status {
    Names values = {u.to.AddInput(number)};
    u.to.AddInput(condition);
    for (int i = 0; i < loop.carries; ++i) values.push_back(u.to.AddInput(body.input(1 + i)));
    u.to.AddInput(number);  // the count
    for (int i = 0; i < loop.invariants(); ++i) values.push_back(u.name(1 + loop.carries + i));
    ADJOINT_ASSIGN_OR_RETURN(const Names outputs, u.to.Inline(body, values));
    for (int i = 0; i < body.num_outputs(); ++i) {
      u.to.AddOutput(outputs[i], body.output(i));
      if (i != loop.carries) continue;
      u.to.AddOutput(u.Op("Add", {values[0], u.to.Number(DType::kI64, 1)}), number);
    }
    for (int64_t k : loop.stacks) {
      u.to.AddOutput(values[1 + k], body.input(static_cast<int>(1 + k)));
    }
    return absl::OkStatus();
  }));
  Names inputs = {"", u.name(0)};
  if (loop.max_steps.has_value()) {
    ADJOINT_ASSIGN_OR_RETURN(const std::string most, u.to.ShapeVector(Shape{*loop.max_steps}));
    inputs[0] = u.Op("Squeeze", {most, u.to.Ints({0})});
  }
  for (int i = 0; i < loop.carries; ++i) inputs.push_back(u.name(1 + i));
  inputs.push_back(u.to.Number(DType::kI64, 0));
  const int stacked = loop.ys() + static_cast<int>(loop.stacks.size());
  const Names made =
      u.to.AddMany(loop.carries + 1 + stacked, "Loop", inputs, {Attr("body", std::move(step))});
  const std::string& count = made[loop.carries];
  Names outputs(made.begin(), made.begin() + loop.carries);
  for (int i = 0; i < stacked; ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const std::string filled, FilledUp(u, made[loop.carries + 1 + i],
                                                                count, u.spec(loop.carries + i)));
    outputs.push_back(filled);
  }
  outputs.push_back(count);
  return u.AreNamed(outputs);
}

constexpr Emitter kRows[] = {
    {"if", If},
    {"scan", Scan},
    {"loop", Loop},
};

}  // namespace

absl::Span<const Emitter> ControlEmitters() { return kRows; }

}  // namespace adjoint::onnx
