#ifndef ADJOINT_GRAPH_ONNX_LOWER_SPATIAL_H_
#define ADJOINT_GRAPH_ONNX_LOWER_SPATIAL_H_

#include "graph/onnx/node_context.h"
#include "ops/conv.h"

namespace adjoint::onnx {

// What the attributes of a convolution of x with these weights say.
ops::ConvOptions ConvOptionsOf(NodeContext& c, Var x, Var weights);

}  // namespace adjoint::onnx

#endif  // ADJOINT_GRAPH_ONNX_LOWER_SPATIAL_H_
