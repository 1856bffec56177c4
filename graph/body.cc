#include "graph/body.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/gradients.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

bool SameRef(Var a, Var b) { return a.node == b.node && a.output == b.output; }

bool SamePorts(const std::vector<Port>& a, const std::vector<Port>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Port& x, const Port& y) { return SameRef(x.var, y.var); });
}

bool SameNode(const Node& a, const Node& b) {
  return a.op == b.op && a.outputs == b.outputs &&
         std::equal(a.inputs.begin(), a.inputs.end(), b.inputs.begin(), b.inputs.end(), SameRef) &&
         a.attrs == b.attrs;
}

std::string PortSpecs(const std::vector<Port>& ports) {
  return absl::StrJoin(ports, ", ", [](std::string* out, const Port& p) {
    absl::StrAppend(out, p.var.spec().ToString());
  });
}

// Nodes that the given vars depend on, themselves included.
std::vector<bool> Ancestors(const Graph& graph, absl::Span<const Var> of) {
  std::vector<bool> live(graph.num_nodes(), false);
  for (Var v : of) live[v.node] = true;
  for (int id = graph.num_nodes() - 1; id >= 0; --id) {
    if (!live[id]) continue;
    for (Var v : graph.node(id).inputs) live[v.node] = true;
  }
  return live;
}

std::vector<Var> OutputVars(const Body& body, absl::Span<const int> outputs) {
  std::vector<Var> vars;
  for (int i : outputs) vars.push_back(body.program().outputs[i].var);
  return vars;
}

}  // namespace

absl::StatusOr<BodyPtr> Body::Create(Program program) {
  ADJOINT_RETURN_IF_ERROR(Verify(program));
  if (!program.states.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "body ", program.name, " has variables; pass their values in and give new ones out"));
  }
  for (const Port& p : program.inputs) {
    if (p.capacity) {
      return absl::InvalidArgumentError(
          absl::StrCat("input '", p.name, "' of body ", program.name, " is a capacity"));
    }
  }
  int depth = 1;
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    for (const Attrs::Entry& entry : program.graph->node(id).attrs.entries()) {
      const auto* object = std::get_if<std::shared_ptr<const AttrObject>>(&entry.second);
      if (object == nullptr) continue;
      const auto* body = dynamic_cast<const Body*>(object->get());
      if (body != nullptr) depth = std::max(depth, body->depth() + 1);
    }
  }
  if (depth > kMaxDepth) {
    return absl::InvalidArgumentError(absl::StrCat("body ", program.name, " nests ", depth,
                                                   " bodies, but there may be ", kMaxDepth));
  }
  return BodyPtr(new Body(std::move(program), depth));
}

std::string Body::ToString() const {
  return absl::StrCat(program_.name, "(", PortSpecs(program_.inputs), ") -> (",
                      PortSpecs(program_.outputs), ") of ", program_.graph->num_nodes(), " nodes");
}

bool Body::Equals(const AttrObject& other) const {
  if (this == &other) return true;
  const auto* body = dynamic_cast<const Body*>(&other);
  if (body == nullptr) return false;
  const Program& a = program_;
  const Program& b = body->program_;
  if (a.graph->num_nodes() != b.graph->num_nodes()) return false;
  if (!SamePorts(a.inputs, b.inputs) || !SamePorts(a.outputs, b.outputs)) return false;
  for (int id = 0; id < a.graph->num_nodes(); ++id) {
    if (!SameNode(a.graph->node(id), b.graph->node(id))) return false;
  }
  return true;
}

BodyPtr BodyOf(const Attrs& attrs, absl::string_view name) {
  return std::dynamic_pointer_cast<const Body>(attrs.At<std::shared_ptr<const AttrObject>>(name));
}

std::vector<Var> Inline(const Body& body, ops::Builder& builder, absl::Span<const Var> inputs,
                        const ReplaceFn& replace) {
  const Graph& graph = *body.program().graph;
  std::vector<std::vector<Var>> made(graph.num_nodes());
  for (size_t i = 0; i < inputs.size(); ++i) {
    made[body.program().inputs[i].var.node] = {inputs[i]};
  }
  const std::vector<Var> failed(body.num_outputs(), Var{&builder, -1, 0});
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    if (node.op == &ops::InputOp()) continue;
    std::vector<Var> operands;
    for (Var v : node.inputs) operands.push_back(made[v.node][v.output]);
    const ops::ScopedName scope(builder, *node.scope);
    made[id] = builder.Apply(*node.op, operands, node.attrs, node.location);
    if (!builder.status().ok()) return failed;
    if (replace == nullptr) continue;
    for (int i = 0; i < static_cast<int>(made[id].size()); ++i) {
      made[id][i] = replace(graph.VarOf(id, i), made[id][i]);
    }
  }
  std::vector<Var> outputs;
  for (const Port& p : body.program().outputs) outputs.push_back(made[p.var.node][p.var.output]);
  return outputs;
}

