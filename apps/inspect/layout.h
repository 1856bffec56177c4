#ifndef ADJOINT_APPS_INSPECT_LAYOUT_H_
#define ADJOINT_APPS_INSPECT_LAYOUT_H_

#include <utility>
#include <vector>

namespace adjoint::apps::inspect {

struct Box {
  double width, height;
};

struct Point {
  double x, y;
};

struct Layout {
  std::vector<Point> centers;             // of the boxes
  std::vector<std::vector<Point>> paths;  // of each edge, from the box above to the box below
  double width = 0, height = 0;
};

// Places boxes in layers as Sugiyama, Tagawa and Toda have it ("Methods for Visual Understanding of
// Hierarchical System Structures", 1981): a box stands below those with an edge to it; edges over
// several layers bend around what lies between; within a layer the order follows the mean of the
// neighbours, and so do the places, as far as boxes leave room (least squares, by isotonic
// regression). An edge that leads to an earlier box is drawn as its reverse, so cycles do no harm.
Layout MakeLayout(const std::vector<Box>& boxes, const std::vector<std::pair<int, int>>& edges);

}  // namespace adjoint::apps::inspect

#endif  // ADJOINT_APPS_INSPECT_LAYOUT_H_
