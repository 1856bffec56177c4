#ifndef ADJOINT_GRAPH_PASSES_READERS_H_
#define ADJOINT_GRAPH_PASSES_READERS_H_

#include <vector>

#include "graph/program.h"

namespace adjoint::graph {

// Who reads the outputs of a program's nodes.
class Readers {
 public:
  // A reader that is a port of the program.
  static constexpr int kPort = -1;

  explicit Readers(const Program& program) : readers_(program.graph->num_nodes()) {
    const Graph& graph = *program.graph;
    for (int id = 0; id < graph.num_nodes(); ++id) {
      readers_[id].resize(graph.node(id).outputs.size());
    }
    for (int id = 0; id < graph.num_nodes(); ++id) {
      for (Var v : graph.node(id).inputs) readers_[v.node][v.output].push_back(id);
    }
    for (const Port& p : program.outputs) Add(p.var);
    for (const StateBinding& s : program.states) Add(s.write);
  }

  // One entry a use.
  const std::vector<int>& Of(int node, int output = 0) const { return readers_[node][output]; }
  const std::vector<int>& Of(Var v) const { return readers_[v.node][v.output]; }
  // The only use of an output, kPort if there is none such.
  int Only(int node, int output = 0) const {
    return Of(node, output).size() == 1 ? Of(node, output)[0] : kPort;
  }

 private:
  void Add(Var v) { readers_[v.node][v.output].push_back(kPort); }

  std::vector<std::vector<std::vector<int>>> readers_;
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_READERS_H_
