#ifndef ADJOINT_GRAPH_EXECUTABLE_H_
#define ADJOINT_GRAPH_EXECUTABLE_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "graph/passes/pass.h"
#include "graph/profile.h"
#include "graph/program.h"
#include "graph/storage.h"
#include "graph/variables.h"
#include "ops/kernel.h"

namespace adjoint::graph {

struct CompileOptions {
  PassOptions passes;
  bool optimize = true;  // false: run the nodes as they were built
  // The most bytes that a run may hold: workspace, variables, inputs, outputs and constants. A
  // program that would take more is refused by Compile, with a breakdown. 0: no limit.
  int64_t memory_limit = 0;
  // Above the limit, elementwise values that would wait long for their last readers are computed
  // again before these, as few as it takes (graph/recompute.h). Results have the same bits.
  bool recompute = false;
  // Names of kernels to pass over ("onednn", "simd"), for tests that compare implementations.
  std::vector<std::string> skip_kernels;
};

class Executable;

// The memory of one caller of an executable. Runs with one workspace must not overlap; two
// workspaces may run at the same time. Reused from run to run, so a run allocates only the tensors
// it returns.
class Workspace {
 public:
  ~Workspace();

 private:
  friend class Executable;
  Workspace() = default;

  // A pointer of a step that changes from run to run.
  struct Patch {
    int pointer;
    Location::Kind kind;
    int64_t index;
  };

  std::shared_ptr<const Executable> executable_;
  std::shared_ptr<Buffer> memory_;  // arena, then scratch
  std::vector<void*> pointers_;     // operands of all steps, one after the other
  std::vector<ops::KernelArgs> args_;
  std::vector<std::unique_ptr<ops::KernelState>> states_;
  std::vector<Patch> patches_;
  uint64_t store_generation_ = 0;  // of the store whose variables the pointers below are
  std::vector<void*> variables_;
};

// A program for given shapes, compiled: kernels prepared, memory planned. Immutable, shareable
// between threads.
class Executable : public std::enable_shared_from_this<Executable> {
 public:
  // Every dim of the program's inputs and variables must be a number.
  static absl::StatusOr<std::shared_ptr<const Executable>> Compile(
      const Program& program, const CompileOptions& options = {});

  absl::StatusOr<std::unique_ptr<Workspace>> NewWorkspace() const;

  // Runs all steps. `inputs` follow the program's input ports. `outputs` gets a tensor a port; a
  // tensor that is there already, of the right spec and with its buffer to itself, is written
  // again. `inputs` may not lie in `*outputs`. `variables` may be null when the program has no
  // state.
  //
  // Errors: an input of another spec; ranges that point beyond the entries fed to a capacity port;
  // a variable missing or of another spec; another executable's workspace; an error of a kernel,
  // with its place. After a failed step variables keep their values, or, where some may have been
  // overwritten, the store is poisoned with the error.
  absl::Status Run(Workspace& workspace, absl::Span<const Tensor> inputs, VariableStore* variables,
                   std::vector<Tensor>* outputs) const;

  // For kernels made of an executable, the body of a loop: runs on bare operands, one for each
  // port. Outputs may lie in no input. Requires a workspace of this executable, and a program
  // without variables and capacity ports.
  absl::Status RunOn(Workspace& workspace, const void* const* inputs, void* const* outputs) const;

  struct Step {
    std::string node;            // the node as text, with its place
    std::string kernel;          // "matmul/onednn"
    std::string implementation;  // "brg:avx2", may be empty
  };
  // What runs, in order.
  std::vector<Step> Steps() const;
  int num_steps() const { return static_cast<int>(steps_.size()); }

  // How often each kernel has run so far, by name.
  std::map<std::string, int64_t> KernelCounts() const;

  // Runs the program `runs` times, as Run does, and tells what its steps took. Variables change as
  // by so many runs.
  absl::StatusOr<std::vector<StepProfile>> Profile(Workspace& workspace,
                                                   absl::Span<const Tensor> inputs,
                                                   VariableStore* variables,
                                                   std::vector<Tensor>* outputs,
                                                   int runs = 10) const;
  // Distinguishes this executable from all others of the process.
  uint64_t id() const { return id_; }

  // The program as it runs, after all passes, and where its values live.
  const Program& program() const { return program_; }
  const StoragePlan& storage() const { return storage_; }
  // What a run holds, in bytes.
  struct Memory {
    int64_t arena = 0, scratch = 0, variables = 0, inputs = 0, outputs = 0, constants = 0;
    int64_t total() const { return arena + scratch + variables + inputs + outputs + constants; }
  };
  Memory memory() const;
  // Bytes a workspace takes.
  int64_t workspace_bytes() const { return storage_.arena_bytes + scratch_bytes_; }

 private:
  Executable();

  // Plans storage and prepares the kernels of program_.
  absl::Status Prepare(const CompileOptions& options);
  absl::Status CheckMemory(const CompileOptions& options) const;
  absl::Status BindVariables(Workspace& workspace, VariableStore* variables) const;
  absl::Status CheckInputs(absl::Span<const Tensor> inputs) const;
  absl::Status CheckRanges(const RangesOfEntries& pair, absl::Span<const Tensor> inputs) const;
  absl::Status PrepareOutputs(std::vector<Tensor>* outputs) const;
  absl::Status StepError(size_t step, const absl::Status& status, VariableStore* variables) const;

  // Runs the steps one after the other; the index of the one that fails goes to `failed`.
  absl::Status RunSteps(const Workspace& workspace, size_t* failed) const;
  absl::Status RunStepsProfiled(const Workspace& workspace, Profiler& profiler,
                                size_t* failed) const;
  // What follows the steps: copies, and the count of runs.
  void FinishRun(const Workspace& workspace) const;

  const uint64_t id_;
  Program program_;
  std::vector<RangesOfEntries> ranges_;  // of the capacity ports
  StoragePlan storage_;
  std::vector<ops::PreparedKernel> steps_;
  int first_write_ = 0;  // the first step that writes a variable in place
  int64_t scratch_bytes_ = 0;
  mutable std::atomic<int64_t> runs_{0};
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_EXECUTABLE_H_
