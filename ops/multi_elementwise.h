#ifndef ADJOINT_OPS_MULTI_ELEMENTWISE_H_
#define ADJOINT_OPS_MULTI_ELEMENTWISE_H_

#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/attrs.h"
#include "ops/elementwise_tape.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// Internal: several fused_elementwise, each of a shape of its own, that a pass made into one node:
// an optimizer's updates of all small parameters are one step of a program. The attribute `tapes`
// holds a tape a part. The node's inputs are those of the first part, then those of the second, and
// so on, and so are its outputs; what several parts read (a learning rate) is repeated. Parts run
// in order.
//
// An output may take the memory of an input of its own part, of equal spec, that no other part
// reads (InOnePart).
const OpDef& MultiElementwiseOp();

// The attributes of such a node.
Attrs MultiElementwiseAttrs(std::vector<std::shared_ptr<const ElementwiseTape>> tapes);

// Whether input `input` and output `output` of a multi_elementwise with these attributes belong to
// one part.
bool InOnePart(const Attrs& attrs, int input, int output);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_MULTI_ELEMENTWISE_H_
