#include "graph/dot.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

// A string of the DOT language; lines of a label end with "\n".
std::string Quoted(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}, {"\r", ""}}),
      "\"");
}

// Attributes hold constants and tapes, which may be long.
std::string Shortened(std::string text) {
  constexpr size_t kMax = 60;
  if (text.size() > kMax) text = absl::StrCat(text.substr(0, kMax), "...");
  return text;
}

std::string Label(const Node& node) {
  const std::string attrs = Shortened(node.attrs.ToString());
  return absl::StrCat(node.op->name, attrs.empty() ? "" : "\n", attrs, "\n",
                      absl::StrJoin(node.outputs, ", ", [](std::string* out, const TensorSpec& s) {
                        absl::StrAppend(out, s.ToString());
                      }));
}

std::string NodeLine(const Graph& graph, int id, const std::map<int, std::string>& outside) {
  const Node& node = graph.node(id);
  const auto name = outside.find(id);
  if (name != outside.end()) {
    return absl::StrCat("n", id, " [shape=ellipse, label=",
                        Quoted(absl::StrCat(name->second, "\n", node.outputs[0].ToString())), "]");
  }
  return absl::StrCat("n", id, " [label=", Quoted(Label(node)), "]");
}

}  // namespace

std::string ToDot(const Program& program) {
  const Graph& graph = *program.graph;
  std::map<int, std::string> outside;  // node to name, of inputs and variables
  for (const Port& port : program.inputs) outside[port.var.node] = port.name;
  for (const StateBinding& state : program.states) outside[state.read.node] = state.variable;
  std::map<std::string, std::vector<int>> scopes;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    scopes[outside.contains(id) ? "" : *graph.node(id).scope].push_back(id);
  }
  std::string dot = absl::StrCat("digraph ", Quoted(program.name), " {\n",
                                 "  node [shape=box, fontname=\"sans-serif\", fontsize=10]\n");
  int cluster = 0;
  for (const auto& [scope, ids] : scopes) {
    if (!scope.empty()) {
      absl::StrAppend(&dot, "  subgraph cluster_", cluster++,
                      " {\n    style=dashed; label=", Quoted(scope), "\n");
    }
    for (const int id : ids) {
      absl::StrAppend(&dot, scope.empty() ? "  " : "    ", NodeLine(graph, id, outside), "\n");
    }
    if (!scope.empty()) absl::StrAppend(&dot, "  }\n");
  }
  for (int id = 0; id < graph.num_nodes(); ++id) {
    for (const Var v : graph.node(id).inputs) {
      absl::StrAppend(&dot, "  n", v.node, " -> n", id, "\n");
    }
  }
  const auto add_result = [&](absl::string_view id, absl::string_view name, Var v) {
    absl::StrAppend(&dot, "  ", id, " [shape=ellipse, peripheries=2, label=", Quoted(name), "]\n",
                    "  n", v.node, " -> ", id, "\n");
  };
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    add_result(absl::StrCat("out", i), program.outputs[i].name, program.outputs[i].var);
  }
  for (size_t i = 0; i < program.states.size(); ++i) {
    const StateBinding& state = program.states[i];
    if (state.write == state.read) continue;
    add_result(absl::StrCat("state", i), absl::StrCat(state.variable, "'"), state.write);
  }
  return absl::StrCat(dot, "}\n");
}

}  // namespace adjoint::graph
