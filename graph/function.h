#ifndef ADJOINT_GRAPH_FUNCTION_H_
#define ADJOINT_GRAPH_FUNCTION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/csr_matrix.h"
#include "core/tensor.h"
#include "graph/executable.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace adjoint::graph {

// A program whose inputs may have symbolic dims, compiled for the shapes it is called with. Holds
// an executable for each combination of sizes seen (the last, smaller batch is a second one), up to
// kMaxExecutables: then the one that has rested longest goes. Extents of capacity ports do not make
// a combination: they are rounded up to a power of two, and an executable of enough capacity is
// used again. Thread-safe.
class Function {
 public:
  static constexpr size_t kMaxExecutables = 64;

  // Verifies the program. Compiles nothing yet.
  static absl::StatusOr<std::unique_ptr<Function>> Create(Program program,
                                                          CompileOptions options = {});

  // As Executable::Run. Errors besides: two inputs that give one symbol two values.
  absl::Status Run(absl::Span<const Tensor> inputs, VariableStore* variables,
                   std::vector<Tensor>* outputs);

  // The executable for such inputs, compiled now if need be.
  absl::StatusOr<std::shared_ptr<const Executable>> ExecutableFor(absl::Span<const Tensor> inputs);

  const Program& program() const { return program_; }
  int num_executables() const;
  // How often each kernel has run, over all executables.
  std::map<std::string, int64_t> KernelCounts() const;

 private:
  struct Entry {
    std::shared_ptr<const Executable> executable;
    std::vector<std::unique_ptr<Workspace>> idle;
  };

  Function(Program program, CompileOptions options)
      : program_(std::move(program)), options_(std::move(options)) {}

  // The values that symbols take for these inputs, capacities rounded up.
  absl::StatusOr<SymbolValues> BindSymbols(absl::Span<const Tensor> inputs) const;
  // The entry for such inputs, which becomes the newest. Requires mutex_.
  absl::StatusOr<std::shared_ptr<Entry>> EntryFor(absl::Span<const Tensor> inputs);
  // Drops the oldest entry that no thread runs. Requires mutex_.
  void DropOne();

  const Program program_;
  const CompileOptions options_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Entry>> entries_;    // used last comes last; guarded by mutex_
  std::map<std::string, int64_t> dropped_counts_;  // of entries dropped; guarded by mutex_
};

// Appends the three tensors that feed a Graph::CsrInput.
void AppendFeed(const CsrMatrix& matrix, std::vector<Tensor>* inputs);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_FUNCTION_H_
