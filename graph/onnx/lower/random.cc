#include "ops/random.h"

#include <bit>
#include <optional>

#include "absl/strings/str_cat.h"
#include "graph/onnx/importer.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/draws.h"
#include "ops/shape_ops.h"

// Random numbers. ONNX does not say how they are drawn, so no two runtimes agree on them: here they
// are Philox draws (ops/draws.h), or refused on request. Dropout without training has none.

namespace adjoint::onnx {
namespace {

using ops::Var;

// What a node draws from: the model's seed or its own, and the number of the run.
struct Source {
  Var seed, step;
};

std::optional<Source> SourceOf(NodeContext& c) {
  const bool own_seed = c.HasAttr("seed");
  const float own = c.Float("seed", 0);
  if (!c.ok()) return std::nullopt;
  const std::optional<int64_t> seed = c.importer().options().seed;
  if (!seed.has_value()) {
    c.Unsupported("its values are random, and ONNX does not define the draw");
    return std::nullopt;
  }
  // The draws of a loop's step would be the same in each.
  if (c.importer().InLoopStep()) {
    c.Fail("it draws in the step of a loop");
    return std::nullopt;
  }
  return Source{c.Scalar<int64_t>(own_seed ? std::bit_cast<int32_t>(own) : *seed),
                c.importer().RunCounter()};
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
  const auto mask_of = [&](Var kept) {  // bool, or in older versions ones of x's type
    return c.version() < 10 ? ops::Cast(kept, x.dtype()) : kept;
  };
  if (!training || ratio == 0) {
    if (!c.Wants(1)) return One(x);
    return {x, mask_of(ops::BroadcastTo(c.Scalar<bool>(true), x.shape()))};
  }
  // Its `seed` is an integer, unlike that of the others.
  const std::optional<int64_t> seed = c.importer().options().seed;
  if (!seed.has_value()) {
    return One(c.Unsupported("its values are random, and ONNX does not define the draw"));
  }
  if (c.importer().InLoopStep()) return One(c.Fail("it draws in the step of a loop"));
  if (!(ratio > 0 && ratio < 1)) {
    return One(c.Fail(absl::StrCat("the ratio is ", ratio, "; it must be in [0, 1)")));
  }
  const Var own_seed = c.Scalar<int64_t>(c.Int("seed", *seed)), step = c.importer().RunCounter();
  const ops::DropoutOptions options{
      .stream = ops::RandomStreamFor("dropout", c.graph().NextOrdinal("dropout"))};
  const Var y = Via(x, DType::kF32, kFloatTypes,
                    [&](Var v) { return ops::Dropout(v, ratio, own_seed, step, options); });
  if (!c.Wants(1)) return One(y);
  const Var ones = ops::BroadcastTo(c.Scalar<float>(1), x.shape());
  return {y, mask_of(ops::NotEqual(ops::Dropout(ones, ratio, own_seed, step, options), 0))};
}

Values Bernoulli(NodeContext& c) {
  const Var p = c.In(0);
  const DType dtype = c.DTypeAttr("dtype", p.dtype());
  const std::optional<Source> from = SourceOf(c);
  if (!from.has_value()) return {};
  const Var probability = IsHalf(p.dtype()) ? ops::Cast(p, DType::kF32) : p;
  return One(ops::RandomBernoulli(probability, from->seed, from->step, {.dtype = dtype}));
}

// Rows of logarithms of probabilities, which need not add up to 1.
Values Multinomial(NodeContext& c) {
  const DType dtype = c.DTypeAttr("dtype", DType::kI32);
  const int64_t samples = c.Int("sample_size", 1);
  const std::optional<Source> from = SourceOf(c);
  if (!from.has_value()) return {};
  return One(ops::RandomCategorical(c.In(0), samples, from->seed, from->step, {.dtype = dtype}));
}

// Draws of `dtype`, halves by way of f32.
template <class Draw>
Var Drawn(DType dtype, Draw draw) {
  const bool half = IsHalf(dtype);
  const Var y = draw(ops::DrawOptions{.dtype = half ? DType::kF32 : dtype});
  return half ? ops::Cast(y, dtype) : y;
}

Values Uniform(NodeContext& c, DType dtype, const Shape& shape) {
  const double low = c.Float("low", 0), high = c.Float("high", 1);
  const std::optional<Source> from = SourceOf(c);
  if (!from.has_value()) return {};
  return One(Drawn(dtype, [&](const ops::DrawOptions& options) {
    return ops::RandomUniform(shape, from->seed, from->step, low, high, options);
  }));
}

Values Normal(NodeContext& c, DType dtype, const Shape& shape) {
  const double mean = c.Float("mean", 0), deviation = c.Float("scale", 1);
  const std::optional<Source> from = SourceOf(c);
  if (!from.has_value()) return {};
  return One(Drawn(dtype, [&](const ops::DrawOptions& options) {
    return ops::RandomNormal(shape, from->seed, from->step, mean, deviation, options);
  }));
}

using DrawFn = Values (*)(NodeContext&, DType, const Shape&);

template <DrawFn draw>
Values OfShape(NodeContext& c) {
  const DType dtype = c.DTypeAttr("dtype", DType::kF32);
  Shape shape;
  for (int64_t extent : c.Ints("shape")) {
    if (extent < 0) return One(c.Fail(absl::StrCat("an extent is ", extent)));
    shape.push_back(extent);
  }
  return c.ok() ? draw(c, dtype, shape) : Values{};
}

template <DrawFn draw>
Values Like(NodeContext& c) {
  const Var x = c.In(0);
  const DType dtype = c.DTypeAttr("dtype", x.dtype());
  return c.ok() ? draw(c, dtype, x.shape()) : Values{};
}

constexpr Lowering kRows[] = {
    {"Dropout", 1, 1, 3, Dropout, Takes::kAny},
    {"Bernoulli", 15, 1, 1, Bernoulli, Takes::kAny},
    {"Multinomial", 7, 1, 1, Multinomial},
    {"RandomNormal", 1, 0, 0, OfShape<Normal>, Takes::kAny},
    {"RandomNormalLike", 1, 1, 1, Like<Normal>, Takes::kAny},
    {"RandomUniform", 1, 0, 0, OfShape<Uniform>, Takes::kAny},
    {"RandomUniformLike", 1, 1, 1, Like<Uniform>, Takes::kAny},
};

}  // namespace

absl::Span<const Lowering> RandomLowerings() { return kRows; }

}  // namespace adjoint::onnx
