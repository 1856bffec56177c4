#include "graph/executable.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "graph/recompute.h"

namespace adjoint::graph {
namespace {

std::vector<TensorSpec> InputSpecs(const Graph& graph, const Node& node) {
  std::vector<TensorSpec> specs;
  specs.reserve(node.inputs.size());
  for (Var v : node.inputs) specs.push_back(graph.SpecOf(v));
  return specs;
}

// The inputs whose elements the plan holds.
std::vector<const void*> Constants(const StoragePlan& plan, const PlannedStep& step) {
  std::vector<const void*> constants(step.inputs.size(), nullptr);
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const Location& at = step.inputs[i];
    if (at.kind == Location::kConstant) constants[i] = plan.constants[at.index].raw();
  }
  return constants;
}

bool WritesVariable(const PlannedStep& step) {
  return std::any_of(step.outputs.begin(), step.outputs.end(),
                     [](const Location& l) { return l.kind == Location::kVariable; });
}

// "1.5 MB", in powers of 1024.
std::string BytesToString(int64_t bytes) {
  const char* const units[] = {"B", "KB", "MB", "GB", "TB"};
  double number = static_cast<double>(bytes);
  int unit = 0;
  for (; number >= 1024 && unit < 4; ++unit) number /= 1024;
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", number, units[unit]);
}

}  // namespace

Workspace::~Workspace() = default;

Executable::Executable()
    : id_([] {
        static std::atomic<uint64_t> next{0};
        return next.fetch_add(1, std::memory_order_relaxed);
      }()) {}

absl::StatusOr<std::shared_ptr<const Executable>> Executable::Compile(
    const Program& program, const CompileOptions& options) {
  std::shared_ptr<Executable> exe(new Executable);
  if (options.optimize) {
    ADJOINT_ASSIGN_OR_RETURN(exe->program_, RunPasses(program, options.passes));
  } else {
    ADJOINT_ASSIGN_OR_RETURN(exe->program_, RunPasses(program, PassOptions{}, {}));
  }
  exe->ranges_ = SettleCapacities(&exe->program_);
  ADJOINT_RETURN_IF_ERROR(exe->Prepare(options));
  const int64_t limit = options.memory_limit;
  if (limit > 0 && options.recompute && exe->memory().total() > limit) {
    const int64_t besides = exe->memory().total() - exe->storage_.arena_bytes;
    ADJOINT_ASSIGN_OR_RETURN(exe->program_, RecomputeToFit(exe->program_, limit - besides));
    ADJOINT_RETURN_IF_ERROR(Verify(exe->program_));
    ADJOINT_RETURN_IF_ERROR(exe->Prepare(options));
  }
  ADJOINT_RETURN_IF_ERROR(exe->CheckMemory(options));
  return std::shared_ptr<const Executable>(std::move(exe));
}

absl::Status Executable::Prepare(const CompileOptions& options) {
  const Graph& graph = *program_.graph;
  ADJOINT_ASSIGN_OR_RETURN(storage_, PlanStorage(program_));
  const std::vector<PlannedStep>& steps = storage_.steps;
  steps_.clear();
  steps_.reserve(steps.size());
  scratch_bytes_ = 0;
  first_write_ = static_cast<int>(steps.size());
  for (const PlannedStep& step : steps) {
    const Node& node = graph.node(step.node);
    const std::vector<TensorSpec> inputs = InputSpecs(graph, node);
    const std::vector<const void*> constants = Constants(storage_, step);
    auto kernel = ops::PrepareKernel(*node.op, {inputs, node.outputs, node.attrs, constants},
                                     options.skip_kernels);
    if (!kernel.ok()) {
      return absl::Status(kernel.status().code(),
                          absl::StrCat("preparing ", graph.NodeToString(step.node), ": ",
                                       kernel.status().message()));
    }
    scratch_bytes_ =
        std::max(scratch_bytes_, static_cast<int64_t>(kernel->kernel->scratch_bytes()));
    if (WritesVariable(step)) {
      first_write_ = std::min(first_write_, static_cast<int>(steps_.size()));
    }
    steps_.push_back(*std::move(kernel));
  }
  return absl::OkStatus();
}

