#include "ops/embedding_bag.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/elementwise.h"
#include "ops/fail.h"
#include "ops/index_check.h"
#include "ops/indexing.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

template <typename Index>
MaybeKernel MakeSegmentIds(int64_t segments, int64_t n) {
  return MakeKernel([segments, n](const KernelArgs& args) {
    const Index* offsets = In<Index>(args, 0);
    if (segments == 0 && n > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("segment_ids: there are ", n, " entries, but no offsets"));
    }
    for (int64_t j = 0; j < segments; ++j) {
      const int64_t low = j == 0 ? 0 : offsets[j - 1], high = j == 0 ? 0 : n;
      if (offsets[j] >= low && offsets[j] <= high) continue;
      return absl::InvalidArgumentError(absl::StrCat("segment_ids: offset ", offsets[j],
                                                     " at position [", j, "] is outside ", low,
                                                     "..", high));
    }
    int64_t* ids = Out<int64_t>(args);
    for (int64_t j = 0; j < segments; ++j) {
      const int64_t end = j + 1 < segments ? offsets[j + 1] : n;
      for (int64_t i = offsets[j]; i < end; ++i) ids[i] = j;
    }
    return absl::OkStatus();
  });
}

MaybeKernel PrepareSegmentIds(const KernelRequest& r) {
  const int64_t segments = r.inputs[0].shape[0], n = r.inputs[1].shape[0];
  if (r.inputs[0].dtype == DType::kI64) return MakeSegmentIds<int64_t>(segments, n);
  return MakeSegmentIds<int32_t>(segments, n);
}

}  // namespace

const OpDef& SegmentIdsOp() {
  static const OpDef* const op = new OpDef{
      .name = "segment_ids",
      .min_inputs = 2,
      .max_inputs = 2,
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckIndexType("offsets", c.inputs[0]));
        for (int i : {0, 1}) {
          if (c.inputs[i].shape.rank() == 1) continue;
          return absl::InvalidArgumentError(absl::StrCat(i == 0 ? "offsets" : "entries",
                                                         " have rank ", c.inputs[i].shape.rank(),
                                                         "; they must have one axis"));
        }
        return std::vector<TensorSpec>{{DType::kI64, c.inputs[1].shape}};
      },
      .vjp = ZeroCotangents,
      .kernels = {{"reference", PrepareSegmentIds}},
  };
  return *op;
}

Var SegmentIds(Operand offsets, Operand like) { return Apply1(SegmentIdsOp(), {offsets, like}); }

Var EmbeddingBag(Operand table, Operand indices, Operand offsets, BagMode mode, Var weights) {
  const Var invalid{table.var.builder, -1, 0};
  if (!table.var.valid() || !indices.var.valid() || !offsets.var.valid()) return invalid;
  if (table.var.shape().rank() != 2 || !IsFloating(table.var.dtype())) {
    return FailAt(table, "embedding_bag", "the table must be a matrix of f32 or f64");
  }
  const bool weighted = weights.builder != nullptr;
  if (weighted && (mode == BagMode::kMean || weights.shape() != indices.var.shape() ||
                   weights.dtype() != table.var.dtype())) {
    return FailAt(table, "embedding_bag",
                  absl::StrCat("weights are ", weights.spec().ToString(), " for indices ",
                               indices.var.spec().ToString(),
                               "; they are for sums, one of the table's type an index"));
  }
  const Var ids = SegmentIds(offsets, indices);
  if (!ids.valid()) return ids;
  Var rows = Gather(table, indices, 0);
  if (weighted && weights.valid()) rows = rows * ExpandDims(weights, -1);
  const Dim bags = offsets.var.shape().dim(0);
  const Var sum = ScatterAdd(ZerosLike(table.var, {bags, table.var.shape().dim(1)}), ids, rows, 0);
  if (mode == BagMode::kSum) return sum;
  const Var ones = BroadcastTo(ScalarLike(table.var, 1), indices.var.shape());
  const Var counts = ScatterAdd(ZerosLike(table.var, {bags}), ids, ones, 0);
  return sum / ExpandDims(Maximum(counts, 1), -1);
}

}  // namespace adjoint::ops
