#include "graph/attention.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "ops/arithmetic.h"
#include "ops/builder.h"
#include "ops/comparison.h"
#include "ops/iota.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace adjoint::graph {
namespace {

constexpr double kNever = -1e9;

}  // namespace

AttentionResult ScaledDotProductAttention(Var query, Var key, Var value,
                                          const AttentionOptions& options,
                                          std::source_location location) {
  const Var none{query.builder, -1, 0};
  const AttentionResult failed{none, none};
  if (!query.valid() || !key.valid() || !value.valid()) return failed;
  const ops::ScopedName scope(*query.builder, "attention", &location);
  const auto fail = [&](absl::string_view message) {
    query.builder->Fail(absl::InvalidArgumentError(
        absl::StrCat("attention (", location.file_name(), ":", location.line(), "): ", message)));
    return failed;
  };
  for (Var v : {query, key, value}) {
    if (v.shape().rank() >= 2) continue;
    return fail(absl::StrCat("query, key and value must have rank 2 or more, but one is ",
                             v.spec().ToString()));
  }
  const Dim size = query.shape().dim(query.shape().rank() - 1);
  if (!options.scale.has_value() && !(size.is_known() && size.value() > 0)) {
    return fail(absl::StrCat("without a scale the size must be a number, but query is ",
                             query.spec().ToString()));
  }
  const double scale =
      options.scale.has_value() ? *options.scale : 1 / std::sqrt(static_cast<double>(size.value()));
  // The smaller factor is scaled.
  Var scores = ops::MatMul(query * scale, key, false, true);
  if (options.mask.valid()) {
    scores = options.mask.dtype() == DType::kBool ? ops::Where(options.mask, scores, kNever)
                                                  : scores + options.mask;
  }
  if (options.causal && scores.valid()) {
    const int rank = scores.shape().rank();
    const Dim queries = scores.shape().dim(rank - 2), keys = scores.shape().dim(rank - 1);
    scores = ops::Where(ops::TriangleMask(*scores.builder, queries, keys), scores, kNever);
  }
  const Var weights = ops::Softmax(scores);
  const Var kept = options.dropout ? options.dropout(weights) : weights;
  return {ops::MatMul(kept, value), weights};
}

}  // namespace adjoint::graph
