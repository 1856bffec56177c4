#ifndef ADJOINT_GRAPH_ONNX_LOWER_UNROLLED_H_
#define ADJOINT_GRAPH_ONNX_LOWER_UNROLLED_H_

#include <cstdint>
#include <vector>

#include "graph/onnx/lower/lowering.h"

namespace adjoint::onnx {

// Loops whose steps are put into the graph one after the other, while the model is imported. So
// values carried may be sequences, and may change their shapes, but what ends the loop must be
// known.

// Slice i of an axis, without it.
Var SliceAt(Var x, int64_t axis, int64_t i);

// A single bool that must be known; false after a mistake.
bool KnownBool(NodeContext& c, Var v);

// A Loop of these initial values. Its body takes (iteration, condition, carried...) and gives
// (condition, carried..., stacked...).
Values UnrolledLoop(NodeContext& c, const pb::GraphProto& body, Values carried);

// Axes and directions of a Scan's operands or results.
struct ScanPlan {
  std::vector<int64_t> axes;
  std::vector<int64_t> backward;
};

// One scan: states, then slices of the operands, through the body.
Values UnrolledScan(NodeContext& c, const pb::GraphProto& body, Values states,
                    const std::vector<Var>& operands, const ScanPlan& in, const ScanPlan& out);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_LOWER_UNROLLED_H_
