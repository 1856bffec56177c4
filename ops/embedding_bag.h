#ifndef ADJOINT_OPS_EMBEDDING_BAG_H_
#define ADJOINT_OPS_EMBEDDING_BAG_H_

#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// How an embedding bag joins the rows of a bag. The mean of an empty bag is 0.
enum class BagMode { kSum, kMean };

// For each bag the sum, or the mean, of rows of `table` [rows, n]: bag j holds the indices
// offsets[j] .. offsets[j+1]-1 (the last: to the end) of `indices` (i32 or i64, one axis). Offsets
// are as for SegmentIds. `weights`, when not default-constructed, has an entry an index and
// multiplies its row (kSum alone). The result is [bags, n]. As PyTorch's EmbeddingBag. Where bags
// are rows of a CSR matrix, MatMul of ops/csr.h is the same without the rows in between.
Var EmbeddingBag(Operand table, Operand indices, Operand offsets, BagMode mode = BagMode::kSum,
                 Var weights = {});

// For each entry of `like`, of one axis, the number of its segment, i64: that of the last of
// `offsets` (i32 or i64, one axis) that is not beyond it. Offsets begin with 0, do not descend and
// are at most the number of entries; others are an error when the program runs, which names
// position, offset and bound. Without offsets there may be no entries. The gradient is zero by
// definition.
Var SegmentIds(Operand offsets, Operand like);

const OpDef& SegmentIdsOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_EMBEDDING_BAG_H_
