#ifndef ADJOINT_GRAPH_PROFILE_H_
#define ADJOINT_GRAPH_PROFILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace adjoint::graph {

class Executable;

// What the runs of one step of an executable took.
struct StepProfile {
  std::string program;         // "train"
  std::string op;              // "matmul"
  std::string node;            // the node as text, with its place
  std::string kernel;          // "matmul/onednn"
  std::string implementation;  // "brg:avx2", may be empty
  // Operands and results of one run, each counted once; those of a capacity port not at all.
  int64_t bytes = 0;
  double flops = 0;  // arithmetic operations of one run; 0 where the op does not tell
  int64_t runs = 0;
  double seconds = 0;  // of all runs
};

// Collects what steps take. While a ProfileScope lives, every executable that its thread runs
// reports here:
//
//   graph::Profiler profiler;
//   {
//     graph::ProfileScope scope(profiler);
//     model.Fit(x, y);
//   }
//   std::cout << profiler.Table();
//   absl::Status status = profiler.WriteTrace("trace.json");
//
// Measuring a step adds some 50 ns to it. Not thread-safe: one profiler a thread.
class Profiler {
 public:
  // `max_events`: single runs of steps remembered for the trace, the first ones; the table counts
  // all of them.
  explicit Profiler(int64_t max_events = 1000000) : max_events_(max_events) {}
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  // One entry a step that has run, in the order of the first run.
  const std::vector<StepProfile>& steps() const { return steps_; }
  // Seconds of all steps.
  double seconds() const;

  // A line a step, the most expensive first: share, time, runs, microseconds a run, megabytes a
  // run, GFLOP/s, GB/s, kernel (implementation), node. At most `max_rows`, and a line that sums up
  // the others.
  std::string Table(int max_rows = 40) const;

  // The trace event format of Chromium's tracing and of Perfetto (JSON; "Trace Event Format",
  // Google, 2016): a complete event ("ph": "X") a run of a step.
  std::string TraceJson() const;
  // Written whole or not at all.
  absl::Status WriteTrace(const std::string& path) const;

  // For executables: tells that steps of `executable` run now, and gives the place of its first one
  // in steps(). Then what each took, by steady clock in nanoseconds.
  int64_t Begin(const Executable& executable);
  void Add(int64_t step, int64_t begin_ns, int64_t end_ns);

 private:
  struct Event {
    int64_t step;
    int64_t begin_ns, end_ns;
  };

  const int64_t max_events_;
  std::vector<StepProfile> steps_;
  std::vector<Event> events_;
  absl::flat_hash_map<uint64_t, int64_t> first_step_;  // by executable
};

// Makes `profiler` that of this thread, until its end. Scopes nest; the inner one counts.
class ProfileScope {
 public:
  explicit ProfileScope(Profiler& profiler);
  ~ProfileScope();
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

 private:
  Profiler* const outer_;
};

// The profiler of this thread, or null.
Profiler* CurrentProfiler();

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PROFILE_H_
