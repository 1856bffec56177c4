#include "apps/inspect/layout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>

namespace adjoint::apps::inspect {
namespace {

constexpr double kGapX = 22, kGapY = 34, kMargin = 16, kBendWidth = 6;
constexpr int kOrderSweeps = 8, kPlaceSweeps = 14;
// More bends than this take longer than anyone looks at; long edges are then straight.
constexpr int64_t kMaxBends = 300'000;

// A box, or the place where a long edge passes a layer.
struct Item {
  double width = kBendWidth;
  double x = 0;  // of its center
  std::vector<int> above = {}, below = {};
  bool bend = false;
};

// Minimises the sum of weight * (x - wanted)^2 under x[i + 1] - x[i] >= gap[i]: the pool-adjacent-
// violators algorithm on what is left when the gaps are taken off.
std::vector<double> Place(const std::vector<double>& wanted, const std::vector<double>& weight,
                          const std::vector<double>& gap) {
  struct Block {
    double sum, weight;
    size_t count;
    double mean() const { return sum / weight; }
  };
  std::vector<Block> blocks;
  double offset = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i > 0) offset += gap[i - 1];
    blocks.push_back({weight[i] * (wanted[i] - offset), weight[i], 1});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() > blocks.back().mean()) {
      const Block last = blocks.back();
      blocks.pop_back();
      blocks.back().sum += last.sum;
      blocks.back().weight += last.weight;
      blocks.back().count += last.count;
    }
  }
  std::vector<double> x;
  offset = 0;
  for (const Block& block : blocks) {
    for (size_t i = 0; i < block.count; ++i) {
      if (!x.empty()) offset += gap[x.size() - 1];
      x.push_back(block.mean() + offset);
    }
  }
  return x;
}

class Maker {
 public:
  Maker(const std::vector<Box>& boxes, const std::vector<std::pair<int, int>>& edges)
      : boxes_(boxes), edges_(edges) {}

  Layout Make() {
    AssignLayers();
    AddItems();
    Order();
    PlaceItems();
    return Result();
  }

 private:
  std::pair<int, int> Downward(const std::pair<int, int>& edge) const {
    return {std::min(edge.first, edge.second), std::max(edge.first, edge.second)};
  }

  void AssignLayers() {
    const int n = static_cast<int>(boxes_.size());
    layer_.assign(boxes_.size(), 0);
    std::vector<std::vector<int>> from(boxes_.size()), to(boxes_.size());
    for (const auto& edge : edges_) {
      const auto [a, b] = Downward(edge);
      if (a == b) continue;
      from[b].push_back(a);
      to[a].push_back(b);
    }
    for (int b = 0; b < n; ++b) {
      for (const int a : from[b]) layer_[b] = std::max(layer_[b], layer_[a] + 1);
    }
    // What nothing stands above goes down to where it is needed.
    for (int a = n - 1; a >= 0; --a) {
      if (!from[a].empty() || to[a].empty()) continue;
      int lowest = std::numeric_limits<int>::max();
      for (const int b : to[a]) lowest = std::min(lowest, layer_[b]);
      layer_[a] = lowest - 1;
    }
    layers_.resize(n == 0 ? 0 : *std::max_element(layer_.begin(), layer_.end()) + 1);
  }

  void Connect(int above, int below) {
    items_[above].below.push_back(below);
    items_[below].above.push_back(above);
  }

  void AddItems() {
    items_.resize(boxes_.size());
    for (size_t i = 0; i < boxes_.size(); ++i) {
      items_[i].width = boxes_[i].width;
      layers_[layer_[i]].push_back(static_cast<int>(i));
    }
    int64_t bends = 0;
    for (const auto& edge : edges_) {
      const auto [a, b] = Downward(edge);
      bends += std::max(0, layer_[b] - layer_[a] - 1);
    }
    bends_.resize(edges_.size());
    for (size_t e = 0; e < edges_.size(); ++e) {
      const auto [a, b] = Downward(edges_[e]);
      if (a == b) continue;
      int above = a;
      for (int layer = layer_[a] + 1; bends <= kMaxBends && layer < layer_[b]; ++layer) {
        const int bend = static_cast<int>(items_.size());
        items_.push_back({.bend = true});
        layers_[layer].push_back(bend);
        bends_[e].push_back(bend);
        Connect(above, bend);
        above = bend;
      }
      Connect(above, b);
    }
  }

