#ifndef ADJOINT_GRAPH_EAGER_H_
#define ADJOINT_GRAPH_EAGER_H_

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/tensor.h"
#include "graph/graph.h"
#include "ops/kernel.h"
#include "ops/op_def.h"

namespace adjoint::graph {

struct EagerOptions {
  // Looks at every operand and result, those of gradients among them, and makes the first NaN or
  // infinity an error that names the op, the operand, and the user's file and line. Constants in
  // the program's text are taken as meant.
  bool check_numbers = false;
  // Names of kernels to pass over ("onednn", "simd").
  std::vector<std::string> skip_kernels = {};
};

// A builder that runs each op when its function is called, so that values can be looked at while a
// program is written:
//
//   Eager eager;
//   const Var x = eager.Input("x", Tensor::Of<float>({2}, {1, 2}));
//   const Var y = ops::Sum(ops::Square(x));
//   std::cout << eager.ValueOf(y)->ToString();                     // f32[] {5}
//   std::cout << eager.ValueOf(Gradients(y, {&x, 1})[0])->ToString();  // f32[2] {2, 4}
//
// The nodes are kept as in any graph, so Gradients works by the same rules; what it adds is run at
// once too. Numbers are bit for bit those of the same nodes compiled with optimize = false. Kernels
// are prepared once for operands of equal specs and attributes and kept.
//
// An error of an op, of its values among them (an index out of range), is kept as by any builder:
// nothing runs after it until TakeStatus. Not thread-safe.
class Eager final : public Graph {
 public:
  explicit Eager(EagerOptions options = {}) : options_(std::move(options)) {}
  ~Eager() override;

  // A value from outside, to which gradients can be taken. The tensor's buffer is shared.
  Var Input(absl::string_view name, Tensor value,
            std::source_location location = std::source_location::current());

  // Gives an input, which was not made by an op, another value of its spec: a parameter after a
  // step. Values computed from the old one stay as they are. An error is kept by the builder.
  void Assign(Var input, Var value);

  // The elements, shared with the builder. Errors: status(), a var of another builder or of a scope
  // that was closed.
  absl::StatusOr<Tensor> ValueOf(Var v) const;

  // The first error, which it lifts.
  absl::Status TakeStatus();

  void set_check_numbers(bool check) { options_.check_numbers = check; }

  // Kernels prepared so far: stays as it is while ops repeat.
  int64_t num_prepared() const { return num_prepared_; }

  // Frees all values that were made while it lives, except those kept. Scopes nest. Vars made in it
  // must not be used after it.
  class Scope {
   public:
    explicit Scope(Eager& eager) : eager_(eager), first_(eager.num_nodes()) {}
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    // `*var` stays: when the scope closes it becomes the handle of an input of the same value,
    // beyond which gradients do not reach. `var` must live as long as the scope.
    void Keep(Var* var) { kept_.push_back(var); }

   private:
    Eager& eager_;
    const int first_;
    std::vector<Var*> kept_;
  };

 protected:
  absl::Status NodeAdded(int id) override;

 private:
  // A kernel for operands of given specs, with what one caller of it needs.
  struct Prepared {
    const OpDef* op;
    std::vector<TensorSpec> inputs;
    Attrs attrs;
    std::unique_ptr<ops::Kernel> kernel;
    std::unique_ptr<ops::KernelState> state;
  };

  Var AddLeaf(absl::string_view name, Tensor value, std::source_location location);
  absl::StatusOr<Prepared*> KernelFor(const Node& node);
  absl::StatusOr<std::vector<Tensor>> Compute(const Node& node);
  // The place of an error: the node, and whose gradient it belongs to.
  absl::Status Error(int id, const absl::Status& status) const;
  absl::Status CheckNumbers(int id) const;

  EagerOptions options_;
  std::vector<std::vector<Tensor>> values_;  // by node and output
  absl::flat_hash_map<size_t, std::vector<std::unique_ptr<Prepared>>> kernels_;  // by hash
  int64_t num_prepared_ = 0;
  std::shared_ptr<Buffer> scratch_;
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_EAGER_H_