Executable::Memory Executable::memory() const {
  Memory memory{.arena = storage_.arena_bytes, .scratch = scratch_bytes_};
  const auto bytes = [](Var v) { return v.spec().ByteSize().value_or(0); };
  for (const StateBinding& s : program_.states) memory.variables += bytes(s.read);
  for (const Port& p : program_.inputs) memory.inputs += bytes(p.var);
  for (const Port& p : program_.outputs) memory.outputs += bytes(p.var);
  for (const Tensor& t : storage_.constants) memory.constants += t.bytes();
  for (const ops::PreparedKernel& step : steps_) {
    memory.constants += static_cast<int64_t>(step.kernel->constant_bytes());
  }
  return memory;
}

absl::Status Executable::CheckMemory(const CompileOptions& options) const {
  const Memory m = memory();
  if (options.memory_limit <= 0 || m.total() <= options.memory_limit) return absl::OkStatus();
  std::string text = absl::StrCat(
      "compiling program ", program_.name, ": a run would hold ", BytesToString(m.total()),
      ", but memory_limit is ", BytesToString(options.memory_limit), ": variables ",
      BytesToString(m.variables), ", inputs ", BytesToString(m.inputs), ", outputs ",
      BytesToString(m.outputs), ", constants ", BytesToString(m.constants), ", values in between ",
      BytesToString(m.arena), ", scratch ", BytesToString(m.scratch));
  ADJOINT_ASSIGN_OR_RETURN(const MemoryPeak peak, FindMemoryPeak(program_));
  const Graph& graph = *program_.graph;
  if (!peak.values.empty()) {
    absl::StrAppend(&text, "\n  most of them are alive at ", graph.NodeToString(peak.node),
                    "; the largest are");
  }
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < std::min(kShown, peak.values.size()); ++i) {
    absl::StrAppend(&text, "\n  ", BytesToString(peak.values[i].bytes), "  ",
                    graph.NodeToString(peak.values[i].var.node));
  }
  absl::StrAppend(&text, "\n  smaller batches take less",
                  options.recompute ? "" : ", and so may computing values again: set recompute");
  return absl::ResourceExhaustedError(text);
}

absl::StatusOr<std::unique_ptr<Workspace>> Executable::NewWorkspace() const {
  std::unique_ptr<Workspace> ws(new Workspace);
  ws->executable_ = shared_from_this();
  ADJOINT_ASSIGN_OR_RETURN(ws->memory_, Buffer::Allocate(workspace_bytes()));
  char* const arena = static_cast<char*>(ws->memory_->data());
  void* const scratch = arena + storage_.arena_bytes;
  const auto add = [&](const Location& location) {
    void* pointer = nullptr;
    if (location.kind == Location::kArena) {
      pointer = arena + location.index;
    } else if (location.kind == Location::kConstant) {
      pointer = const_cast<void*>(storage_.constants[location.index].raw());
    } else {
      ws->patches_.push_back(
          {static_cast<int>(ws->pointers_.size()), location.kind, location.index});
    }
    ws->pointers_.push_back(pointer);
  };
  std::vector<size_t> first;
  for (const PlannedStep& step : storage_.steps) {
    first.push_back(ws->pointers_.size());
    for (const Location& l : step.inputs) add(l);
    for (const Location& l : step.outputs) add(l);
  }
  for (const PlannedCopy& copy : storage_.copies) {
    add(copy.from);
    add(copy.to);
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    ws->states_.push_back(steps_[i].kernel->MakeState());
    ws->args_.push_back(
        {.inputs = ws->pointers_.data() + first[i],
         .outputs = ws->pointers_.data() + first[i] + storage_.steps[i].inputs.size(),
         .scratch = scratch,
         .state = ws->states_.back().get()});
  }
  ws->variables_.resize(program_.states.size());
  return ws;
}

