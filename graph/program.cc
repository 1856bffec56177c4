#include "graph/program.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/body.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

bool Belongs(const Graph& graph, Var v) {
  return v.builder == &graph && v.node >= 0 && v.node < graph.num_nodes() && v.output >= 0 &&
         v.output < static_cast<int>(graph.node(v).outputs.size());
}

absl::Status VerifyOperands(const Graph& graph, int id) {
  const Node& node = graph.node(id);
  for (Var v : node.inputs) {
    if (!Belongs(graph, v) || v.node >= id) {
      return absl::InternalError(
          absl::StrCat(node.op->name, " %", id, " reads a value that is not made before it"));
    }
  }
  return absl::OkStatus();
}

absl::Status VerifySpecs(const Graph& graph, int id) {
  const Node& node = graph.node(id);
  std::vector<TensorSpec> specs;
  specs.reserve(node.inputs.size());
  for (Var v : node.inputs) specs.push_back(graph.SpecOf(v));
  auto outputs = ops::InferOp(*node.op, specs, node.attrs);
  if (!outputs.ok()) {
    return absl::InternalError(
        absl::StrCat(graph.NodeToString(id), ": ", outputs.status().message()));
  }
  if (absl::MakeConstSpan(*outputs) != absl::MakeConstSpan(node.outputs)) {
    return absl::InternalError(
        absl::StrCat(graph.NodeToString(id), ": the shape rule now gives other specs"));
  }
  return absl::OkStatus();
}

Dim Substitute(Dim d, const SymbolValues& values) {
  if (!d.is_symbol()) return d;
  const auto it = values.find(d.name());
  return it == values.end() ? d : Dim(it->second);
}

// Shares the entries of `attrs` where there is nothing to replace.
absl::StatusOr<Attrs> Substitute(const Attrs& attrs, const SymbolValues& values) {
  Attrs result = attrs;
  for (const Attrs::Entry& entry : attrs.entries()) {
    if (KindOf(entry.second) == AttrKind::kObject) {
      if (const BodyPtr body = BodyOf(attrs, entry.first); body != nullptr) {
        ADJOINT_ASSIGN_OR_RETURN(Program special, Specialize(body->program(), values));
        ADJOINT_ASSIGN_OR_RETURN(BodyPtr special_body, Body::Create(std::move(special)));
        result.Set(entry.first, BodyAttr(std::move(special_body)));
      }
      continue;
    }
    const Shape* shape = std::get_if<Shape>(&entry.second);
    if (shape == nullptr || shape->IsConcrete()) continue;
    Shape concrete;
    for (Dim d : shape->dims()) concrete.push_back(Substitute(d, values));
    result.Set(entry.first, concrete);
  }
  return result;
}

}  // namespace

bool Port::Accepts(const Tensor& tensor) const {
  const TensorSpec& spec = var.spec();
  if (tensor.spec() == spec) return true;
  if (!capacity || tensor.dtype() != spec.dtype || tensor.shape().rank() != spec.shape.rank()) {
    return false;
  }
  for (int axis = 0; axis < spec.shape.rank(); ++axis) {
    if (tensor.shape()[axis] > spec.shape[axis]) return false;
  }
  return true;
}

void Program::AddInput(absl::string_view input_name, const ops::CsrVar& v) {
  inputs.push_back({absl::StrCat(input_name, ".ranges"), v.ranges});
  inputs.push_back({absl::StrCat(input_name, ".columns"), v.columns, /*capacity=*/true});
  // The values of a Graph::CsrOnesInput are made in the graph; where there are none, its status
  // tells why.
  if (!v.values.valid() || graph->node(v.values).op != &ops::InputOp()) return;
  inputs.push_back({absl::StrCat(input_name, ".values"), v.values, /*capacity=*/true});
}

std::string Program::ToString() const {
  std::string text = absl::StrCat("program ", name, "\n");
  for (const Port& p : inputs) absl::StrAppend(&text, "  in ", p.name, " = %", p.var.node, "\n");
  for (int id = 0; id < graph->num_nodes(); ++id) {
    absl::StrAppend(&text, "  ", graph->NodeToString(id), "\n");
    for (const Attrs::Entry& entry : graph->node(id).attrs.entries()) {
      if (KindOf(entry.second) != AttrKind::kObject) continue;
      const BodyPtr body = BodyOf(graph->node(id).attrs, entry.first);
      if (body == nullptr) continue;
      absl::StrAppend(&text, "    ", entry.first, " = ",
                      absl::StrReplaceAll(body->program().ToString(), {{"\n", "\n    "}}), "\n");
    }
  }
  const auto ref = [&](Var v) {
    if (!Belongs(*graph, v)) return std::string("(no value)");
    return graph->node(v).outputs.size() > 1 ? absl::StrCat("%", v.node, ".", v.output)
                                             : absl::StrCat("%", v.node);
  };
  for (const Port& p : outputs) absl::StrAppend(&text, "  out ", p.name, " = ", ref(p.var), "\n");
  for (const StateBinding& s : states) {
    absl::StrAppend(&text, "  state ", s.variable, ": ", ref(s.read), " -> ", ref(s.write), "\n");
  }
  return text;
}

