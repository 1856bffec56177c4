#include "graph/function.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace adjoint::graph {
namespace {

int64_t RoundUpToPowerOfTwo(int64_t n) {
  int64_t power = 1024;
  while (power < n) power *= 2;
  return power;
}

bool Accepts(const Executable& executable, absl::Span<const Tensor> inputs) {
  const std::vector<Port>& ports = executable.program().inputs;
  return std::equal(ports.begin(), ports.end(), inputs.begin(), inputs.end(),
                    [](const Port& p, const Tensor& t) { return p.Accepts(t); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Function>> Function::Create(Program program,
                                                           CompileOptions options) {
  ADJOINT_RETURN_IF_ERROR(Verify(program));
  SettleCapacities(&program);
  return std::unique_ptr<Function>(new Function(std::move(program), std::move(options)));
}

absl::StatusOr<SymbolValues> Function::BindSymbols(absl::Span<const Tensor> inputs) const {
  if (inputs.size() != program_.inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("running program ", program_.name, ": it takes ",
                                                   program_.inputs.size(),
                                                   " inputs, but was given ", inputs.size()));
  }
  SymbolValues values;
  std::map<std::string, std::string> bound_by;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port& port = program_.inputs[i];
    const TensorSpec& spec = port.var.spec();
    const std::string what =
        absl::StrCat("running program ", program_.name, ": input '", port.name, "' is ",
                     spec.ToString(), ", but was given ", inputs[i].spec().ToString());
    if (spec.dtype != inputs[i].dtype() || spec.shape.rank() != inputs[i].shape().rank()) {
      return absl::InvalidArgumentError(what);
    }
    for (int axis = 0; axis < spec.shape.rank(); ++axis) {
      const Dim want = spec.shape.dim(axis);
      const int64_t given = inputs[i].shape()[axis];
      if (want.is_known()) {
        if (want.value() != given && !(port.capacity && given < want.value())) {
          return absl::InvalidArgumentError(what);
        }
        continue;
      }
      const int64_t value = port.capacity ? RoundUpToPowerOfTwo(given) : given;
      const auto [it, added] = values.try_emplace(want.name(), value);
      if (added) {
        bound_by[want.name()] = port.name;
      } else if (it->second != value) {
        return absl::InvalidArgumentError(absl::StrCat(what, ": ", want.name(), " is ", it->second,
                                                       " by input '", bound_by[want.name()], "'"));
      }
    }
  }
  return values;
}

absl::StatusOr<std::shared_ptr<Function::Entry>> Function::EntryFor(
    absl::Span<const Tensor> inputs) {
  for (size_t i = entries_.size(); i-- > 0;) {
    if (!Accepts(*entries_[i]->executable, inputs)) continue;
    std::rotate(entries_.begin() + i, entries_.begin() + i + 1, entries_.end());
    return entries_.back();
  }
  ADJOINT_ASSIGN_OR_RETURN(const SymbolValues values, BindSymbols(inputs));
  ADJOINT_ASSIGN_OR_RETURN(const Program concrete, Specialize(program_, values));
  auto entry = std::make_shared<Entry>();
  ADJOINT_ASSIGN_OR_RETURN(entry->executable, Executable::Compile(concrete, options_));
  if (entries_.size() >= kMaxExecutables) DropOne();
  entries_.push_back(entry);
  return entry;
}

void Function::DropOne() {
  const auto oldest = std::find_if(entries_.begin(), entries_.end(),
                                   [](const auto& entry) { return entry.use_count() == 1; });
  if (oldest == entries_.end()) return;
  for (const auto& [kernel, n] : (*oldest)->executable->KernelCounts()) {
    dropped_counts_[kernel] += n;
  }
  entries_.erase(oldest);
}

absl::StatusOr<std::shared_ptr<const Executable>> Function::ExecutableFor(
    absl::Span<const Tensor> inputs) {
  std::lock_guard<std::mutex> lock(mutex_);
  ADJOINT_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, EntryFor(inputs));
  return entry->executable;
}

absl::Status Function::Run(absl::Span<const Tensor> inputs, VariableStore* variables,
                           std::vector<Tensor>* outputs) {
  std::shared_ptr<Entry> entry;
  std::unique_ptr<Workspace> workspace;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ADJOINT_ASSIGN_OR_RETURN(entry, EntryFor(inputs));
    if (!entry->idle.empty()) {
      workspace = std::move(entry->idle.back());
      entry->idle.pop_back();
    }
  }
  if (workspace == nullptr) {
    ADJOINT_ASSIGN_OR_RETURN(workspace, entry->executable->NewWorkspace());
  }
  const absl::Status status = entry->executable->Run(*workspace, inputs, variables, outputs);
  std::lock_guard<std::mutex> lock(mutex_);
  entry->idle.push_back(std::move(workspace));
  return status;
}

int Function::num_executables() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(entries_.size());
}

std::map<std::string, int64_t> Function::KernelCounts() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::map<std::string, int64_t> counts = dropped_counts_;
  for (const auto& entry : entries_) {
    for (const auto& [kernel, n] : entry->executable->KernelCounts()) counts[kernel] += n;
  }
  return counts;
}

void AppendFeed(const CsrMatrix& matrix, std::vector<Tensor>* inputs) {
  inputs->push_back(matrix.ranges());
  inputs->push_back(matrix.columns());
  inputs->push_back(matrix.values());
}

}  // namespace adjoint::graph