absl::Status Executable::CheckInputs(absl::Span<const Tensor> inputs) const {
  if (inputs.size() != program_.inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("running program ", program_.name, ": it takes ",
                                                   program_.inputs.size(),
                                                   " inputs, but was given ", inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port& port = program_.inputs[i];
    if (!port.Accepts(inputs[i])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "running program ", program_.name, ": input '", port.name, "' is ",
          port.var.spec().ToString(), ", but was given ", inputs[i].spec().ToString()));
    }
  }
  for (const RangesOfEntries& pair : ranges_) {
    ADJOINT_RETURN_IF_ERROR(CheckRanges(pair, inputs));
  }
  return absl::OkStatus();
}

// Kernels compare ranges with the capacity, which may be more than was fed.
absl::Status Executable::CheckRanges(const RangesOfEntries& pair,
                                     absl::Span<const Tensor> inputs) const {
  const int64_t entries = inputs[pair.entries].size();
  const Port& port = program_.inputs[pair.entries];
  if (entries == port.var.shape()[0]) return absl::OkStatus();
  const absl::Span<const int64_t> ranges = inputs[pair.ranges].data<int64_t>();
  for (size_t i = 0; i + 1 < ranges.size(); i += 2) {
    if (ranges[i + 1] <= entries) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "running program ", program_.name, ": row ", i / 2, " of input '",
        program_.inputs[pair.ranges].name, "' has the entries ", ranges[i], " to ", ranges[i + 1],
        " (exclusive), but input '", port.name, "' was given ", entries));
  }
  return absl::OkStatus();
}

absl::Status Executable::BindVariables(Workspace& ws, VariableStore* variables) const {
  if (program_.states.empty()) return absl::OkStatus();
  if (variables == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("running program ", program_.name, ": it has variables, but no store"));
  }
  ADJOINT_RETURN_IF_ERROR(variables->status());
  if (ws.store_generation_ == variables->generation()) return absl::OkStatus();
  ws.store_generation_ = 0;
  for (size_t i = 0; i < program_.states.size(); ++i) {
    const StateBinding& state = program_.states[i];
    Tensor* const tensor = variables->FindMutable(state.variable);
    if (tensor == nullptr) {
      return absl::NotFoundError(absl::StrCat("running program ", program_.name,
                                              ": there is no variable '", state.variable, "'"));
    }
    if (tensor->spec() != state.read.spec()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "running program ", program_.name, ": variable '", state.variable, "' is ",
          tensor->spec().ToString(), ", but the program wants ", state.read.spec().ToString()));
    }
    ws.variables_[i] = tensor->mutable_raw();
  }
  ws.store_generation_ = variables->generation();
  return absl::OkStatus();
}

absl::Status Executable::PrepareOutputs(std::vector<Tensor>* outputs) const {
  outputs->resize(program_.outputs.size());
  for (size_t i = 0; i < outputs->size(); ++i) {
    Tensor& output = (*outputs)[i];
    const TensorSpec& spec = program_.outputs[i].var.spec();
    if (output.HoldsBufferAlone() && output.spec() == spec) continue;
    ADJOINT_ASSIGN_OR_RETURN(output, Tensor::Allocate(spec));
  }
  return absl::OkStatus();
}

absl::Status Executable::StepError(size_t step, const absl::Status& status,
                                   VariableStore* variables) const {
  const absl::Status error(
      status.code(), absl::StrCat("running program ", program_.name, ", ",
                                  program_.graph->NodeToString(storage_.steps[step].node), ": ",
                                  status.message()));
  if (static_cast<int>(step) >= first_write_) variables->Poison(error);
  return error;
}

