#include "ops/tile_engine.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "ops/stream.h"
#include "ops/tile_broadcast.h"
#include "ops/tile_plan.h"

namespace adjoint::ops {
namespace {

using Place = TilePlan::Place;

class TapeKernel : public Kernel {
 public:
  explicit TapeKernel(TilePlan plan) : plan_(std::move(plan)) {}

  absl::Status Run(const KernelArgs& args) const override {
    uint64_t deferred = plan_.streamed;
    for (const TilePlan::Hazard& h : plan_.hazards) {
      if (args.outputs[h.output] == args.inputs[h.input]) deferred |= uint64_t{1} << h.output;
    }
    if (plan_.split_group > 0) {
      RunSplit(args, deferred);
    } else if (plan_.size > plan_.part) {
      ParallelForRange(plan_.size, plan_.part,
                       [&](int64_t begin, int64_t end) { RunPart(args, deferred, begin, end); });
    } else if (plan_.size > 0) {
      RunPart(args, deferred, 0, plan_.size);
    }
    return absl::OkStatus();
  }

  size_t scratch_bytes() const override {
    if (plan_.split_group == 0) return 0;
    return static_cast<size_t>(Runs()) * plan_.closings.size() * sizeof(double);
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

  // Runs of RowReducer::kRun elements in all groups that are cut.
  int64_t Runs() const { return plan_.size / plan_.split_group * RunsOfGroup(); }
  int64_t RunsOfGroup() const {
    return (plan_.split_group + RowReducer::kRun - 1) / RowReducer::kRun;
  }
  void RunSplit(const KernelArgs& args, uint64_t deferred) const;
  // Reduces a tile of a closing's value.
  void Reduce(const TilePlan::Closing& closing, const KernelArgs& args, const float* x,
              int64_t first, int64_t n, size_t index, RowReducer::State& state) const;

  const TilePlan plan_;
};

// Groups cut into parts, of which every run leaves its total in scratch.
void TapeKernel::RunSplit(const KernelArgs& args, uint64_t deferred) const {
  const int64_t group = plan_.split_group;
  const int64_t pieces = (group + plan_.part - 1) / plan_.part;
  ParallelFor(plan_.size / group * pieces, [&](int64_t part) {
    const int64_t begin = part / pieces * group + part % pieces * plan_.part;
    RunPart(args, deferred, begin, std::min(begin + plan_.part, (part / pieces + 1) * group));
  });
  const double* total = static_cast<const double*>(args.scratch);
  for (const TilePlan::Closing& closing : plan_.closings) {
    float* const out = static_cast<float*>(args.outputs[closing.output]);
    for (int64_t o = 0; o < plan_.size / group; ++o) {
      double sum = closing.reducer.start();
      for (int64_t run = 0; run < RunsOfGroup(); ++run) sum = closing.reducer.Join(sum, *total++);
      out[o] = closing.reducer.Finish(sum, group);
    }
  }
}

void TapeKernel::Reduce(const TilePlan::Closing& closing, const KernelArgs& args, const float* x,
                        int64_t first, int64_t n, size_t index, RowReducer::State& state) const {
  if (plan_.split_group == 0) {
    if (first % closing.group == 0) closing.reducer.Begin(state);
    closing.reducer.Add(state, x, n);
    if ((first + n) % closing.group != 0) return;
    float* const out = static_cast<float*>(args.outputs[closing.output]);
    out[first / closing.group] =
        closing.reducer.Finish(closing.reducer.Total(state), closing.group);
    return;
  }
  double* const totals = static_cast<double*>(args.scratch) + static_cast<int64_t>(index) * Runs();
  const int64_t group = first / plan_.split_group, last = first + n;
  while (first < last) {
    const int64_t at = first - group * plan_.split_group;
    const int64_t run = at / RowReducer::kRun;
    const int64_t run_end = std::min({last, first + (run + 1) * RowReducer::kRun - at});
    if (at % RowReducer::kRun == 0) closing.reducer.Begin(state);
    closing.reducer.Add(state, x, run_end - first);
    const bool complete =
        (at + run_end - first) % RowReducer::kRun == 0 || at + run_end - first == plan_.split_group;
    if (complete) totals[group * RunsOfGroup() + run] = closing.reducer.Total(state);
    x += run_end - first;
    first = run_end;
  }
}

void TapeKernel::RunPart(const KernelArgs& args, uint64_t deferred, int64_t begin,
                         int64_t end) const {
  alignas(64) char buffer[TilePlan::kBufferBytes];
  alignas(8) char hoisted[TilePlan::kMaxValues][8];
  Cursor cursors[TilePlan::kMaxValues];
  for (size_t i = 0; i < plan_.places.size(); ++i) {
    const Place& p = plan_.places[i];
    switch (p.kind) {
      case Place::kNowhere:
      case Place::kColumn:  // set in each row
        break;
      case Place::kInput:
        cursors[i] = {static_cast<char*>(const_cast<void*>(args.inputs[p.index])), p.bytes};
        break;
      case Place::kScalar:
        cursors[i] = {static_cast<char*>(const_cast<void*>(args.inputs[p.index])), 0};
        break;
      case Place::kHoisted:
      case Place::kRowValue:
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
  const auto execute = [&cursors](const TilePlan::Instr& instr, int64_t first, int64_t n) {
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
  const auto splat = [&](const TilePlan::Splat& s, int64_t n) {
    const size_t bytes = static_cast<size_t>(plan_.places[s.place].bytes);
    FillElements(cursors[s.from].base, bytes, n, cursors[s.place].base);
  };

  for (const TilePlan::Instr& instr : plan_.hoisted) execute(instr, 0, 1);
  const int64_t widest = std::min(plan_.tile, end - begin);
  for (const TilePlan::Splat& s : plan_.splats) {
    if (s.once) splat(s, widest);
  }
  for (const TilePlan::Broadcast& b : plan_.broadcasts) {
    if (b.once) b.view.Copy(args.inputs[b.input], begin, widest, cursors[b.place].base);
  }
  absl::InlinedVector<RowReducer::State, 1> reductions(plan_.closings.size());
  for (int64_t first = begin, n; first < end; first += n) {
    n = std::min(plan_.tile, end - first);
    if (plan_.row_elements > 0) {
      n = std::min(n, plan_.row_elements - first % plan_.row_elements);
      for (const TilePlan::Column& c : plan_.columns) {
        const char* const column = static_cast<const char*>(args.inputs[c.input]);
        cursors[c.place] = {
            const_cast<char*>(column) + c.view.Offset(first) * plan_.places[c.place].bytes, 0};
      }
      for (const TilePlan::Instr& instr : plan_.row) execute(instr, 0, 1);
      for (const TilePlan::Splat& s : plan_.splats) {
        if (!s.once) splat(s, n);
      }
    }
    for (const TilePlan::Broadcast& b : plan_.broadcasts) {
      if (!b.once) b.view.Copy(args.inputs[b.input], first, n, cursors[b.place].base);
    }
    for (const TilePlan::Instr& instr : plan_.instrs) execute(instr, first, n);
    for (size_t i = 0; i < plan_.closings.size(); ++i) {
      const Cursor& c = cursors[plan_.closings[i].place];
      Reduce(plan_.closings[i], args, reinterpret_cast<const float*>(c.base + first * c.step),
             first, n, i, reductions[i]);
    }
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

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> PrepareTape(const ElementwiseTape& tape,
                                                    const KernelRequest& request) {
  std::optional<TilePlan> plan = MakeTilePlan(tape, request);
  if (!plan.has_value()) return std::unique_ptr<Kernel>();
  return std::unique_ptr<Kernel>(std::make_unique<TapeKernel>(*std::move(plan)));
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
