#include "graph/eager.h"

#include <algorithm>
#include <cmath>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/leaf.h"

namespace adjoint::graph {
namespace {

// Programs of ever new shapes would fill the memory with kernels: then all go.
constexpr int64_t kMaxKernels = 4096;

// The position of the first NaN or infinity, -1 when there is none.
int64_t FirstNotFinite(const Tensor& tensor) {
  if (!IsFloating(tensor.dtype())) return -1;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (!std::isfinite(tensor.ValueAt(i))) return i;
  }
  return -1;
}

std::string NotFiniteText(const Tensor& tensor, int64_t at) {
  const double value = tensor.ValueAt(at);
  return absl::StrCat("has ",
                      std::isnan(value) ? "NaN"
                      : value > 0       ? "infinity"
                                        : "minus infinity",
                      " at element ", at, " of ", tensor.size());
}

std::vector<TensorSpec> InputSpecs(const Node& node) {
  std::vector<TensorSpec> specs;
  specs.reserve(node.inputs.size());
  for (Var v : node.inputs) specs.push_back(v.spec());
  return specs;
}

}  // namespace

Eager::~Eager() = default;

Eager::Scope::~Scope() {
  if (eager_.num_nodes() < first_) return;  // an outer scope has closed before
  std::vector<std::pair<Var*, Tensor>> kept;
  for (Var* v : kept_) {
    if (v->builder != &eager_ || v->node < first_ || v->node >= eager_.num_nodes()) continue;
    kept.emplace_back(v, eager_.values_[v->node][v->output]);
  }
  eager_.Truncate(first_);
  eager_.values_.resize(first_);
  for (auto& [v, value] : kept) *v = eager_.AddLeaf("kept", std::move(value), {});
}

Var Eager::AddLeaf(absl::string_view name, Tensor value, std::source_location location) {
  auto leaf =
      Append(ops::InputOp(), {},
             Attrs{{"name", std::string(name)}, {"dtype", value.dtype()}, {"shape", value.shape()}},
             location, CurrentScope());
  if (!leaf.ok()) {
    Fail(leaf.status());
    return Var{this, -1, 0};
  }
  values_.push_back({std::move(value)});
  return (*leaf)[0];
}

Var Eager::Input(absl::string_view name, Tensor value, std::source_location location) {
  if (!status().ok()) return Var{this, -1, 0};
  if (options_.check_numbers) {
    if (const int64_t at = FirstNotFinite(value); at >= 0) {
      Fail(absl::InvalidArgumentError(absl::StrCat(FormatPlace(ScopePath(), location), ": input '",
                                                   name, "' ", NotFiniteText(value, at))));
      return Var{this, -1, 0};
    }
  }
  return AddLeaf(name, std::move(value), location);
}

void Eager::Assign(Var input, Var value) {
  if (!status().ok()) return;
  for (Var v : {input, value}) {
    if (v.builder != this || !v.valid() || v.node >= num_nodes()) {
      return Fail(absl::InvalidArgumentError("Assign: a var is not of this builder"));
    }
  }
  if (node(input).op != &ops::InputOp()) {
    return Fail(absl::InvalidArgumentError(absl::StrCat(
        "Assign: only an input can be given another value, not ", NodeToString(input.node))));
  }
  if (input.spec() != value.spec()) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat("Assign: ", NodeToString(input.node), " cannot take the value of ",
                     NodeToString(value.node), ", which is ", value.spec().ToString())));
  }
  values_[input.node][0] = values_[value.node][value.output];
}

absl::StatusOr<Tensor> Eager::ValueOf(Var v) const {
  ADJOINT_RETURN_IF_ERROR(status());
  if (v.builder != this || !v.valid() || v.node >= num_nodes()) {
    return absl::InvalidArgumentError(
        "ValueOf: the var is not of this builder, or of a scope that was closed");
  }
  return values_[v.node][v.output];
}

absl::Status Eager::TakeStatus() {
  absl::Status taken = status();
  ClearStatus();
  return taken;
}

