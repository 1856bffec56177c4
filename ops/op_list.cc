#include "ops/op_list.h"

#include "ops/activations.h"
#include "ops/arg_reduce.h"
#include "ops/arithmetic.h"
#include "ops/axis_map.h"
#include "ops/barrier.h"
#include "ops/bits.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/conv.h"
#include "ops/csr.h"
#include "ops/ctc.h"
#include "ops/cumulative.h"
#include "ops/draws.h"
#include "ops/elementary.h"
#include "ops/embedding_bag.h"
#include "ops/factorizations.h"
#include "ops/fused_conv.h"
#include "ops/fused_cross_entropy.h"
#include "ops/fused_elementwise.h"
#include "ops/indexing.h"
#include "ops/iota.h"
#include "ops/layer_norm.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/multi_elementwise.h"
#include "ops/nonzero.h"
#include "ops/pool.h"
#include "ops/quantize.h"
#include "ops/random.h"
#include "ops/ravel_indices.h"
#include "ops/reduce.h"
#include "ops/rounding.h"
#include "ops/row_updates.h"
#include "ops/scatter.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "ops/softmax_gradient.h"
#include "ops/sort.h"
#include "ops/unfold.h"

namespace adjoint::ops {

absl::Span<const OpDef* const> AllOps() {
  // One line an op, grouped by family; the order is that of the listing in docs.
  static const OpDef* const kOps[] = {
      // leaf
      &InputOp(),
      &ConstantOp(),
      // elementwise: arithmetic
      &AddOp(),
      &SubOp(),
      &MulOp(),
      &DivOp(),
      &NegOp(),
      &AbsOp(),
      &SquareOp(),
      &SignOp(),
      &MaximumOp(),
      &MinimumOp(),
      &PowOp(),
      &SqrtOp(),
      &ExpOp(),
      &LogOp(),
      // elementwise: elementary functions
      &Expm1Op(),
      &Log1pOp(),
      &Exp2Op(),
      &Log2Op(),
      &Log10Op(),
      &SinOp(),
      &CosOp(),
      &TanOp(),
      &AsinOp(),
      &AcosOp(),
      &AtanOp(),
      &Atan2Op(),
      &SinhOp(),
      &CoshOp(),
      &AsinhOp(),
      &AcoshOp(),
      &AtanhOp(),
      // elementwise: rounding and remainders
      &FloorOp(),
      &CeilOp(),
      &TruncOp(),
      &RoundOp(),
      &ModOp(),
      &FmodOp(),
      // elementwise: bits
      &BitwiseAndOp(),
      &BitwiseOrOp(),
      &BitwiseXorOp(),
      &BitwiseNotOp(),
      &ShiftLeftOp(),
      &ShiftRightOp(),
      // elementwise: comparison
      &EqualOp(),
      &NotEqualOp(),
      &LessOp(),
      &LessEqualOp(),
      &GreaterOp(),
      &GreaterEqualOp(),
      &LogicalAndOp(),
      &LogicalOrOp(),
      &LogicalXorOp(),
      &LogicalNotOp(),
      &WhereOp(),
      // elementwise: activations
      &ReluOp(),
      &TanhOp(),
      &SigmoidOp(),
      &SoftplusOp(),
      &ErfOp(),
      &GeluOp(),
      // elementwise: others
      &CastOp(),
      &StopGradientOp(),
      &BarrierOp(),
      &SavedOp(),
      &FusedElementwiseOp(),
      &MultiElementwiseOp(),
      // matrix products
      &MatMulOp(),
      &FusedMatMulOp(),
      &CsrMatMulOp(),
      &CsrTransposedMatMulOp(),
      &CsrSampledMatMulOp(),
      &MatMulIntegerOp(),
      // convolution
      &ConvOp(),
      &ConvInputGradientOp(),
      &ConvWeightsGradientOp(),
      &FusedConvOp(),
      &FusedConvInputGradientOp(),
      &FusedConvWeightsGradientOp(),
      // pooling
      &MaxPoolOp(),
      &MaxUnpoolOp(),
      &MaxPoolGatherOp(),
      &AveragePoolOp(),
      &AveragePoolGradientOp(),
      // resizing, columns of windows
      &AxisMapOp(),
      &UnfoldOp(),
      &FoldOp(),
      // factorizations
      &DetOp(),
      &SlogDetOp(),
      &SolveOp(),
      &CholeskyOp(),
      // shapes
      &ReshapeOp(),
      &TransposeOp(),
      &BroadcastToOp(),
      &SizeOfOp(),
      &SliceOp(),
      &SliceScatterOp(),
      &ConcatOp(),
      &PadOp(),
      &ReverseSequenceOp(),
      &IotaOp(),
      // reductions
      &SumOp(),
      &MeanOp(),
      &ReduceMaxOp(),
      &ReduceMinOp(),
      &ReduceProdOp(),
      &ArgMaxOp(),
      &ArgMinOp(),
      &CumSumOp(),
      &CumProdOp(),
      &LinearRecurrenceOp(),
      &SoftmaxOp(),
      &SoftmaxGradientOp(),
      &LogSoftmaxOp(),
      &SparseSoftmaxCrossEntropyOp(),
      &FusedCrossEntropyOp(),
      &LayerNormOp(),
      &LayerNormGradOp(),
      // indexing
      &GatherOp(),
      &ScatterAddOp(),
      &OneHotOp(),
      &RavelIndicesOp(),
      &TakeAlongAxisOp(),
      &ScatterOp(),
      &ScatterAlongAxisOp(),
      &SegmentIdsOp(),
      &NonZeroOp(),
      &UniqueOp(),
      &SumByRowOp(),
      &UpdateRowsOp(),
      // order
      &ArgSortOp(),
      &TopKIndicesOp(),
      // random
      &DropoutOp(),
      &RandomUniformOp(),
      &RandomNormalOp(),
      &RandomIntegersOp(),
      &RandomPermutationOp(),
      &RandomCategoricalOp(),
      // losses
      &CtcLossOp(),
      &CtcLossGradientOp(),
  };
  return kOps;
}

const OpDef* FindOp(absl::string_view name) {
  for (const OpDef* op : AllOps()) {
    if (op->name == name) return op;
  }
  return nullptr;
}

}  // namespace adjoint::ops
