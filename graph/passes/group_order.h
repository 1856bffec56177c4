#ifndef ADJOINT_GRAPH_PASSES_GROUP_ORDER_H_
#define ADJOINT_GRAPH_PASSES_GROUP_ORDER_H_

#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "graph/graph.h"

namespace adjoint::graph {

// For passes that make nodes out of groups of nodes: the groups such that each comes after those it
// reads. Among those that are ready the one whose last member comes first, which keeps the order of
// the program as it was. `group_of` has the group of each node, `members` the ids of each group in
// ascending order; groups without members are left out. `before` has further pairs of nodes, the
// first of which is to run before the second. Requires that the contracted graph, those pairs
// included, has no cycle.
std::vector<int> OrderGroups(const Graph& graph, absl::Span<const int> group_of,
                             absl::Span<const std::vector<int>> members,
                             absl::Span<const std::pair<int, int>> before = {});

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_GROUP_ORDER_H_
