#ifndef ADJOINT_OPS_TILE_PLAN_H_
#define ADJOINT_OPS_TILE_PLAN_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "ops/elementwise_tape.h"
#include "ops/kernel.h"
#include "ops/row_reduction.h"
#include "ops/tile.h"
#include "ops/tile_broadcast.h"

namespace adjoint::ops {

// How the tile engine runs a tape on operands of given shapes: which loops, on what memory, over
// tiles of which size.
struct TilePlan {
  // Temporaries of one thread, on its stack: what the first-level cache holds beside the operands.
  static constexpr int64_t kBufferBytes = 24 << 10;
  static constexpr int kMaxValues = ElementwiseTape::kMaxValues;

  // Where a value of the tape lies while a tile is computed.
  struct Place {
    enum Kind : uint8_t {
      kNowhere,   // nobody asks for it
      kInput,     // the memory of input `index`
      kScalar,    // one element: of input `index`
      kHoisted,   // one element: `index` of the hoisted results, computed once
      kColumn,    // one element a row: of input columns[index].input
      kRowValue,  // one element a row: `index` of the hoisted results, computed for each tile
      kOutput,    // the memory of output `index`; of slot `slot` when that output is deferred
      kSlot,      // slot `slot`
    };
    Kind kind = kNowhere;
    int index = 0;
    int slot = -1;
    int64_t bytes = 0;  // of an element

    // One element for each element of a tile.
    bool one_element() const { return constant() || kind == kColumn || kind == kRowValue; }
    // One element for all tiles.
    bool constant() const { return kind == kScalar || kind == kHoisted; }
  };

  struct Instr {
    Tile tile;
    int operands[kMaxTileOperands];  // indices into places
    int num_operands;
    int result;
  };

  // An input of fewer elements than the outputs, copied into a slot.
  struct Broadcast {
    BroadcastView view;
    int input;
    int place;
    bool once;  // every tile sees the same elements
  };

  // An input that has one element for a row of the outputs: [M, 1] beside [M, N].
  struct Column {
    BroadcastView view;
    int input;
    int place;
  };

  // One element that an instruction wants as many.
  struct Splat {
    int from;
    int place;
    bool once;
  };

  // An output that may not be written while the tile is computed if it is the memory of the input.
  struct Hazard {
    int output;
    int input;
  };

  // An output that is a reduction of a value over `group` elements that follow each other.
  struct Closing {
    RowReducer reducer;
    int place;
    int output;
    int64_t group;
  };

  std::vector<Place> places;
  std::vector<Instr> hoisted;  // on one element each, once
  std::vector<Instr> row;      // on one element each, for each tile
  std::vector<Instr> instrs;   // on each tile
  std::vector<Broadcast> broadcasts;
  std::vector<Column> columns;
  std::vector<Splat> splats;
  std::vector<Hazard> hazards;
  std::vector<Closing> closings;
  uint64_t streamed = 0;          // large outputs: written past the caches, tile by tile
  std::vector<int> output_place;  // of each output; -1 for those that are reduced
  int num_hoisted = 0;            // results of `hoisted` and `row`
  int64_t slot_bytes = 0;
  int64_t size = 0;          // elements of the common shape
  int64_t tile = 0;          // elements
  int64_t row_elements = 0;  // no tile crosses a multiple of this; 0: all may
  int64_t part = 0;          // elements
  // The groups are so few and so large that they are cut into parts, multiples of RowReducer::kRun,
  // whose totals are joined at the end. 0: they are not.
  int64_t split_group = 0;
};

// Nothing when the engine declines the tape. The request's attributes may have closings
// (ops/tape_closings.h).
std::optional<TilePlan> MakeTilePlan(const ElementwiseTape& tape, const KernelRequest& request);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_TILE_PLAN_H_
