#include "graph/profile.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/io/file.h"
#include "graph/executable.h"
#include "nlohmann/json.hpp"

namespace adjoint::graph {
namespace {

thread_local Profiler* current = nullptr;

// Operands and results of a node; a value that is read twice counts once, and a tensor of which
// only the capacity is known not at all.
int64_t BytesOf(const Program& program, const Node& node) {
  const Graph& graph = *program.graph;
  const auto has_capacity = [&](Var v) {
    return std::any_of(program.inputs.begin(), program.inputs.end(),
                       [&](const Port& port) { return port.capacity && port.var == v; });
  };
  int64_t bytes = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Var v = node.inputs[i];
    if (has_capacity(v)) continue;
    if (std::find(node.inputs.begin(), node.inputs.begin() + static_cast<int64_t>(i), v) ==
        node.inputs.begin() + static_cast<int64_t>(i)) {
      bytes += graph.SpecOf(v).ByteSize().value_or(0);
    }
  }
  for (const TensorSpec& spec : node.outputs) {
    bytes += spec.ByteSize().value_or(0);
  }
  return bytes;
}

double FlopsOf(const Graph& graph, const Node& node) {
  if (!node.op->flops) return 0;
  std::vector<TensorSpec> inputs;
  for (Var v : node.inputs) inputs.push_back(graph.SpecOf(v));
  return node.op->flops({inputs, node.outputs, node.attrs});
}

std::string Shortened(std::string text) {
  constexpr size_t kMax = 120;
  if (text.size() > kMax) text = absl::StrCat(text.substr(0, kMax), "...");
  return text;
}

// `x` a run, in billions a second; empty where there is nothing to tell.
std::string Rate(double x, const StepProfile& step) {
  if (x <= 0 || step.seconds <= 0) return "";
  return absl::StrFormat("%.1f", 1e-9 * x * static_cast<double>(step.runs) / step.seconds);
}

std::string Row(const StepProfile& step, double total) {
  const std::string kernel = step.implementation.empty()
                                 ? step.kernel
                                 : absl::StrCat(step.kernel, " (", step.implementation, ")");
  return absl::StrFormat("%5.1f%% %10.3f %8d %10.2f %8.3f %8s %7s  %-34s %s\n",
                         total > 0 ? 100 * step.seconds / total : 0.0, 1e3 * step.seconds,
                         step.runs, 1e6 * step.seconds / static_cast<double>(step.runs),
                         1e-6 * static_cast<double>(step.bytes), Rate(step.flops, step),
                         Rate(static_cast<double>(step.bytes), step), kernel,
                         Shortened(absl::StrCat(step.program, " ", step.node)));
}

}  // namespace

double Profiler::seconds() const {
  return std::accumulate(steps_.begin(), steps_.end(), 0.0,
                         [](double sum, const StepProfile& s) { return sum + s.seconds; });
}

std::string Profiler::Table(int max_rows) const {
  std::vector<const StepProfile*> order;
  for (const StepProfile& step : steps_) {
    if (step.runs > 0) order.push_back(&step);
  }
  std::stable_sort(order.begin(), order.end(), [](const StepProfile* a, const StepProfile* b) {
    return a->seconds > b->seconds;
  });
  const double total = seconds();
  std::string text =
      absl::StrFormat("%6s %10s %8s %10s %8s %8s %7s  %-34s %s\n", "share", "ms", "runs", "us/run",
                      "MB/run", "GFLOP/s", "GB/s", "kernel", "node");
  const size_t shown = std::min(order.size(), static_cast<size_t>(std::max(0, max_rows)));
  for (size_t i = 0; i < shown; ++i) absl::StrAppend(&text, Row(*order[i], total));
  if (shown < order.size()) {
    double rest = 0;
    for (size_t i = shown; i < order.size(); ++i) rest += order[i]->seconds;
    absl::StrAppendFormat(&text, "%5.1f%% %10.3f  in %d further steps\n",
                          total > 0 ? 100 * rest / total : 0.0, 1e3 * rest, order.size() - shown);
  }
  absl::StrAppendFormat(&text, "100.0%% %10.3f  in all\n", 1e3 * total);
  return text;
}

std::string Profiler::TraceJson() const {
  nlohmann::ordered_json events = nlohmann::ordered_json::array();
  const int64_t origin = events_.empty() ? 0 : events_.front().begin_ns;
  for (const Event& event : events_) {
    const StepProfile& step = steps_[event.step];
    const double seconds = 1e-9 * static_cast<double>(event.end_ns - event.begin_ns);
    nlohmann::ordered_json args = {{"node", step.node}, {"bytes", step.bytes}};
    if (!step.implementation.empty()) args["implementation"] = step.implementation;
    if (step.flops > 0 && seconds > 0) args["GFLOP/s"] = 1e-9 * step.flops / seconds;
    events.push_back({{"name", step.kernel},
                      {"cat", step.program},
                      {"ph", "X"},
                      {"ts", 1e-3 * static_cast<double>(event.begin_ns - origin)},
                      {"dur", 1e6 * seconds},
                      {"pid", 1},
                      {"tid", 1},
                      {"args", std::move(args)}});
  }
  const nlohmann::ordered_json trace = {{"traceEvents", std::move(events)},
                                        {"displayTimeUnit", "ns"}};
  return trace.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

absl::Status Profiler::WriteTrace(const std::string& path) const {
  return io::WriteFileAtomically(path, TraceJson());
}

int64_t Profiler::Begin(const Executable& executable) {
  const auto [it, added] =
      first_step_.try_emplace(executable.id(), static_cast<int64_t>(steps_.size()));
  if (!added) return it->second;
  const Program& program = executable.program();
  const std::vector<Executable::Step> steps = executable.Steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    const Node& node = program.graph->node(executable.storage().steps[i].node);
    steps_.push_back({.program = program.name,
                      .op = node.op->name,
                      .node = steps[i].node,
                      .kernel = steps[i].kernel,
                      .implementation = steps[i].implementation,
                      .bytes = BytesOf(program, node),
                      .flops = FlopsOf(*program.graph, node)});
  }
  return it->second;
}

void Profiler::Add(int64_t step, int64_t begin_ns, int64_t end_ns) {
  ++steps_[step].runs;
  steps_[step].seconds += 1e-9 * static_cast<double>(end_ns - begin_ns);
  if (static_cast<int64_t>(events_.size()) < max_events_) {
    events_.push_back({step, begin_ns, end_ns});
  }
}

ProfileScope::ProfileScope(Profiler& profiler) : outer_(current) { current = &profiler; }

ProfileScope::~ProfileScope() { current = outer_; }

Profiler* CurrentProfiler() { return current; }

}  // namespace adjoint::graph
