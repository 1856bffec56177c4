#ifndef ADJOINT_OPS_FUSED_ELEMENTWISE_H_
#define ADJOINT_OPS_FUSED_ELEMENTWISE_H_

#include <memory>
#include <optional>

#include "ops/elementwise_tape.h"
#include "ops/op_def.h"
#include "ops/tape_closings.h"

namespace adjoint::ops {

// Internal: a chain, or net, of elementwise ops that a pass made into one node. The attribute
// `tape` is an ElementwiseTape with as many inputs and outputs as the node. All inputs broadcast
// together, and every output has the resulting shape, or that without its last axes where the tape
// reduces it. May run in place as ops/tile_engine.h says.
const OpDef& FusedElementwiseOp();

// What a tape closes with in place of this op, a reduction; nothing for other ops.
std::optional<Reduction> ClosingReduction(const OpDef& op);

// The attributes of such a node.
Attrs FusedElementwiseAttrs(ElementwiseTape tape);
Attrs FusedElementwiseAttrs(std::shared_ptr<const ElementwiseTape> tape);

// Whether output `output` of such a node may be the memory of an input of its spec. One that is
// reduced may not: elements of that input may be read again.
bool MayOverwriteInputs(const Attrs& attrs, int output);

// The tape in these attributes.
std::shared_ptr<const ElementwiseTape> FusedElementwiseTape(const Attrs& attrs);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_FUSED_ELEMENTWISE_H_
