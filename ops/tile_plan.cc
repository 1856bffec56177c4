#include "ops/tile_plan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "core/shape.h"
#include "ops/op_def.h"
#include "ops/stream.h"
#include "ops/tape_closings.h"
#include "ops/tile_patterns.h"

namespace adjoint::ops {
namespace {

using Place = TilePlan::Place;

constexpr int64_t kMaxTile = 2048;  // elements
// A part for a thread is this many elements for one instruction, fewer for longer tapes.
constexpr int64_t kPartElements = 65536;
constexpr int64_t kMinPartElements = 8192;
// Rows of fewer elements are not worth tiles of their own: a column is spread over a slot instead.
constexpr int64_t kMinRow = 128;
// With so many groups there is no need to cut one for the threads.
constexpr int64_t kManyGroups = 16;

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
      : tape_(tape), request_(request), closings_(ClosingsOf(request.attrs)) {}

  // False when the tape is declined.
  bool Make();

  TilePlan plan;

 private:
  // An instruction in the making: an op of the tape, a pattern of them, or a copy to an output.
  struct Step {
    const ElementwiseTape::Value* value;  // null for a copy
    absl::InlinedVector<int, kMaxTileOperands> operands;
    int result;
    TileFn pattern = nullptr;  // of several ops, in place of the op's own
  };

  int NewPlace(Place::Kind kind, int index, DType dtype);
  void ChooseRows();
  int64_t GroupOf(const TapeClosing& closing) const;
  void PlaceInput(int value);
  void AddOutputs();
  std::vector<bool> ReadAtTheEnd() const;
  void DropUnused();
  void FindPatterns();
  bool ChooseTiles(bool one_element, std::vector<Step>& steps,
                   std::vector<TilePlan::Instr>& instrs);
  void FindLastReads();
  void AssignMemory();
  void ChooseSizes(int64_t ops);
  int TakeSlot();

