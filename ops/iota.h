#ifndef ADJOINT_OPS_IOTA_H_
#define ADJOINT_OPS_IOTA_H_

#include <cstdint>
#include <source_location>

#include "core/dtype.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/var.h"

namespace adjoint::ops {

// Values that depend on shapes and numbers alone. They have no operands, so they name the builder.

// A tensor of `shape` whose elements are their index along `axis`: 0, 1, 2, ... Dims may be symbols
// that an operand of the program has. Number types; what an integer type cannot hold wraps around.
Var Iota(Builder& builder, const Shape& shape, int64_t axis = 0, DType dtype = DType::kI64,
         std::source_location location = std::source_location::current());

// Ones at [i, i + k], zeros elsewhere, of shape [rows, columns].
Var Eye(Builder& builder, Dim rows, Dim columns, int64_t k = 0, DType dtype = DType::kF32,
        std::source_location location = std::source_location::current());

// Bools of shape [rows, columns] that hold at [i, j] where j <= i + k.
Var TriangleMask(Builder& builder, Dim rows, Dim columns, int64_t k = 0,
                 std::source_location location = std::source_location::current());

// A constant start, start + step, ... before `limit`, ceil((limit - start) / step) numbers, none
// when that is negative; element i is start + i step. Errors: a step of 0, numbers that are not
// finite or that the type cannot hold.
Var Range(Builder& builder, double start, double limit, double step = 1, DType dtype = DType::kF32,
          std::source_location location = std::source_location::current());

// A constant of n >= 0 numbers at equal distances, the first `start` and the last `stop`.
Var Linspace(Builder& builder, double start, double stop, int64_t n, DType dtype = DType::kF32,
             std::source_location location = std::source_location::current());

// Attributes shape, axis, dtype.
const OpDef& IotaOp();

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_IOTA_H_
