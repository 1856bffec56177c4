#include "ops/tile_engine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/parallel.h"
#include "ops/stream.h"
#include "ops/tile_broadcast.h"
#include "ops/tile_patterns.h"

namespace adjoint::ops {
namespace {

// Temporaries of one thread, on its stack: what the first-level cache holds beside the operands.
constexpr int64_t kBufferBytes = 24 << 10;
constexpr int64_t kMaxTile = 2048;  // elements
// A part for a thread is this many elements for one instruction, fewer for longer tapes.
constexpr int64_t kPartElements = 65536;
constexpr int64_t kMinPartElements = 8192;

constexpr int kMaxValues = ElementwiseTape::kMaxValues;

// Where a value of the tape lies while a tile is computed.
struct Place {
  enum Kind : uint8_t {
    kNowhere,  // nobody asks for it
    kInput,    // the memory of input `index`
    kScalar,   // one element: of input `index`
    kHoisted,  // one element: hoisted result `index`
    kOutput,   // the memory of output `index`; of slot `slot` when that output is deferred
    kSlot,     // slot `slot`
  };
  Kind kind = kNowhere;
  int index = 0;
  int slot = -1;
  int64_t bytes = 0;  // of an element

  bool one_element() const { return kind == kScalar || kind == kHoisted; }
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

// One element that an instruction wants as many.
struct Splat {
  int from;
  int place;
};

struct Plan {
  std::vector<Place> places;
  std::vector<Instr> hoisted;  // on one element each, once
  std::vector<Instr> instrs;   // on each tile
  std::vector<Broadcast> broadcasts;
  std::vector<Splat> splats;
  // An output that may not be written while the tile is computed if it is the memory of the input.
  struct Hazard {
    int output;
    int input;
  };
  std::vector<Hazard> hazards;
  uint64_t streamed = 0;          // large outputs: written past the caches, tile by tile
  std::vector<int> output_place;  // of each output
  int num_hoisted = 0;
  int64_t slot_bytes = 0;
  int64_t size = 0;  // elements of an output
  int64_t tile = 0;  // elements
  int64_t part = 0;  // elements, a multiple of the tile
};

class TapeKernel : public Kernel {
 public:
  explicit TapeKernel(Plan plan) : plan_(std::move(plan)) {}

  absl::Status Run(const KernelArgs& args) const override {
    uint64_t deferred = plan_.streamed;
    for (const Plan::Hazard& h : plan_.hazards) {
      if (args.outputs[h.output] == args.inputs[h.input]) deferred |= uint64_t{1} << h.output;
    }
    if (plan_.size <= plan_.part) {
      if (plan_.size > 0) RunPart(args, deferred, 0, plan_.size);
      return absl::OkStatus();
    }
    ParallelForRange(plan_.size, plan_.part,
                     [&](int64_t begin, int64_t end) { RunPart(args, deferred, begin, end); });
    return absl::OkStatus();
  }

  std::string implementation() const override {
    return absl::StrCat(plan_.instrs.size(), plan_.instrs.size() == 1 ? " loop" : " loops");
  }

 private:
  // A value's elements begin at base + step * (the tile's first element).
  struct Cursor {
    char* base;
    int64_t step;
  };

  void RunPart(const KernelArgs& args, uint64_t deferred, int64_t begin, int64_t end) const;

