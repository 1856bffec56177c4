#ifndef ADJOINT_GRAPH_DOT_H_
#define ADJOINT_GRAPH_DOT_H_

#include <string>

#include "graph/program.h"

namespace adjoint::graph {

// The program as a picture in Graphviz' DOT language: a box a node with op, attributes and specs,
// ellipses for inputs and variables, double ones for outputs, a dashed frame around each layer's
// nodes, an edge an operand. `dot -Tsvg` draws it. Requires a graph.
std::string ToDot(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_DOT_H_
