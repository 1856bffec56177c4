#ifndef ADJOINT_GRAPH_STORAGE_H_
#define ADJOINT_GRAPH_STORAGE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "graph/memory_plan.h"
#include "graph/program.h"

namespace adjoint::graph {

// Where the bytes of a value are during a run.
struct Location {
  enum Kind : uint8_t {
    kNone,      // not placed yet; in a plan no value is
    kArena,     // at byte `index` of the workspace's arena
    kInput,     // the tensor fed to input port `index`
    kOutput,    // the tensor returned from output port `index`
    kVariable,  // the variable of state `index`, in place
    kConstant,  // constant `index`
  };
  Kind kind = kNone;
  int64_t index = 0;

  friend bool operator==(const Location& a, const Location& b) {
    return a.kind == b.kind && a.index == b.index;
  }
};

// A node to run, with its operands' locations.
struct PlannedStep {
  int node;
  std::vector<Location> inputs;
  std::vector<Location> outputs;
};

// A copy after the last step: an output that is an input, a variable's value that could not be
// written in place.
struct PlannedCopy {
  Location from;
  Location to;
  int64_t bytes;
};

// The storage of a whole program: which nodes run, in the order of their ids, and where every
// value lives.
//
// - Views (a reshape) share their input's place and are not run.
// - A variable's new value is written over the old one where every reader of the old value has run
//   by then, or reads it element by element in the same step.
// - A program's output is computed straight into the tensor returned. It never aliases a variable.
// - Everything else lives in the arena; an op may write over an input that dies with it.
struct StoragePlan {
  std::vector<PlannedStep> steps;
  // In order: to outputs; to the arena, which saves old values of variables that later copies
  // overwrite; to variables.
  std::vector<PlannedCopy> copies;
  std::vector<Tensor> constants;
  int64_t arena_bytes = 0;
  int64_t arena_lower_bound = 0;
  int in_place_outputs = 0;    // outputs of nodes that took an input's memory
  int in_place_variables = 0;  // variables updated without a copy
};

// The arena at its fullest: the first step at which the values alive have their largest sum, and
// those values, the largest first.
struct MemoryPeak {
  struct Value {
    Var var;
    int64_t bytes;
  };
  int node = 0;  // of the step
  std::vector<Value> values;
};

// Requires what PlanStorage does.
absl::StatusOr<MemoryPeak> FindMemoryPeak(const Program& program);

// Requires a verified program whose computed values all have concrete shapes; an error names the
// node otherwise.
absl::StatusOr<StoragePlan> PlanStorage(const Program& program);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_STORAGE_H_