  const Plan plan_;
};

void TapeKernel::RunPart(const KernelArgs& args, uint64_t deferred, int64_t begin,
                         int64_t end) const {
  alignas(64) char buffer[kBufferBytes];
  alignas(8) char hoisted[kMaxValues][8];
  Cursor cursors[kMaxValues];
  for (size_t i = 0; i < plan_.places.size(); ++i) {
    const Place& p = plan_.places[i];
    switch (p.kind) {
      case Place::kNowhere:
        break;
      case Place::kInput:
        cursors[i] = {static_cast<char*>(const_cast<void*>(args.inputs[p.index])), p.bytes};
        break;
      case Place::kScalar:
        cursors[i] = {static_cast<char*>(const_cast<void*>(args.inputs[p.index])), 0};
        break;
      case Place::kHoisted:
        cursors[i] = {hoisted[p.index], 0};
        break;
      case Place::kOutput:
        if ((deferred >> p.index & 1) == 0) {
          cursors[i] = {static_cast<char*>(args.outputs[p.index]), p.bytes};
          break;
        }
        [[fallthrough]];
      case Place::kSlot:
        cursors[i] = {buffer + p.slot * plan_.slot_bytes, 0};
        break;
    }
  }
  const auto execute = [&cursors](const Instr& instr, int64_t first, int64_t n) {
    TileArgs tile;
    for (int k = 0; k < instr.num_operands; ++k) {
      const Cursor& c = cursors[instr.operands[k]];
      tile.in[k] = c.base + first * c.step;
    }
    const Cursor& c = cursors[instr.result];
    tile.out = c.base + first * c.step;
    tile.n = n;
    tile.params = instr.tile.params;
    instr.tile.fn(tile);
  };

  for (const Instr& instr : plan_.hoisted) execute(instr, 0, 1);
  const int64_t widest = std::min(plan_.tile, end - begin);
  for (const Splat& s : plan_.splats) {
    const size_t bytes = static_cast<size_t>(plan_.places[s.place].bytes);
    FillElements(cursors[s.from].base, bytes, widest, cursors[s.place].base);
  }
  for (const Broadcast& b : plan_.broadcasts) {
    if (b.once) b.view.Copy(args.inputs[b.input], begin, widest, cursors[b.place].base);
  }
  for (int64_t first = begin; first < end; first += plan_.tile) {
    const int64_t n = std::min(plan_.tile, end - first);
    for (const Broadcast& b : plan_.broadcasts) {
      if (!b.once) b.view.Copy(args.inputs[b.input], first, n, cursors[b.place].base);
    }
    for (const Instr& instr : plan_.instrs) execute(instr, first, n);
    for (uint64_t rest = deferred; rest != 0; rest &= rest - 1) {
      const int output = __builtin_ctzll(rest);
      const Place& p = plan_.places[plan_.output_place[output]];
      char* const to = static_cast<char*>(args.outputs[output]) + first * p.bytes;
      const char* const from = buffer + p.slot * plan_.slot_bytes;
      if (plan_.streamed >> output & 1) {
        StreamCopy(to, from, n * p.bytes);
      } else {
        std::memcpy(to, from, static_cast<size_t>(n * p.bytes));
      }
    }
  }
  if (plan_.streamed != 0) StreamFence();
}

void CopyTile(const TileArgs& args) {
  if (args.in[0] == args.out) return;
  std::memcpy(args.out, args.in[0],
              static_cast<size_t>(args.n) * static_cast<size_t>(args.params[0]));
}

void FillTile(const TileArgs& args) {
  FillElements(args.in[0], static_cast<size_t>(args.params[0]), args.n, args.out);
}

// A kernel in the making.
class Planner {
 public:
  Planner(const ElementwiseTape& tape, const KernelRequest& request)
      : tape_(tape), request_(request) {}

  // False when the tape is declined.
  bool Make();

  Plan plan;

 private:
  // An instruction in the making: an op of the tape, a pattern of them, or a copy to an output.
  struct Step {
    const ElementwiseTape::Value* value;  // null for a copy
    absl::InlinedVector<int, kMaxTileOperands> operands;
    int result;
    TileFn pattern = nullptr;  // of several ops, in place of the op's own
  };

  int NewPlace(Place::Kind kind, int index, DType dtype);
  void PlaceInput(int value);
  void AddOutputs();
  void DropUnused();
  void FindPatterns();
  bool ChooseTiles(bool hoisted, std::vector<Step>& steps, std::vector<Instr>& instrs);
  void FindLastReads();
  void AssignMemory();
  void ChooseSizes(int64_t ops);
  int TakeSlot();