  void Order() {
    std::vector<double> place(items_.size()), key(items_.size());
    const auto number = [&](const std::vector<int>& layer) {
      for (size_t i = 0; i < layer.size(); ++i) {
        place[layer[i]] = (static_cast<double>(i) + 0.5) / static_cast<double>(layer.size());
      }
    };
    for (const auto& layer : layers_) number(layer);
    for (int sweep = 0; sweep < kOrderSweeps; ++sweep) {
      const bool down = sweep % 2 == 0;
      for (size_t l = 0; l < layers_.size(); ++l) {
        std::vector<int>& layer = layers_[down ? l : layers_.size() - 1 - l];
        for (const int item : layer) {
          const std::vector<int>& near = down ? items_[item].above : items_[item].below;
          double sum = 0;
          for (const int other : near) sum += place[other];
          key[item] = near.empty() ? place[item] : sum / static_cast<double>(near.size());
        }
        std::stable_sort(layer.begin(), layer.end(), [&](int a, int b) { return key[a] < key[b]; });
        number(layer);
      }
    }
  }

  void PlaceItems() {
    for (const std::vector<int>& layer : layers_) {
      double x = 0;
      for (const int item : layer) {
        items_[item].x = x + items_[item].width / 2;
        x += items_[item].width + kGapX;
      }
      for (const int item : layer) items_[item].x -= x / 2;
    }
    for (int sweep = 0; sweep < kPlaceSweeps; ++sweep) {
      for (size_t l = 0; l < layers_.size(); ++l) {
        PlaceLayer(layers_[sweep % 2 == 0 ? l : layers_.size() - 1 - l], sweep);
      }
    }
  }

  void PlaceLayer(const std::vector<int>& layer, int sweep) {
    std::vector<double> wanted, weight, gap;
    for (size_t i = 0; i < layer.size(); ++i) {
      const Item& item = items_[layer[i]];
      double sum = 0, total = 0;
      const auto add = [&](const std::vector<int>& near) {
        for (const int other : near) {
          const double w =
              item.bend && items_[other].bend ? 4 : 1;  // long edges want to be straight
          sum += w * items_[other].x;
          total += w;
        }
      };
      const bool last = sweep >= kPlaceSweeps - 2;
      if (last || sweep % 2 == 0) add(item.above);
      if (last || sweep % 2 == 1) add(item.below);
      wanted.push_back(total > 0 ? sum / total : item.x);
      weight.push_back(total > 0 ? total : 0.1);
      if (i > 0) {
        gap.push_back((items_[layer[i - 1]].width + item.width) / 2 + kGapX);
      }
    }
    const std::vector<double> x = Place(wanted, weight, gap);
    for (size_t i = 0; i < layer.size(); ++i) items_[layer[i]].x = x[i];
  }

  Layout Result() const {
    Layout layout;
    layout.centers.resize(boxes_.size());
    double left = 0, right = 0;
    for (size_t i = 0; i < items_.size(); ++i) {
      const double a = items_[i].x - items_[i].width / 2, b = items_[i].x + items_[i].width / 2;
      left = i == 0 ? a : std::min(left, a);
      right = i == 0 ? b : std::max(right, b);
    }
    std::vector<double> top(layers_.size()), middle(layers_.size()), bottom(layers_.size());
    double y = kMargin;
    for (size_t l = 0; l < layers_.size(); ++l) {
      double height = 0;
      for (const int item : layers_[l]) {
        if (!items_[item].bend) height = std::max(height, boxes_[item].height);
      }
      top[l] = y;
      middle[l] = y + height / 2;
      bottom[l] = y + height;
      y += height + kGapY;
    }
    layout.width = right - left + 2 * kMargin;
    layout.height = layers_.empty() ? 2 * kMargin : bottom.back() + kMargin;
    const auto x_of = [&](int item) { return items_[item].x - left + kMargin; };
    for (size_t i = 0; i < boxes_.size(); ++i) {
      layout.centers[i] = {x_of(static_cast<int>(i)), middle[layer_[i]]};
    }
    for (size_t e = 0; e < edges_.size(); ++e) {
      const auto [a, b] = Downward(edges_[e]);
      std::vector<Point> path;
      path.push_back({layout.centers[a].x, layout.centers[a].y + boxes_[a].height / 2});
      for (size_t i = 0; i < bends_[e].size(); ++i) {
        const size_t l = static_cast<size_t>(layer_[a]) + 1 + i;
        path.push_back({x_of(bends_[e][i]), top[l]});
        path.push_back({x_of(bends_[e][i]), bottom[l]});
      }
      path.push_back({layout.centers[b].x, layout.centers[b].y - boxes_[b].height / 2});
      if (edges_[e].first > edges_[e].second) std::reverse(path.begin(), path.end());
      layout.paths.push_back(std::move(path));
    }
    return layout;
  }

  const std::vector<Box>& boxes_;
  const std::vector<std::pair<int, int>>& edges_;
  std::vector<int> layer_;                // of each box
  std::vector<std::vector<int>> layers_;  // items from left to right
  std::vector<Item> items_;               // the boxes, then the bends
  std::vector<std::vector<int>> bends_;   // of each edge
};

}  // namespace

Layout MakeLayout(const std::vector<Box>& boxes, const std::vector<std::pair<int, int>>& edges) {
  return Maker(boxes, edges).Make();
}

}  // namespace adjoint::apps::inspect