absl::Status Executable::Run(Workspace& ws, absl::Span<const Tensor> inputs,
                             VariableStore* variables, std::vector<Tensor>* outputs) const {
  if (ws.executable_.get() != this) {
    return absl::InvalidArgumentError(
        absl::StrCat("running program ", program_.name, ": the workspace is another executable's"));
  }
  ADJOINT_RETURN_IF_ERROR(CheckInputs(inputs));
  ADJOINT_RETURN_IF_ERROR(BindVariables(ws, variables));
  ADJOINT_RETURN_IF_ERROR(PrepareOutputs(outputs));
  for (const Workspace::Patch& patch : ws.patches_) {
    void*& pointer = ws.pointers_[patch.pointer];
    if (patch.kind == Location::kInput) {
      pointer = const_cast<void*>(inputs[patch.index].raw());
    } else if (patch.kind == Location::kVariable) {
      pointer = ws.variables_[patch.index];
    } else {
      pointer = (*outputs)[patch.index].mutable_raw();
    }
  }
  size_t failed = 0;
  Profiler* const profiler = CurrentProfiler();
  const absl::Status status =
      profiler == nullptr ? RunSteps(ws, &failed) : RunStepsProfiled(ws, *profiler, &failed);
  if (!status.ok()) return StepError(failed, status, variables);
  FinishRun(ws);
  return absl::OkStatus();
}

absl::Status Executable::RunOn(Workspace& ws, const void* const* inputs,
                               void* const* outputs) const {
  for (const Workspace::Patch& patch : ws.patches_) {
    ws.pointers_[patch.pointer] = patch.kind == Location::kInput
                                      ? const_cast<void*>(inputs[patch.index])
                                      : outputs[patch.index];
  }
  size_t failed = 0;
  if (absl::Status status = RunSteps(ws, &failed); !status.ok()) {
    return StepError(failed, status, nullptr);
  }
  FinishRun(ws);
  return absl::OkStatus();
}

void Executable::FinishRun(const Workspace& ws) const {
  void* const* copy_pointers =
      ws.pointers_.data() + ws.pointers_.size() - 2 * storage_.copies.size();
  for (size_t i = 0; i < storage_.copies.size(); ++i) {
    if (storage_.copies[i].bytes == 0) continue;
    std::memcpy(copy_pointers[2 * i + 1], copy_pointers[2 * i], storage_.copies[i].bytes);
  }
  runs_.fetch_add(1, std::memory_order_relaxed);
}

absl::Status Executable::RunSteps(const Workspace& ws, size_t* failed) const {
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (absl::Status status = steps_[i].kernel->Run(ws.args_[i]); !status.ok()) {
      *failed = i;
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Executable::RunStepsProfiled(const Workspace& ws, Profiler& profiler,
                                          size_t* failed) const {
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  const int64_t first = profiler.Begin(*this);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const int64_t begin = now();
    if (absl::Status status = steps_[i].kernel->Run(ws.args_[i]); !status.ok()) {
      *failed = i;
      return status;
    }
    profiler.Add(first + static_cast<int64_t>(i), begin, now());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StepProfile>> Executable::Profile(Workspace& ws,
                                                             absl::Span<const Tensor> inputs,
                                                             VariableStore* variables,
                                                             std::vector<Tensor>* outputs,
                                                             int runs) const {
  Profiler profiler(/*max_events=*/0);
  const ProfileScope scope(profiler);
  for (int i = 0; i < runs; ++i) {
    ADJOINT_RETURN_IF_ERROR(Run(ws, inputs, variables, outputs));
  }
  return profiler.steps();
}

std::vector<Executable::Step> Executable::Steps() const {
  std::vector<Step> result;
  for (size_t i = 0; i < steps_.size(); ++i) {
    result.push_back({program_.graph->NodeToString(storage_.steps[i].node), steps_[i].name,
                      steps_[i].kernel->implementation()});
  }
  return result;
}

std::map<std::string, int64_t> Executable::KernelCounts() const {
  std::map<std::string, int64_t> counts;
  const int64_t runs = runs_.load(std::memory_order_relaxed);
  for (const ops::PreparedKernel& step : steps_) counts[step.name] += runs;
  return counts;
}

}  // namespace adjoint::graph