  const ElementwiseTape& tape_;
  const KernelRequest& request_;
  std::vector<DType> dtypes_;  // of each place
  std::vector<Step> hoisted_;
  std::vector<Step> steps_;
  std::vector<int> last_read_;  // of each place: the last step that reads it, -1 for none
  std::vector<int> free_slots_;
  int num_slots_ = 0;
};

int Planner::NewPlace(Place::Kind kind, int index, DType dtype) {
  plan.places.push_back(
      {.kind = kind, .index = index, .bytes = static_cast<int64_t>(DTypeSize(dtype))});
  dtypes_.push_back(dtype);
  return static_cast<int>(plan.places.size()) - 1;
}

void Planner::PlaceInput(int value) {
  const int input = tape_.values()[value].input;
  const DType dtype = tape_.values()[value].dtype;
  const Shape& from = request_.inputs[input].shape;
  const Shape& to = request_.outputs[0].shape;
  const int64_t elements = from.NumElements();
  if (elements == plan.size) {
    NewPlace(Place::kInput, input, dtype);
  } else if (elements == 1) {
    NewPlace(Place::kScalar, input, dtype);
  } else {
    const int place = NewPlace(Place::kSlot, input, dtype);
    plan.broadcasts.push_back(
        {BroadcastView(from, to, DTypeSize(dtype)), input, place, /*once=*/false});
  }
}

// Every output is the result of a step of its own, or of a copy.
void Planner::AddOutputs() {
  for (size_t output = 0; output < tape_.outputs().size(); ++output) {
    int ref = tape_.outputs()[output];
    if (plan.places[ref].kind != Place::kSlot || tape_.values()[ref].input >= 0) {
      const int copy = NewPlace(Place::kSlot, 0, dtypes_[ref]);
      steps_.push_back({.value = nullptr, .operands = {ref}, .result = copy});
      ref = copy;
    }
    plan.places[ref].kind = Place::kOutput;
    plan.places[ref].index = static_cast<int>(output);
    plan.output_place.push_back(ref);
  }
}

void Planner::DropUnused() {
  std::vector<bool> used(plan.places.size(), false);
  for (const int place : plan.output_place) used[place] = true;
  for (std::vector<Step>* steps : {&steps_, &hoisted_}) {
    std::vector<Step> kept;
    for (auto step = steps->rbegin(); step != steps->rend(); ++step) {
      if (!used[step->result]) continue;
      for (const int operand : step->operands) used[operand] = true;
      kept.push_back(std::move(*step));
    }
    steps->assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) plan.places[i].kind = Place::kNowhere;
  }
  plan.broadcasts.erase(std::remove_if(plan.broadcasts.begin(), plan.broadcasts.end(),
                                       [&](const Broadcast& b) { return !used[b.place]; }),
                        plan.broadcasts.end());
}

// Makes one step of several where there is a loop for them.
void Planner::FindPatterns() {
  std::vector<PatternValue> values(plan.places.size());
  std::vector<int> reads(plan.places.size(), 0);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].scalar = plan.places[i].one_element();
    values[i].dtype = dtypes_[i];
  }
  for (const Step& step : steps_) {
    if (step.value == nullptr) continue;
    values[step.result].op = step.value->op;
    values[step.result].operands = step.value->operands;
  }
  for (const Step& step : steps_) {
    for (const int operand : step.operands) ++reads[operand];
  }
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].absorbable = plan.places[i].kind == Place::kSlot && reads[i] == 1;
  }
  // From the end, so that the largest expression is found first; what it absorbs has no reader.
  std::vector<bool> read(plan.places.size(), false);
  for (const int place : plan.output_place) read[place] = true;
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (!read[step->result]) continue;
    if (step->value != nullptr) {
      PatternMatch match = MatchPattern(values, step->result);
      if (match.fn != nullptr) {
        step->pattern = match.fn;
        step->operands = std::move(match.operands);
      }
    }
    for (const int operand : step->operands) read[operand] = true;
  }
  DropUnused();
}