std::vector<bool> InputsNeeded(const Body& body, absl::Span<const int> outputs) {
  const std::vector<bool> live = Ancestors(*body.program().graph, OutputVars(body, outputs));
  std::vector<bool> needed;
  for (const Port& p : body.program().inputs) needed.push_back(live[p.var.node]);
  return needed;
}

absl::StatusOr<BodyPtr> Select(const Body& body, absl::Span<const int> inputs,
                               absl::Span<const int> outputs) {
  const Program& program = body.program();
  std::vector<bool> live = Ancestors(*program.graph, OutputVars(body, outputs));
  Program part{
      .name = program.name, .graph = program.graph, .inputs = {}, .outputs = {}, .states = {}};
  for (int i : inputs) {
    part.inputs.push_back(program.inputs[i]);
    live[program.inputs[i].var.node] = true;
  }
  for (int i : outputs) part.outputs.push_back(program.outputs[i]);
  Rewriter rewriter(part);
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    if (live[id]) ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
  }
  return Body::Create(rewriter.Finish());
}

absl::StatusOr<BodyPtr> GradientBody(const Body& body, absl::Span<const int> reached,
                                     absl::Span<const int> wanted) {
  std::vector<BodyBuilder::InputSpec> specs;
  for (int i = 0; i < body.num_inputs(); ++i) {
    specs.push_back({absl::StrCat("operand", i), body.input(i)});
  }
  for (int i : reached) specs.push_back({absl::StrCat("cotangent", i), body.output(i)});
  BodyBuilder builder(nullptr, absl::StrCat(body.program().name, "_vjp"), specs);
  const absl::Span<const Var> inputs(builder.inputs());
  const std::vector<Var> outputs =
      Inline(body, builder.graph(), inputs.subspan(0, body.num_inputs()));
  std::vector<Var> ys, xs;
  for (int i : reached) ys.push_back(outputs[i]);
  for (int i : wanted) xs.push_back(inputs[i]);
  for (Var g : Gradients(ys, xs, inputs.subspan(body.num_inputs()))) builder.AddOutput(g);
  return builder.Finish();
}

BodyGraph::BodyGraph(ops::Builder* outer) : outer_(outer) {
  if (outer_ == nullptr) return;
  const std::string scope = outer_->ScopePath();
  if (!scope.empty()) PushScope(scope, nullptr);
}

Var BodyGraph::Capture(Var v) {
  const Var none{this, -1, 0};
  if (outer_ == nullptr || !v.valid()) return none;
  if (v.builder != outer_) v = outer_->Capture(v);
  if (!v.valid() || v.builder != outer_) return none;
  for (size_t i = 0; i < captured_.size(); ++i) {
    if (captured_[i] == v) return stand_ins_[i];
  }
  const Var input = Input(absl::StrCat("captured", captured_.size()), v.spec(), {});
  if (!input.valid()) return none;
  captured_.push_back(v);
  stand_ins_.push_back(input);
  return input;
}

int64_t BodyGraph::NextOrdinal(absl::string_view key) {
  return outer_ == nullptr ? Graph::NextOrdinal(key) : outer_->NextOrdinal(key);
}

BodyBuilder::BodyBuilder(ops::Builder* outer, absl::string_view name,
                         absl::Span<const InputSpec> inputs)
    : name_(name),
      graph_(std::make_shared<BodyGraph>(outer)),
      specs_(inputs.begin(), inputs.end()) {
  for (const InputSpec& input : inputs) {
    inputs_.push_back(graph_->Input(input.name, input.spec, {}));
  }
}

void BodyBuilder::AddOutput(Var v) {
  if (v.builder != graph_.get()) v = graph_->Capture(v);
  if (!v.valid()) {
    graph_->Fail(absl::InvalidArgumentError(
        absl::StrCat("result ", outputs_.size(), " of ", name_, " is not a value of it")));
  }
  outputs_.push_back(v);
}

absl::StatusOr<BodyPtr> BodyBuilder::Finish() {
  ADJOINT_RETURN_IF_ERROR(graph_->status());
  Program program{.name = name_, .graph = graph_, .inputs = {}, .outputs = {}, .states = {}};
  for (size_t i = 0; i < inputs_.size(); ++i) program.AddInput(specs_[i].name, inputs_[i]);
  for (size_t i = 0; i < captured().size(); ++i) {
    program.AddInput(absl::StrCat("captured", i), graph_->stand_ins()[i]);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    program.AddOutput(absl::StrCat("result", i), outputs_[i]);
  }
  graph_->Close();
  return Body::Create(std::move(program));
}

}  // namespace adjoint::graph