absl::Status Verify(const Program& program, Specs specs) {
  if (program.graph == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("program ", program.name, ": it has no graph; set Program::graph"));
  }
  const Graph& graph = *program.graph;
  ADJOINT_RETURN_IF_ERROR(graph.status());
  for (int id = 0; id < graph.num_nodes(); ++id) {
    ADJOINT_RETURN_IF_ERROR(VerifyOperands(graph, id));
    if (specs == Specs::kInferAgain) ADJOINT_RETURN_IF_ERROR(VerifySpecs(graph, id));
  }
  std::vector<bool> bound(graph.num_nodes(), false);
  absl::flat_hash_set<absl::string_view> variables;
  const auto invalid = [&](const auto&... message) {
    return absl::InvalidArgumentError(absl::StrCat("program ", program.name, ": ", message...));
  };
  const auto bind = [&](absl::string_view kind, absl::string_view name, Var v) -> absl::Status {
    if (!Belongs(graph, v)) {
      return invalid(kind, " '", name, "' is not a value of its graph");
    }
    if (graph.node(v).op != &ops::InputOp()) {
      return invalid(kind, " '", name, "' must be an input node, not ", graph.NodeToString(v.node));
    }
    if (bound[v.node]) {
      return invalid(kind, " '", name, "' is bound twice, at ", graph.NodeToString(v.node));
    }
    bound[v.node] = true;
    return absl::OkStatus();
  };
  for (const Port& p : program.inputs) ADJOINT_RETURN_IF_ERROR(bind("input", p.name, p.var));
  for (const StateBinding& s : program.states) {
    if (!variables.insert(s.variable).second) {
      return invalid("variable '", s.variable, "' has two bindings; read it once");
    }
    ADJOINT_RETURN_IF_ERROR(bind("variable", s.variable, s.read));
    if (!Belongs(graph, s.write)) {
      return invalid("what is written to variable '", s.variable, "' is not a value of its graph");
    }
    if (s.write.spec() != s.read.spec()) {
      return invalid("variable '", s.variable, "' is ", s.read.spec().ToString(),
                     ", but what is written to it is ", s.write.spec().ToString());
    }
  }
  for (const Port& p : program.outputs) {
    if (!Belongs(graph, p.var)) {
      return absl::InvalidArgumentError(absl::StrCat("program ", program.name, ": output '", p.name,
                                                     "' is not a value of its graph"));
    }
  }
  for (int id = 0; id < graph.num_nodes(); ++id) {
    if (graph.node(id).op == &ops::InputOp() && !bound[id]) {
      return absl::InvalidArgumentError(
          absl::StrCat("program ", program.name, ": ", graph.NodeToString(id),
                       " is neither an input of the program nor bound to a variable"));
    }
  }
  return absl::OkStatus();
}

std::vector<RangesOfEntries> SettleCapacities(Program* program) {
  const Graph& graph = *program->graph;
  std::vector<int> port_of(graph.num_nodes(), -1);  // by node
  for (size_t i = 0; i < program->inputs.size(); ++i) {
    port_of[program->inputs[i].var.node] = static_cast<int>(i);
  }
  const auto has_capacity = [&](Var v) {
    return port_of[v.node] >= 0 && program->inputs[port_of[v.node]].capacity;
  };
  std::vector<RangesOfEntries> pairs;
  bool keep = true;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    const bool product = node.op == &ops::CsrMatMulOp() || node.op == &ops::CsrTransposedMatMulOp();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!has_capacity(node.inputs[i])) continue;
      const int ranges = port_of[node.inputs[0].node];
      const bool entries = i == 1 || (i == 2 && node.inputs.size() == 4);
      keep = keep && product && entries && ranges >= 0;
      const RangesOfEntries pair{ranges, port_of[node.inputs[i].node]};
      if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) pairs.push_back(pair);
    }
  }
  for (const Port& p : program->outputs) keep = keep && !has_capacity(p.var);
  for (const StateBinding& s : program->states) keep = keep && !has_capacity(s.write);
  if (keep) return pairs;
  for (Port& p : program->inputs) p.capacity = false;
  return {};
}