// Finds each step's tile function, with its scalars spread over a slot where the op wants that.
bool Planner::ChooseTiles(bool hoisted, std::vector<Step>& steps, std::vector<Instr>& instrs) {
  for (Step& step : steps) {
    unsigned scalars = 0;
    absl::InlinedVector<DType, kMaxTileOperands> dtypes;
    for (size_t k = 0; k < step.operands.size(); ++k) {
      if (!hoisted && plan.places[step.operands[k]].one_element()) scalars |= 1u << k;
      dtypes.push_back(dtypes_[step.operands[k]]);
    }
    Instr instr = {};
    if (step.value == nullptr) {
      const double bytes = static_cast<double>(plan.places[step.result].bytes);
      instr.tile = {scalars != 0 ? FillTile : CopyTile, {bytes, 0}};
    } else if (step.pattern != nullptr) {
      instr.tile = {step.pattern};
    } else {
      const OpDef& op = *step.value->op;
      if (op.tile == nullptr) return false;
      const DType output = dtypes_[step.result];
      instr.tile = op.tile({dtypes, output, scalars, step.value->attrs});
      if (instr.tile.fn == nullptr && scalars != 0) {
        for (size_t k = 0; k < step.operands.size(); ++k) {
          if ((scalars >> k & 1) == 0) continue;
          const int place = NewPlace(Place::kSlot, 0, dtypes[k]);
          plan.splats.push_back({step.operands[k], place});
          step.operands[k] = place;
        }
        instr.tile = op.tile({dtypes, output, 0, step.value->attrs});
      }
      if (instr.tile.fn == nullptr) return false;
    }
    instr.num_operands = static_cast<int>(step.operands.size());
    std::copy(step.operands.begin(), step.operands.end(), instr.operands);
    instr.result = step.result;
    instrs.push_back(instr);
  }
  return true;
}

void Planner::FindLastReads() {
  last_read_.assign(plan.places.size(), -1);
  for (size_t i = 0; i < plan.instrs.size(); ++i) {
    for (int k = 0; k < plan.instrs[i].num_operands; ++k) {
      last_read_[plan.instrs[i].operands[k]] = static_cast<int>(i);
    }
  }
}