  const ElementwiseTape& tape_;
  const KernelRequest& request_;
  const absl::Span<const TapeClosing> closings_;
  std::vector<DType> dtypes_;  // of each place
  Shape full_;                 // that of all inputs together
  std::vector<Step> hoisted_;
  std::vector<Step> row_;
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

// Rows are what columns and reduced outputs have one element for.
void Planner::ChooseRows() {
  const auto shorten = [this](int64_t row) {
    plan.row_elements = plan.row_elements == 0 ? row : std::min(plan.row_elements, row);
  };
  for (const TensorSpec& input : request_.inputs) {
    const int64_t elements = input.shape.NumElements();
    if (elements == plan.size || elements == 1) continue;
    const int64_t run = BroadcastView(input.shape, full_, DTypeSize(input.dtype)).run();
    if (run >= kMinRow) shorten(run);
  }
  for (const TapeClosing& closing : closings_) {
    if (closing.axes > 0) shorten(GroupOf(closing));
  }
}

int64_t Planner::GroupOf(const TapeClosing& closing) const {
  return Shape(full_.dims().subspan(full_.rank() - closing.axes)).NumElements();
}

void Planner::PlaceInput(int value) {
  const int input = tape_.values()[value].input;
  const DType dtype = tape_.values()[value].dtype;
  const Shape& from = request_.inputs[input].shape;
  const int64_t elements = from.NumElements();
  if (elements == plan.size) {
    NewPlace(Place::kInput, input, dtype);
    return;
  }
  if (elements == 1) {
    NewPlace(Place::kScalar, input, dtype);
    return;
  }
  BroadcastView view(from, full_, DTypeSize(dtype));
  if (plan.row_elements > 0 && view.run() > 0 && view.run() % plan.row_elements == 0) {
    const int index = static_cast<int>(plan.columns.size());
    const int place = NewPlace(Place::kColumn, index, dtype);
    plan.columns.push_back({std::move(view), input, place});
    return;
  }
  const int place = NewPlace(Place::kSlot, input, dtype);
  plan.broadcasts.push_back({std::move(view), input, place, /*once=*/false});
}

// Every output is the result of a step of its own, or of a copy.
void Planner::AddOutputs() {
  for (size_t output = 0; output < tape_.outputs().size(); ++output) {
    int ref = tape_.outputs()[output];
    const TapeClosing closing = closings_.empty() ? TapeClosing() : closings_[output];
    if (closing.axes > 0) {
      // Elements are there to be reduced, one each.
      if (plan.places[ref].one_element()) {
        const int spread = NewPlace(Place::kSlot, 0, dtypes_[ref]);
        steps_.push_back({.value = nullptr, .operands = {ref}, .result = spread});
        ref = spread;
      }
      plan.closings.push_back(
          {RowReducer(closing.reduction), ref, static_cast<int>(output), GroupOf(closing)});
      plan.output_place.push_back(-1);
      continue;
    }
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

// Places that are read after the last instruction.
std::vector<bool> Planner::ReadAtTheEnd() const {
  std::vector<bool> read(plan.places.size(), false);
  for (const int place : plan.output_place) {
    if (place >= 0) read[place] = true;
  }
  for (const TilePlan::Closing& closing : plan.closings) read[closing.place] = true;
  return read;
}

void Planner::DropUnused() {
  std::vector<bool> used = ReadAtTheEnd();
  for (std::vector<Step>* steps : {&steps_, &row_, &hoisted_}) {
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
  plan.columns.erase(std::remove_if(plan.columns.begin(), plan.columns.end(),
                                    [&](const auto& c) { return !used[c.place]; }),
                     plan.columns.end());
  for (size_t i = 0; i < plan.columns.size(); ++i) {
    plan.places[plan.columns[i].place].index = static_cast<int>(i);
  }
  plan.broadcasts.erase(
      std::remove_if(plan.broadcasts.begin(), plan.broadcasts.end(),
                     [&](const TilePlan::Broadcast& b) { return !used[b.place]; }),
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
  for (const TilePlan::Closing& closing : plan.closings) ++reads[closing.place];
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].absorbable = plan.places[i].kind == Place::kSlot && reads[i] == 1;
  }
  for (const TilePlan::Closing& closing : plan.closings) values[closing.place].absorbable = false;
  // From the end, so that the largest expression is found first; what it absorbs has no reader.
  std::vector<bool> read = ReadAtTheEnd();
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
bool Planner::ChooseTiles(bool one_element, std::vector<Step>& steps,
                          std::vector<TilePlan::Instr>& instrs) {
  for (Step& step : steps) {
    unsigned scalars = 0;
    absl::InlinedVector<DType, kMaxTileOperands> dtypes;
    for (size_t k = 0; k < step.operands.size(); ++k) {
      if (!one_element && plan.places[step.operands[k]].one_element()) scalars |= 1u << k;
      dtypes.push_back(dtypes_[step.operands[k]]);
    }
    TilePlan::Instr instr = {};
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
          const bool once = plan.places[step.operands[k]].constant();
          plan.splats.push_back({step.operands[k], place, once});
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
  for (const TilePlan::Closing& closing : plan.closings) {
    last_read_[closing.place] = static_cast<int>(plan.instrs.size());
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
  for (TilePlan::Broadcast& b : plan.broadcasts) plan.places[b.place].slot = num_slots_++;
  for (const TilePlan::Splat& s : plan.splats) plan.places[s.place].slot = num_slots_++;
  for (size_t i = 0; i < plan.instrs.size(); ++i) {
    const int step = static_cast<int>(i);
    const TilePlan::Instr& instr = plan.instrs[i];
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
  // One loop over memory alone needs no tiles.
  const bool tiled = plan.instrs.size() > 1 || !plan.closings.empty();
  plan.tile = tiled ? kMaxTile : part;
  if (num_slots_ > 0) {
    int64_t widest = 1;
    for (const Place& p : plan.places) {
      if (p.slot >= 0) widest = std::max(widest, p.bytes);
    }
    // A multiple of a cache line in each slot, whatever the period below makes of the tile.
    const int64_t fits = TilePlan::kBufferBytes / num_slots_ / widest / 64 * 64;
    plan.tile = std::min(kMaxTile, fits > 0 ? fits : TilePlan::kBufferBytes / num_slots_ / widest);
    plan.slot_bytes = plan.tile * widest;
    for (const TilePlan::Broadcast& b : plan.broadcasts) {
      if (plan.row_elements > 0 || b.view.period() > plan.tile) continue;
      plan.tile -= plan.tile % b.view.period();
      break;
    }
  }
  // Parts begin where a tile, a row, a group begins.
  const bool whole_rows = plan.row_elements > 0 && plan.row_elements <= part;
  int64_t unit = whole_rows ? plan.row_elements : plan.tile;
  for (const TilePlan::Closing& closing : plan.closings) {
    unit = std::max(unit, closing.group);
    if (closing.group > part && plan.size / closing.group < kManyGroups) {
      plan.split_group = closing.group;
    }
  }
  if (plan.split_group > 0) unit = RowReducer::kRun;
  plan.part = (part + unit - 1) / unit * unit;
  if (plan.row_elements > 0) plan.tile = std::min(plan.tile, plan.row_elements);
  // Tiles of rows begin anew in each row, and end where it does.
  const bool regular =
      plan.row_elements == 0 || (plan.row_elements % plan.tile == 0 &&
                                 (plan.split_group == 0 || RowReducer::kRun % plan.tile == 0));
  for (TilePlan::Broadcast& b : plan.broadcasts) {
    b.once = regular && plan.tile % b.view.period() == 0;
  }
}

bool Planner::Make() {
  for (const TensorSpec& input : request_.inputs) {
    const absl::StatusOr<Shape> together = BroadcastShapes(full_, input.shape);
    if (!together.ok()) return false;
    full_ = *together;
  }
  plan.size = full_.NumElements();
  int closed_axes = 0;
  for (const TapeClosing& closing : closings_) {
    if (closing.axes == 0) continue;
    if (closed_axes != 0 && closing.axes != closed_axes) return false;
    closed_axes = closing.axes;
  }
  if (tape_.values().size() > TilePlan::kMaxValues ||
      tape_.outputs().size() > ElementwiseTape::kMaxOutputs) {
    return false;
  }
  if (plan.size == 0) return closed_axes == 0;
  ChooseRows();
  for (size_t v = 0; v < tape_.values().size(); ++v) {
    const ElementwiseTape::Value& value = tape_.values()[v];
    if (value.input >= 0) {
      PlaceInput(static_cast<int>(v));
      continue;
    }
    const auto all = [&](auto has) {
      return std::all_of(value.operands.begin(), value.operands.end(),
                         [&](int operand) { return has(plan.places[operand]); });
    };
    const bool hoist = all([](const Place& p) { return p.constant(); });
    const bool one = hoist || all([](const Place& p) { return p.one_element(); });
    const int place = NewPlace(hoist ? Place::kHoisted
                               : one ? Place::kRowValue
                                     : Place::kSlot,
                               one ? plan.num_hoisted++ : 0, value.dtype);
    (hoist ? hoisted_
     : one ? row_
           : steps_)
        .push_back({.value = &value,
                    .operands = {value.operands.begin(), value.operands.end()},
                    .result = place});
  }
  AddOutputs();
  DropUnused();
  const int64_t ops = static_cast<int64_t>(steps_.size());
  FindPatterns();
  if (!ChooseTiles(true, hoisted_, plan.hoisted) || !ChooseTiles(true, row_, plan.row) ||
      !ChooseTiles(false, steps_, plan.instrs)) {
    return false;
  }
  if (plan.places.size() > TilePlan::kMaxValues) return false;
  FindLastReads();
  AssignMemory();
  ChooseSizes(ops);
  return true;
}

}  // namespace

std::optional<TilePlan> MakeTilePlan(const ElementwiseTape& tape, const KernelRequest& request) {
  Planner planner(tape, request);
  if (!planner.Make()) return std::nullopt;
  return std::move(planner.plan);
}

}  // namespace adjoint::ops