absl::StatusOr<Program> Specialize(const Program& program, const SymbolValues& values) {
  ADJOINT_RETURN_IF_ERROR(Verify(program, Specs::kAsMade));
  Rewriter rewriter(program);
  // Shape rules name sizes that no input has ("batch*16", what a reshape leaves over). Their
  // numbers show where a node's new spec has one; later attributes may hold such names.
  SymbolValues known = values;
  for (int id = 0; id < program.graph->num_nodes(); ++id) {
    const Node& node = program.graph->node(id);
    ADJOINT_ASSIGN_OR_RETURN(Attrs attrs, Substitute(node.attrs, known));
    if (attrs.entries().data() == node.attrs.entries().data()) {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id));
    } else {
      ADJOINT_RETURN_IF_ERROR(rewriter.Copy(id, std::move(attrs)));
    }
    for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
      const Shape& before = node.outputs[i].shape;
      const Shape& after = rewriter.Map(program.graph->VarOf(id, i)).shape();
      for (int axis = 0; axis < before.rank(); ++axis) {
        if (before.dim(axis).is_symbol() && after.dim(axis).is_known()) {
          known.try_emplace(before.dim(axis).name(), after[axis]);
        }
      }
    }
  }
  return rewriter.Finish();
}

Rewriter::Rewriter(const Program& from) : from_(from) {}

void Rewriter::CopyKept() {
  const Graph& old = *from_.graph;
  graph_ = std::make_shared<Graph>();
  graph_->Reserve(old.num_nodes());
  map_.resize(old.num_nodes());
  for (int id = 0; id < old.num_nodes(); ++id) map_[id].resize(old.node(id).outputs.size());
  for (int id = 0; id < kept_; ++id) {
    // Its operands have the specs that they had, so nothing is inferred that could fail.
    ADJOINT_CHECK(Copy(id).ok(), "a node is copied as it is");
  }
}

std::vector<Var> Rewriter::Map(absl::Span<const Var> old) {
  Begin();
  return Peek(old);
}

std::vector<Var> Rewriter::Peek(absl::Span<const Var> old) const {
  std::vector<Var> result(old.begin(), old.end());
  if (graph_ == nullptr) return result;
  for (Var& v : result) v = map_[v.node][v.output];
  return result;
}

bool Rewriter::IsMapped(Var old) const {
  return graph_ == nullptr ? old.node < kept_ : map_[old.node][old.output].valid();
}

absl::Status Rewriter::Copy(int id) {
  if (graph_ == nullptr && id == kept_) {
    ++kept_;
    return absl::OkStatus();
  }
  Begin();
  ADJOINT_ASSIGN_OR_RETURN(const int made,
                           graph_->AppendCopy(*from_.graph, id, Map(from_.graph->node(id).inputs)));
  for (size_t i = 0; i < map_[id].size(); ++i) {
    map_[id][i] = graph_->VarOf(made, static_cast<int>(i));
  }
  return absl::OkStatus();
}

absl::Status Rewriter::Copy(int id, Attrs attrs) {
  Begin();
  const Node& node = from_.graph->node(id);
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<Var> outputs,
                           Add(*node.op, Map(node.inputs), std::move(attrs), id));
  map_[id].assign(outputs.begin(), outputs.end());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Var>> Rewriter::Add(const OpDef& op, std::vector<Var> new_inputs,
                                               Attrs attrs, int like) {
  Begin();
  for (Var& v : new_inputs) v = Made(v);
  const Node& place = from_.graph->node(like);
  return graph_->Append(op, std::move(new_inputs), std::move(attrs), place.location, place.scope);
}

Program Rewriter::Finish() {
  if (graph_ == nullptr && kept_ == from_.graph->num_nodes()) return from_;
  Begin();
  Program to;
  to.name = from_.name;
  to.inputs = from_.inputs;
  to.outputs = from_.outputs;
  to.states = from_.states;
  for (Port& p : to.inputs) p.var = Map(p.var);
  for (Port& p : to.outputs) p.var = Map(p.var);
  for (StateBinding& s : to.states) {
    s.read = Map(s.read);
    s.write = Map(s.write);
  }
  to.graph = std::move(graph_);
  return to;
}

}  // namespace adjoint::graph
