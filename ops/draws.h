#ifndef ADJOINT_OPS_DRAWS_H_
#define ADJOINT_OPS_DRAWS_H_

#include <cstdint>
#include <optional>

#include "core/dtype.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/random.h"
#include "ops/var.h"

namespace adjoint::ops {

// Tensors of random numbers. Each is a pure function, without state, of the seed, the step (i64
// scalars, known when the program runs; one of the two is a var), the stream and the index of the
// element: the words that element e draws are those of number offset + e of RandomStream{seed,
// stream, step} and, where 32 bits are not enough, of the stream whose number has all bits flipped
// (core/philox.h). The bits depend neither on threads nor on the instruction set.
//
// Draws have no gradient: it is zero by definition. Scale and shift of a distribution may be vars
// (mean + deviation * RandomNormal(...)): gradients go through them, the reparameterisation of
// Kingma and Welling (2014).
struct DrawOptions {
  DType dtype = DType::kF32;
  // When not given: RandomStreamFor the builder's scope path, "#draw" behind it, and the number of
  // earlier draws in that scope.
  std::optional<int64_t> stream = {};
  // An i64 scalar added to the index of each element, so that a batch drawn in pieces is drawn as
  // the whole. 0 when not given.
  Var offset = {};
};

// In [low, high); f32 from 24 bits, f64 from 53 whose first 24 are the same. Dims may be symbols.
Var RandomUniform(const Shape& shape, Operand seed, Operand step, double low = 0, double high = 1,
                  const DrawOptions& options = {});

// Normal, by the quantile function (Wichura, "Algorithm AS 241", 1988) of a uniform number of 24 or
// 53 bits in the middle of its cell: |x - mean| reaches 5.4 deviations in f32, 8.2 in f64.
Var RandomNormal(const Shape& shape, Operand seed, Operand step, double mean = 0,
                 double deviation = 1, const DrawOptions& options = {});

// The same on condition that |x - mean| is at most bound * deviation (up to rounding), bound > 0.
Var RandomTruncatedNormal(const Shape& shape, Operand seed, Operand step, double mean = 0,
                          double deviation = 1, double bound = 2, const DrawOptions& options = {});

// 1 with probability p, an f32 or f64 tensor, else 0, for each of its elements: 1 where a uniform
// number is below p. Of type options.dtype, any.
Var RandomBernoulli(Operand p, Operand seed, Operand step, const DrawOptions& options = {});

// Integers in low .. high - 1, i32 or i64 by options.dtype: low + floor(u (high - low)) for u of 64
// bits, so that the probabilities err by at most 2^-64 (high - low).
Var RandomIntegers(const Shape& shape, int64_t low, int64_t high, Operand seed, Operand step,
                   const DrawOptions& options = {.dtype = DType::kI64});

// 0 .. n-1 in random order, each order equally likely; n < 2^31; i32 or i64 by options.dtype. No
// offset.
Var RandomPermutation(int64_t n, Operand seed, Operand step,
                      const DrawOptions& options = {.dtype = DType::kI64});

// `samples` class numbers, i32 or i64 by options.dtype, for each row of the logits, with
// replacement: class k with probability softmax(logits)[..., k]. [..., classes] gives [...,
// samples]. f32 or f64. A row without a finite probability is an error when the program runs.
Var RandomCategorical(Operand logits, int64_t samples, Operand seed, Operand step,
                      const DrawOptions& options = {.dtype = DType::kI64});

const OpDef& RandomUniformOp();
const OpDef& RandomNormalOp();
const OpDef& RandomIntegersOp();
const OpDef& RandomPermutationOp();
const OpDef& RandomCategoricalOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_DRAWS_H_
