#ifndef ADJOINT_GRAPH_PASSES_FUSE_CROSS_ENTROPY_H_
#define ADJOINT_GRAPH_PASSES_FUSE_CROSS_ENTROPY_H_

#include "absl/status/statusor.h"
#include "graph/program.h"

namespace adjoint::graph {

// Makes one fused_cross_entropy of the cross-entropy of logits and its gradient in a training
// program, which then reads the logits once: of sparse_softmax_cross_entropy with
// (softmax(x) - one_hot(labels)) factor, and of sum(target log_softmax(x)) with
// z - exp(log_softmax(x)) sum(z), z = target factor. The factor is one number, or one a row, that
// does not depend on the loss: the share of a sample in it, as a rule. Where softmax(x) is read
// elsewhere, by a metric, the fused op gives it as well.
absl::StatusOr<Program> FuseCrossEntropy(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_FUSE_CROSS_ENTROPY_H_
