#ifndef ADJOINT_OPS_FUSED_ELEMENTWISE_H_
#define ADJOINT_OPS_FUSED_ELEMENTWISE_H_

#include <memory>

#include "ops/elementwise_tape.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// Internal: a chain, or net, of elementwise ops that a pass made into one node. The attribute
// `tape` is an ElementwiseTape with as many inputs and outputs as the node. All inputs broadcast
// together, and every output has the resulting shape. May run in place as ops/tile_engine.h says.
const OpDef& FusedElementwiseOp();

// The attributes of such a node.
Attrs FusedElementwiseAttrs(ElementwiseTape tape);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_FUSED_ELEMENTWISE_H_
