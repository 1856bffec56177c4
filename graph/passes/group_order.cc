#include "graph/passes/group_order.h"

#include <functional>
#include <queue>
#include <utility>

namespace adjoint::graph {

std::vector<int> OrderGroups(const Graph& graph, absl::Span<const int> group_of,
                             absl::Span<const std::vector<int>> members,
                             absl::Span<const std::pair<int, int>> before) {
  const int n = static_cast<int>(members.size());
  struct Edge {
    int reader;
    int next;  // of the same producer, -1 for none
  };
  std::vector<Edge> edges;
  edges.reserve(2 * graph.num_nodes());
  std::vector<int> first_edge(n, -1), waiting(n, 0);
  const auto add_edge = [&](int producer, int reader) {
    if (producer == reader) return;
    edges.push_back({reader, first_edge[producer]});
    first_edge[producer] = static_cast<int>(edges.size()) - 1;
    ++waiting[reader];
  };
  for (int id = 0; id < graph.num_nodes(); ++id) {
    for (Var v : graph.node(id).inputs) add_edge(group_of[v.node], group_of[id]);
  }
  for (const auto& [first, second] : before) add_edge(group_of[first], group_of[second]);
  using Entry = std::pair<int, int>;  // id of the last member, group
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> ready;
  const auto offer = [&](int g) {
    if (!members[g].empty()) ready.push({members[g].back(), g});
  };
  for (int g = 0; g < n; ++g) {
    if (waiting[g] == 0) offer(g);
  }
  std::vector<int> order;
  order.reserve(n);
  while (!ready.empty()) {
    const int group = ready.top().second;
    ready.pop();
    order.push_back(group);
    for (int e = first_edge[group]; e >= 0; e = edges[e].next) {
      if (--waiting[edges[e].reader] == 0) offer(edges[e].reader);
    }
  }
  return order;
}

}  // namespace adjoint::graph
