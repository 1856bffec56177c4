#ifndef ADJOINT_OPS_TILE_ENGINE_H_
#define ADJOINT_OPS_TILE_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "ops/elementwise_tape.h"
#include "ops/kernel.h"
#include "ops/op_def.h"

namespace adjoint::ops {

// Runs tapes of elementwise instructions over tiles of some thousand elements, so that temporaries
// stay in the first-level cache and operands are read, and results written, once.
//
// Inputs of the outputs' size are used in place; those of one element are scalars, and what depends
// on scalars alone is computed once; others are broadcast tile by tile. Large tapes run on several
// threads in parts that depend on tape and shape only.
//
// In place: every output may be the memory of any input of its spec, one input an output. An
// instruction writes an output directly only when no instruction after it reads an input in that
// memory; else its result waits in a temporary until the tile is done. Tiles do not meet: each
// element of such an input is read for the same element of the outputs only.

// A kernel for the tape with these specs; null when an op of the tape has no tile for its types, or
// the tape is too long (ElementwiseTape::kMaxValues). Every output's shape is the same.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareTape(const ElementwiseTape& tape,
                                                    const KernelRequest& request);

// The kernel "simd" of an elementwise op: a tape of that instruction alone.
KernelDef TileKernel(const OpDef& (*op)());

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_TILE_ENGINE_H_
