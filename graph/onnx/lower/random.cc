#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/shape_ops.h"

// Random numbers: ONNX does not say how they are drawn, so no two runtimes agree on them, and what
// depends on them is refused. Dropout without training has none.

namespace adjoint::onnx {
namespace {

using ops::Var;

Values Refuse(NodeContext& c) {
  return One(c.Unsupported("its values are random, and ONNX does not define the draw"));
}

Values Dropout(NodeContext& c) {
  const Var x = c.In(0);
  bool training = false;
  double ratio = 0.5;
  if (c.version() < 12) {
    ratio = c.Float("ratio", 0.5f);
    if (c.version() < 7) training = !c.Flag("is_test", false);
    if (c.version() < 6) c.Ints("consumed_inputs");
  } else {
    c.Int("seed", 0);
    if (c.Has(2)) training = c.KnownInt(2) != 0;
    if (training && c.Has(1)) ratio = c.KnownNumber(1);
  }
  if (!c.ok()) return {};
  if (training && ratio != 0) return Refuse(c);
  if (!c.Wants(1)) return One(x);
  const Var kept = c.version() < 10 ? c.ScalarOf(x.dtype(), 1) : c.Scalar<bool>(true);
  return {x, ops::BroadcastTo(kept, x.shape())};
}

constexpr Lowering kRows[] = {
    {"Dropout", 1, 1, 3, Dropout, Takes::kAny},
    {"Bernoulli", 15, 1, 1, Refuse, Takes::kAny},
    {"Multinomial", 7, 1, 1, Refuse, Takes::kAny},
    {"RandomNormal", 1, 0, 0, Refuse, Takes::kAny},
    {"RandomNormalLike", 1, 1, 1, Refuse, Takes::kAny},
    {"RandomUniform", 1, 0, 0, Refuse, Takes::kAny},
    {"RandomUniformLike", 1, 1, 1, Refuse, Takes::kAny},
};

}  // namespace

absl::Span<const Lowering> RandomLowerings() { return kRows; }

}  // namespace adjoint::onnx