absl::StatusOr<Eager::Prepared*> Eager::KernelFor(const Node& node) {
  std::vector<TensorSpec> inputs = InputSpecs(node);
  size_t hash = absl::HashOf(node.op, inputs.size());
  for (const TensorSpec& spec : inputs) hash = absl::HashOf(hash, spec.dtype, spec.shape);
  if (!node.attrs.empty()) hash = absl::HashOf(hash, node.attrs.Fingerprint());
  for (const std::unique_ptr<Prepared>& p : kernels_[hash]) {
    if (p->op == node.op && p->inputs == inputs && p->attrs == node.attrs) return p.get();
  }
  ADJOINT_ASSIGN_OR_RETURN(
      ops::PreparedKernel prepared,
      ops::PrepareKernel(*node.op, {inputs, node.outputs, node.attrs}, options_.skip_kernels));
  const size_t scratch = prepared.kernel->scratch_bytes();
  if (scratch_ == nullptr || scratch_->size() < scratch) {
    ADJOINT_ASSIGN_OR_RETURN(scratch_, Buffer::Allocate(scratch));
  }
  if (num_prepared_++ % kMaxKernels == kMaxKernels - 1) kernels_.clear();
  std::unique_ptr<ops::KernelState> state = prepared.kernel->MakeState();
  auto& bucket = kernels_[hash];
  bucket.push_back(std::make_unique<Prepared>(Prepared{
      node.op, std::move(inputs), node.attrs, std::move(prepared.kernel), std::move(state)}));
  return bucket.back().get();
}

absl::StatusOr<std::vector<Tensor>> Eager::Compute(const Node& node) {
  if (node.op == &ops::ConstantOp()) return std::vector<Tensor>{node.attrs.At<Tensor>("value")};
  if (node.op->traits.leaf) {
    return absl::InvalidArgumentError(
        "an eager builder runs at once and needs the value itself: use Eager::Input");
  }
  if (node.op->traits.view && node.inputs[0].dtype() == node.outputs[0].dtype) {
    const Tensor& whole = values_[node.inputs[0].node][node.inputs[0].output];
    ADJOINT_ASSIGN_OR_RETURN(Tensor view, whole.Reshaped(node.outputs[0].shape));
    return std::vector<Tensor>{std::move(view)};
  }
  ADJOINT_ASSIGN_OR_RETURN(Prepared* const prepared, KernelFor(node));
  std::vector<Tensor> results;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (Var v : node.inputs) inputs.push_back(values_[v.node][v.output].raw());
  for (const TensorSpec& spec : node.outputs) {
    ADJOINT_ASSIGN_OR_RETURN(Tensor result, Tensor::Allocate(spec));
    outputs.push_back(result.mutable_raw());
    results.push_back(std::move(result));
  }
  ADJOINT_RETURN_IF_ERROR(prepared->kernel->Run(
      {inputs.data(), outputs.data(), scratch_->data(), prepared->state.get()}));
  return results;
}

absl::Status Eager::Error(int id, const absl::Status& status) const {
  return absl::Status(
      status.code(),
      absl::StrCat("running ", NodeToString(id),
                   differentiating() < 0
                       ? ""
                       : absl::StrCat(", of the gradient of ", NodeToString(differentiating())),
                   ": ", status.message()));
}

absl::Status Eager::CheckNumbers(int id) const {
  const Node& n = node(id);
  std::string constants;
  for (size_t i = 0; i < n.inputs.size(); ++i) {
    const Tensor& value = values_[n.inputs[i].node][n.inputs[i].output];
    if (n.op->traits.shape_only) break;
    const int64_t at = FirstNotFinite(value);
    if (at < 0) continue;
    const std::string text = absl::StrCat("operand ", i, " ", NotFiniteText(value, at));
    if (node(n.inputs[i]).op != &ops::ConstantOp()) return absl::InvalidArgumentError(text);
    absl::StrAppend(&constants, " (", text, ")");
  }
  for (size_t i = 0; i < n.outputs.size(); ++i) {
    const int64_t at = FirstNotFinite(values_[id][i]);
    if (at < 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("output ", i, " ", NotFiniteText(values_[id][i], at), constants));
  }
  return absl::OkStatus();
}

absl::Status Eager::NodeAdded(int id) {
  absl::StatusOr<std::vector<Tensor>> results = Compute(node(id));
  if (!results.ok()) return Error(id, results.status());
  values_.push_back(*std::move(results));
  if (options_.check_numbers && !node(id).op->traits.leaf) {
    if (absl::Status finite = CheckNumbers(id); !finite.ok()) {
      values_.pop_back();
      return Error(id, finite);
    }
  }
  return absl::OkStatus();
}

}  // namespace adjoint::graph
