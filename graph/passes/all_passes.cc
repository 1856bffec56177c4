#include "graph/passes/cse.h"
#include "graph/passes/dce.h"
#include "graph/passes/fold.h"
#include "graph/passes/fuse_conv.h"
#include "graph/passes/fuse_cross_entropy.h"
#include "graph/passes/fuse_elementwise.h"
#include "graph/passes/fuse_matmul.h"
#include "graph/passes/group_updates.h"
#include "graph/passes/inline_calls.h"
#include "graph/passes/loops.h"
#include "graph/passes/pass.h"
#include "graph/passes/pool_before_relu.h"
#include "graph/passes/propagate_layouts.h"
#include "graph/passes/recognize.h"
#include "graph/passes/scale_weights.h"
#include "graph/passes/simplify.h"

namespace adjoint::graph {

absl::Span<const Pass> AllPasses() {
  static const std::vector<Pass>* const passes = new std::vector<Pass>{
      {"dce", EliminateDeadCode},
      {"inline_calls", InlineCalls},
      {"prune_bodies", PruneBodies},
      {"hoist_invariants", HoistInvariants},
      {"simplify", Simplify},
      {"fold", FoldConstants},
      {"cse", EliminateCommonSubexpressions},
      {"scale_weights", ScaleWeights},
      {"recognize", Recognize},
      {"pool_before_relu", PoolBeforeRelu},
      {"fuse_conv", FuseConv},
      {"propagate_layouts", PropagateLayouts},
      {"fuse_matmul", FuseMatMul},
      {"fuse_cross_entropy", FuseCrossEntropy},
      {"fuse_elementwise", FuseElementwise},
      {"group_updates", GroupUpdates},
  };
  return *passes;
}

}  // namespace adjoint::graph
