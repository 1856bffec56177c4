#ifndef ADJOINT_OPS_OP_DEF_H_
#define ADJOINT_OPS_OP_DEF_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/attrs.h"
#include "core/tensor_spec.h"
#include "ops/builder.h"
#include "ops/kernel.h"
#include "ops/tile.h"
#include "ops/var.h"

namespace adjoint::ops {

// What a shape rule sees. Dims may be symbols. The counts of inputs and the attributes' names and
// kinds agree with the op's declaration already.
struct InferContext {
  absl::Span<const TensorSpec> inputs;
  const Attrs& attrs;
};

// The specs of the outputs, or the rule that is broken with both numbers ("inner dimensions differ:
// lhs has 16, rhs has 32"); the builder puts op, operands and place in front.
using InferFn = std::function<absl::StatusOr<std::vector<TensorSpec>>(const InferContext&)>;

// What a gradient rule says for one input: a var, or "zero by definition" (an index, a comparison,
// floor). There is no silent zero: a rule that cannot answer returns an error.
class Cotangent {
 public:
  Cotangent(Var v) : var_(v) {}  // NOLINT: implicit
  static Cotangent Zero() { return Cotangent(Var{}); }

  bool is_zero() const { return var_.builder == nullptr; }
  Var var() const { return var_; }

 private:
  Var var_;
};

// What a gradient rule sees: the node's inputs and outputs, and the cotangent of each output, which
// has the output's spec. An output without influence on the result has a cotangent of zeros (see
// also Traits::sparse_cotangents). Rules
// prefer outputs to inputs where the maths allows: that lets a fused activation drop its input.
struct VjpContext {
  Builder& builder;
  absl::Span<const Var> inputs;
  absl::Span<const Var> outputs;
  absl::Span<const Var> cotangents;
  const Attrs& attrs;
  // needs[i]: whether the caller uses input i's cotangent; a rule may answer Zero() otherwise.
  const std::vector<bool>& needs;
};

// One cotangent an input, each of that input's spec. Only ops that are differentiable themselves,
// so that any order works.
using VjpFn = std::function<absl::StatusOr<std::vector<Cotangent>>(const VjpContext&)>;

using FlopsFn = std::function<double(const KernelRequest&)>;

struct AttrDecl {
  std::string name;
  AttrKind kind;
  bool optional = false;
};

// An output that may take the memory of an input, when the input is dead after this node and the
// sizes agree.
struct AliasPair {
  int input;
  int output;
};

struct Traits {
  bool elementwise = false;  // broadcasts its inputs and computes each element alone
  bool commutative = false;  // of its first two inputs
  bool leaf = false;         // has a value from outside (input, constant): never computed
  bool view = false;         // the output is the bytes of input 0: never computed, shares memory
  bool shape_only = false;   // reads its inputs' shapes, never their elements
  // The gradient rule takes an invalid var as the cotangent of an output without influence, rather
  // than zeros: for ops with many outputs of which few are used.
  bool sparse_cotangents = false;
  bool internal = false;  // made by passes only: never in a file, needs no gradient
};

constexpr int kVariadic = -1;

// All there is to know of an op. One record an op, in ops/<family>.cc, listed in op_list.cc; it
// lives as long as the process. "Op" is this definition, "node" its use.
struct OpDef {
  std::string name = {};
  int version = 1;  // raised when the meaning of saved programs would change
  Traits traits = {};
  int min_inputs = 1;
  int max_inputs = 1;  // kVariadic: no limit
  std::vector<AttrDecl> attrs = {};
  InferFn infer = {};
  VjpFn vjp = {};  // absent for internal ops
  // In order of preference; the last is the portable reference, which takes every case.
  std::vector<KernelDef> kernels = {};
  // Arithmetic operations of a run, a multiplication and an addition counting as two, for profiles;
  // absent where nobody would ask. Every shape is concrete.
  FlopsFn flops = {};
  // For elementwise ops: one tile of the computation, for fusion.
  TileFnTable tile = {};
  std::vector<AliasPair> aliases = {};
  std::string post_op =
      {};  // name under which a matmul can apply it to its result; empty: it cannot
  std::string onnx_name = {};  // empty: no counterpart
};

// Checks the count of inputs and the attributes against the declaration, then asks the shape rule.
// The message is the broken rule alone.
absl::StatusOr<std::vector<TensorSpec>> InferOp(const OpDef& op,
                                                absl::Span<const TensorSpec> inputs,
                                                const Attrs& attrs);

// A kernel with where it came from.
struct PreparedKernel {
  std::unique_ptr<Kernel> kernel;
  std::string name;  // "matmul/onednn", "relu/reference"
};

// The first kernel of the op that accepts the request. `skip` names kernels to pass over, for tests
// that compare them. An error when none accepts.
absl::StatusOr<PreparedKernel> PrepareKernel(const OpDef& op, const KernelRequest& request,
                                             absl::Span<const std::string> skip = {});

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_OP_DEF_H_
