#include "graph/storage.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/fused_elementwise.h"
#include "ops/leaf.h"
#include "ops/multi_elementwise.h"

namespace adjoint::graph {
namespace {

constexpr int kAfterLastStep = std::numeric_limits<int>::max();

// A value with the views of it: one place in memory, written once.
struct Storage {
  Location location;
  int last_use = -1;  // id of the last node that reads it
  int64_t bytes = 0;
  int buffer = -1;  // index into Planner::buffers_, for values in the arena
};

class Planner {
 public:
  explicit Planner(const Program& program) : program_(program), graph_(*program.graph) {}

  absl::StatusOr<StoragePlan> Plan() {
    ADJOINT_RETURN_IF_ERROR(FindBuffers());
    AssignOffsets();
    EmitSteps();
    return std::move(plan_);
  }

  absl::StatusOr<MemoryPeak> Peak() {
    ADJOINT_RETURN_IF_ERROR(FindBuffers());
    const int end = graph_.num_nodes();
    std::vector<int64_t> change(end + 1, 0);
    for (const BufferLifetime& b : buffers_) {
      change[b.first] += b.bytes;
      change[std::min(b.last, end - 1) + 1] -= b.bytes;
    }
    MemoryPeak peak;
    int64_t alive = 0, most = 0;
    for (int id = 0; id < end; ++id) {
      alive += change[id];
      if (alive <= most) continue;
      most = alive;
      peak.node = id;
    }
    // A buffer holds what was written to it last.
    std::vector<Var> holds(buffers_.size());
    for (const auto& [buffer, var] : written_) {
      if (var.node <= peak.node) holds[buffer] = var;
    }
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const BufferLifetime& b = buffers_[i];
      if (b.first <= peak.node && peak.node <= b.last) peak.values.push_back({holds[i], b.bytes});
    }
    std::stable_sort(peak.values.begin(), peak.values.end(),
                     [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    return peak;
  }

 private:
  // Places everything; what lies in the arena gets a buffer.
  absl::Status FindBuffers() {
    MakeStorages();
    ADJOINT_RETURN_IF_ERROR(MeasureStorages());
    PlaceLeaves();
    PlaceStates();
    PlaceOutputs();
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (Runs(id)) PlaceInArena(id);
    }
    return absl::OkStatus();
  }

  bool Runs(int id) const {
    const ops::Traits& traits = graph_.node(id).op->traits;
    return !traits.leaf && !traits.view;
  }

  Storage& Of(Var v) { return storages_[storage_of_[v.node][v.output]]; }
  int IdOf(Var v) const { return storage_of_[v.node][v.output]; }