int Planner::TakeSlot() {
  if (free_slots_.empty()) return num_slots_++;
  const int slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void Planner::AssignMemory() {
  std::vector<bool> shared(plan.places.size(), false);  // the slot is reused after the last read
  for (Broadcast& b : plan.broadcasts) plan.places[b.place].slot = num_slots_++;
  for (const Splat& s : plan.splats) plan.places[s.place].slot = num_slots_++;
  for (size_t i = 0; i < plan.instrs.size(); ++i) {
    const int step = static_cast<int>(i);
    const Instr& instr = plan.instrs[i];
    Place& result = plan.places[instr.result];
    if (result.kind == Place::kOutput) {
      // The engine's promise about memory that is an output's and an input's.
      bool hazard = false;
      for (size_t v = 0; v < plan.places.size(); ++v) {
        if (plan.places[v].kind != Place::kInput || last_read_[v] <= step) continue;
        if (plan.places[v].bytes != result.bytes) continue;
        plan.hazards.push_back({result.index, plan.places[v].index});
        hazard = true;
      }
      const bool streamed = plan.size * result.bytes >= kStreamBytes;
      if (streamed) plan.streamed |= uint64_t{1} << result.index;
      if (hazard || streamed) result.slot = TakeSlot();
    } else {
      // In place of an operand that is not read again, else in a slot of its own.
      for (int k = 0; k < instr.num_operands && result.slot < 0; ++k) {
        const int operand = instr.operands[k];
        if (shared[operand] && last_read_[operand] == step &&
            plan.places[operand].bytes == result.bytes) {
          result.slot = plan.places[operand].slot;
          shared[operand] = false;
        }
      }
      if (result.slot < 0) result.slot = TakeSlot();
      shared[instr.result] = true;
    }
    for (int k = 0; k < instr.num_operands; ++k) {
      const int operand = instr.operands[k];
      if (shared[operand] && last_read_[operand] == step) {
        free_slots_.push_back(plan.places[operand].slot);
        shared[operand] = false;
      }
    }
  }
}

void Planner::ChooseSizes(int64_t ops) {
  const int64_t part = std::max(kMinPartElements, kPartElements / (ops + 1));
  plan.tile = plan.instrs.size() == 1 ? part : kMaxTile;
  if (num_slots_ > 0) {
    int64_t widest = 1;
    for (const Place& p : plan.places) {
      if (p.slot >= 0) widest = std::max(widest, p.bytes);
    }
    // A multiple of a cache line in each slot, whatever the period below makes of the tile.
    const int64_t fits = kBufferBytes / num_slots_ / widest / 64 * 64;
    plan.tile = std::min(kMaxTile, fits > 0 ? fits : kBufferBytes / num_slots_ / widest);
    plan.slot_bytes = plan.tile * widest;
    for (const Broadcast& b : plan.broadcasts) {
      if (b.view.period() > plan.tile) continue;
      plan.tile -= plan.tile % b.view.period();
      break;
    }
  }
  plan.part = (part + plan.tile - 1) / plan.tile * plan.tile;
  for (Broadcast& b : plan.broadcasts) b.once = plan.tile % b.view.period() == 0;
}

bool Planner::Make() {
  plan.size = request_.outputs[0].shape.NumElements();
  if (tape_.values().size() > kMaxValues || tape_.outputs().size() > ElementwiseTape::kMaxOutputs) {
    return false;
  }
  if (plan.size == 0) return true;
  for (size_t v = 0; v < tape_.values().size(); ++v) {
    const ElementwiseTape::Value& value = tape_.values()[v];
    if (value.input >= 0) {
      PlaceInput(static_cast<int>(v));
      continue;
    }
    const bool hoist = std::all_of(value.operands.begin(), value.operands.end(),
                                   [&](int operand) { return plan.places[operand].one_element(); });
    const int place = NewPlace(hoist ? Place::kHoisted : Place::kSlot,
                               hoist ? plan.num_hoisted++ : 0, value.dtype);
    (hoist ? hoisted_ : steps_)
        .push_back({.value = &value,
                    .operands = {value.operands.begin(), value.operands.end()},
                    .result = place});
  }
  AddOutputs();
  DropUnused();
  const int64_t ops = static_cast<int64_t>(steps_.size());
  FindPatterns();
  if (!ChooseTiles(true, hoisted_, plan.hoisted) || !ChooseTiles(false, steps_, plan.instrs)) {
    return false;
  }
  if (plan.places.size() > kMaxValues) return false;
  FindLastReads();
  AssignMemory();
  ChooseSizes(ops);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PrepareTape(const ElementwiseTape& tape,
                                                    const KernelRequest& request) {
  Planner planner(tape, request);
  if (!planner.Make()) return std::unique_ptr<Kernel>();
  return std::unique_ptr<Kernel>(std::make_unique<TapeKernel>(std::move(planner.plan)));
}

KernelDef TileKernel(const OpDef& (*op)()) {
  return {"simd", [op](const KernelRequest& request) {
            ElementwiseTape tape;
            std::vector<ElementwiseTape::Ref> operands;
            for (const TensorSpec& spec : request.inputs)
              operands.push_back(tape.AddInput(spec.dtype));
            tape.AddOutput(tape.AddInstr(&op(), request.attrs, operands, request.outputs[0].dtype));
            return PrepareTape(tape, request);
          }};
}

}  // namespace adjoint::ops
