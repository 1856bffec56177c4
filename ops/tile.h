#ifndef ADJOINT_OPS_TILE_H_
#define ADJOINT_OPS_TILE_H_

#include <cstdint>
#include <functional>

#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/dtype.h"

namespace adjoint::ops {

// No instruction of the tile engine has more operands; an op that fuses has at most three.
inline constexpr int kMaxTileOperands = 5;

// The operands of one tile of an elementwise op. An input is `n` elements, or one element where the
// tile was asked for with its bit in the scalar mask. `out` may equal an input that is not scalar
// and whose elements have the size of the output's; arrays do not overlap otherwise.
struct TileArgs {
  const void* in[kMaxTileOperands];
  void* out;
  int64_t n;
  const double* params;  // Tile::params
};
using TileFn = void (*)(const TileArgs&);

// Numbers that an op's attributes give its tiles (a slope, a bound).
struct Tile {
  TileFn fn = nullptr;  // null: no tile for this request
  double params[2] = {0, 0};
};

struct TileRequest {
  absl::Span<const DType> inputs;
  DType output;
  unsigned scalar_mask;  // bit i: input i is one element
  const Attrs& attrs;
};

// How an elementwise op computes some elements at once. Called when a kernel is prepared; the
// instruction set is chosen here.
using TileFnTable = std::function<Tile(const TileRequest&)>;

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_TILE_H_