  void MakeStorages() {
    storage_of_.resize(graph_.num_nodes());
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (node.op->traits.view) {
        storage_of_[id] = {IdOf(node.inputs[0])};
        continue;
      }
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        storage_of_[id].push_back(static_cast<int>(storages_.size()));
        storages_.emplace_back();
      }
    }
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (!Runs(id)) continue;
      for (Var v : graph_.node(id).inputs) Of(v).last_use = id;
    }
    for (const Port& p : program_.outputs) Of(p.var).last_use = kAfterLastStep;
    for (const StateBinding& s : program_.states) {
      if (IdOf(s.read) != IdOf(s.write)) Of(s.write).last_use = kAfterLastStep;
    }
  }

  absl::Status MeasureStorages() {
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (!Runs(id)) continue;
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        auto bytes = node.outputs[i].ByteSize();
        if (!bytes.ok()) {
          return absl::Status(bytes.status().code(), absl::StrCat(graph_.NodeToString(id), ": ",
                                                                  bytes.status().message()));
        }
        storages_[storage_of_[id][i]].bytes = *bytes;
      }
    }
    return absl::OkStatus();
  }

  void PlaceLeaves() {
    for (size_t i = 0; i < program_.inputs.size(); ++i) {
      Of(program_.inputs[i].var).location = {Location::kInput, static_cast<int64_t>(i)};
    }
    for (size_t i = 0; i < program_.states.size(); ++i) {
      Of(program_.states[i].read).location = {Location::kVariable, static_cast<int64_t>(i)};
    }
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      const Node& node = graph_.node(id);
      if (node.op != &ops::ConstantOp()) continue;
      storages_[storage_of_[id][0]].location = {Location::kConstant,
                                                static_cast<int64_t>(plan_.constants.size())};
      plan_.constants.push_back(node.attrs.At<Tensor>("value"));
    }
  }

  // True when output `output` of node `id` may be written over its dead input storage `storage`.
  bool MayOverwrite(int id, int output, int storage) const {
    const Node& node = graph_.node(id);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (IdOf(node.inputs[i]) != storage) continue;
      bool allowed = node.op->traits.elementwise;
      if (node.op == &ops::FusedElementwiseOp()) {
        allowed = ops::MayOverwriteInputs(node.attrs, output);
      } else if (node.op == &ops::MultiElementwiseOp()) {
        allowed = ops::InOnePart(node.attrs, static_cast<int>(i), output);
      }
      allowed &= node.inputs[i].spec() == node.outputs[output];
      for (const ops::AliasPair& pair : node.op->aliases) {
        allowed |= pair.input == static_cast<int>(i) && pair.output == output;
      }
      if (!allowed) return false;
    }
    return true;
  }

  void PlaceStates() {
    for (size_t i = 0; i < program_.states.size(); ++i) {
      const StateBinding& s = program_.states[i];
      if (IdOf(s.read) == IdOf(s.write)) continue;
      Storage& to = Of(s.write);
      const int writer = s.write.node;
      const bool first_claim = to.location.kind == Location::kNone && Runs(writer);
      const int last_read = Of(s.read).last_use;
      if (first_claim &&
          (last_read < writer ||
           (last_read == writer && MayOverwrite(writer, s.write.output, IdOf(s.read))))) {
        to.location = {Location::kVariable, static_cast<int64_t>(i)};
        ++plan_.in_place_variables;
        continue;
      }
      PlannedCopy copy{{}, {Location::kVariable, static_cast<int64_t>(i)}, VarBytes(s.read)};
      state_copies_.push_back({IdOf(s.write), copy});
    }
  }

  void PlaceOutputs() {
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      const Location here = {Location::kOutput, static_cast<int64_t>(i)};
      const Var v = program_.outputs[i].var;
      Storage& s = Of(v);
      if (s.location.kind == Location::kNone) {
        s.location = here;
      } else {
        output_copies_.push_back({IdOf(v), PlannedCopy{{}, here, VarBytes(v)}});
      }
    }
  }

  int64_t VarBytes(Var v) const { return v.spec().ByteSize().value_or(0); }

  // Gives the outputs of a node arena buffers, those of dying inputs where the op allows it.
  void PlaceInArena(int id) {
    const Node& node = graph_.node(id);
    for (int out = 0; out < static_cast<int>(node.outputs.size()); ++out) {
      Storage& s = storages_[storage_of_[id][out]];
      if (s.location.kind != Location::kNone) continue;
      s.location.kind = Location::kArena;
      s.buffer = TakeDyingBuffer(id, out);
      if (s.buffer < 0) {
        s.buffer = static_cast<int>(buffers_.size());
        buffers_.push_back({s.bytes, id, id});
      }
      buffers_[s.buffer].last = std::max(buffers_[s.buffer].last, s.last_use);
      written_.push_back({s.buffer, graph_.VarOf(id, out)});
    }
  }

  int TakeDyingBuffer(int id, int out) {
    const Node& node = graph_.node(id);
    const int64_t bytes = storages_[storage_of_[id][out]].bytes;
    for (Var v : node.inputs) {
      const Storage& input = Of(v);
      if (input.location.kind != Location::kArena || input.bytes != bytes) continue;
      if (buffers_[input.buffer].last != id || input.last_use != id) continue;
      if (!MayOverwrite(id, out, IdOf(v)) || Taken(id, input.buffer)) continue;
      ++plan_.in_place_outputs;
      return input.buffer;
    }
    return -1;
  }

  // True when another output of the node already lives in the buffer.
  bool Taken(int id, int buffer) const {
    return std::any_of(storage_of_[id].begin(), storage_of_[id].end(),
                       [&](int s) { return storages_[s].buffer == buffer; });
  }

  void AssignOffsets() {
    // A copy from memory that a later copy overwrites goes through the arena.
    for (auto& [storage, copy] : state_copies_) {
      copy.from = storages_[storage].location;
      if (copy.from.kind != Location::kVariable) continue;
      staged_.push_back(static_cast<int>(buffers_.size()));
      buffers_.push_back({copy.bytes, graph_.num_nodes(), graph_.num_nodes()});
    }
    for (BufferLifetime& b : buffers_) b.last = std::min(b.last, graph_.num_nodes());
    const MemoryPlan memory = PlanMemory(buffers_);
    plan_.arena_bytes = memory.arena_bytes;
    plan_.arena_lower_bound = memory.lower_bound;
    for (Storage& s : storages_) {
      if (s.buffer >= 0) s.location.index = memory.offsets[s.buffer];
    }
    // Outputs are copied before variables change.
    for (auto& [storage, copy] : output_copies_) {
      copy.from = storages_[storage].location;
      plan_.copies.push_back(copy);
    }
    size_t stage = 0;
    std::vector<PlannedCopy> commits;
    for (auto& [storage, copy] : state_copies_) {
      if (copy.from.kind == Location::kVariable) {
        const Location saved = {Location::kArena, memory.offsets[staged_[stage++]]};
        plan_.copies.push_back({copy.from, saved, copy.bytes});
        copy.from = saved;
      } else {
        copy.from = storages_[storage].location;
      }
      commits.push_back(copy);
    }
    plan_.copies.insert(plan_.copies.end(), commits.begin(), commits.end());
  }

  void EmitSteps() {
    for (int id = 0; id < graph_.num_nodes(); ++id) {
      if (!Runs(id)) continue;
      PlannedStep step{.node = id, .inputs = {}, .outputs = {}};
      for (Var v : graph_.node(id).inputs) step.inputs.push_back(Of(v).location);
      for (int s : storage_of_[id]) step.outputs.push_back(storages_[s].location);
      plan_.steps.push_back(std::move(step));
    }
  }

  const Program& program_;
  const Graph& graph_;
  StoragePlan plan_;
  std::vector<Storage> storages_;
  std::vector<std::vector<int>> storage_of_;  // by node and output
  std::vector<BufferLifetime> buffers_;
  std::vector<std::pair<int, Var>> written_;  // values by buffer, in the order of nodes
  std::vector<std::pair<int, PlannedCopy>> state_copies_;  // storage to copy from; `from` set last
  std::vector<std::pair<int, PlannedCopy>> output_copies_;
  std::vector<int> staged_;  // buffers of the state copies that go through the arena
};

}  // namespace

absl::StatusOr<StoragePlan> PlanStorage(const Program& program) { return Planner(program).Plan(); }

absl::StatusOr<MemoryPeak> FindMemoryPeak(const Program& program) {
  return Planner(program).Peak();
}

}  // namespace adjoint::graph
