#include "graph/call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/body_kernel.h"
#include "ops/barrier.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ops::Cotangent;
using ops::Kernel;
using ops::KernelArgs;
using ops::KernelRequest;

absl::Status CheckSpecs(absl::string_view what, const Body& body, int first,
                        absl::Span<const TensorSpec> given) {
  for (size_t i = 0; i < given.size(); ++i) {
    const TensorSpec& want = body.input(first + static_cast<int>(i));
    if (want == given[i]) continue;
    return absl::InvalidArgumentError(absl::StrCat(what, " ", i, " is ", given[i].ToString(),
                                                   ", but ", body.program().name, " takes ",
                                                   want.ToString()));
  }
  return absl::OkStatus();
}

// A gradient of its own: what it takes, and what it answers.
absl::Status CheckVjp(const ops::InferContext& c, const Body& body,
                      absl::Span<const TensorSpec> outputs) {
  const BodyPtr vjp = BodyOf(c.attrs, "vjp");
  if (vjp == nullptr) return absl::InvalidArgumentError("attribute 'vjp' is not a program");
  const int64_t inputs = c.attrs.GetOr<int64_t>("inputs", -1);
  const auto zeros = c.attrs.GetOr<std::vector<int64_t>>("zeros", {});
  const absl::Span<const TensorSpec> captures = c.inputs.subspan(body.num_inputs());
  const int64_t takes =
      inputs + 2 * static_cast<int64_t>(outputs.size()) + static_cast<int64_t>(captures.size());
  if (inputs < 0 || inputs > body.num_inputs() || vjp->num_inputs() != takes ||
      vjp->num_outputs() + static_cast<int64_t>(zeros.size()) != inputs) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the gradient takes ", vjp->num_inputs(), " values and gives ", vjp->num_outputs(),
        ", which does not fit ", inputs, " inputs and ", outputs.size(), " outputs"));
  }
  const int n = static_cast<int>(inputs), m = static_cast<int>(outputs.size());
  ADJOINT_RETURN_IF_ERROR(CheckSpecs("input", *vjp, 0, c.inputs.subspan(0, n)));
  ADJOINT_RETURN_IF_ERROR(CheckSpecs("output", *vjp, n, outputs));
  ADJOINT_RETURN_IF_ERROR(CheckSpecs("cotangent", *vjp, n + m, outputs));
  ADJOINT_RETURN_IF_ERROR(CheckSpecs("capture", *vjp, n + 2 * m, captures));
  int given = 0;
  for (int i = 0; i < n; ++i) {
    if (std::find(zeros.begin(), zeros.end(), i) != zeros.end()) continue;
    if (given < vjp->num_outputs() && vjp->output(given) != c.inputs[i]) {
      return absl::InvalidArgumentError(absl::StrCat("the gradient gives ",
                                                     vjp->output(given).ToString(), " for input ",
                                                     i, ", which is ", c.inputs[i].ToString()));
    }
    ++given;
  }
  if (given != vjp->num_outputs()) {
    return absl::InvalidArgumentError("attribute 'zeros' must name inputs, each once");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorSpec>> InferCall(const ops::InferContext& c) {
  const BodyPtr body = BodyOf(c.attrs, "body");
  if (body == nullptr) return absl::InvalidArgumentError("attribute 'body' is not a program");
  const bool custom = c.attrs.Has("vjp");
  const int given = static_cast<int>(c.inputs.size());
  if (given < body->num_inputs() || (!custom && given > body->num_inputs())) {
    return absl::InvalidArgumentError(
        absl::StrCat("the body takes ", body->num_inputs(), " values, but there are ", given));
  }
  ADJOINT_RETURN_IF_ERROR(CheckSpecs("input", *body, 0, c.inputs.subspan(0, body->num_inputs())));
  std::vector<TensorSpec> outputs;
  for (int i = 0; i < body->num_outputs(); ++i) outputs.push_back(body->output(i));
  if (custom) ADJOINT_RETURN_IF_ERROR(CheckVjp(c, *body, outputs));
  return outputs;
}

Var ZerosOf(Var like) { return ops::BroadcastTo(ops::ScalarLike(like, 0), like.shape()); }

absl::StatusOr<std::vector<Cotangent>> CustomVjp(const ops::VjpContext& c, const Body& body) {
  const int inputs = static_cast<int>(c.attrs.At<int64_t>("inputs"));
  const auto zeros = c.attrs.GetOr<std::vector<int64_t>>("zeros", {});
  for (int i = inputs; i < body.num_inputs(); ++i) {
    if (c.needs[i] && IsFloating(c.inputs[i].dtype())) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has a gradient of its own for its ", inputs, " inputs, but operand ", i,
                       ", which its function captures, has an influence too; make it an input"));
    }
  }
  std::vector<Var> operands(c.inputs.begin(), c.inputs.begin() + inputs);
  operands.insert(operands.end(), c.outputs.begin(), c.outputs.end());
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    operands.push_back(c.cotangents[i].valid() ? c.cotangents[i] : ZerosOf(c.outputs[i]));
  }
  operands.insert(operands.end(), c.inputs.begin() + body.num_inputs(), c.inputs.end());
  const std::vector<Var> gradients =
      c.builder.Apply(CallOp(), operands, Attrs{{"body", BodyAttr(BodyOf(c.attrs, "vjp"))}}, {});
  ADJOINT_RETURN_IF_ERROR(c.builder.status());
  std::vector<Cotangent> result(c.inputs.size(), Cotangent::Zero());
  size_t next = 0;
  for (int i = 0; i < inputs; ++i) {
    if (std::find(zeros.begin(), zeros.end(), i) != zeros.end()) continue;
    result[i] = gradients[next++];
  }
  return result;
}

absl::StatusOr<std::vector<Cotangent>> CallVjp(const ops::VjpContext& c) {
  const BodyPtr body = BodyOf(c.attrs, "body");
  if (c.attrs.Has("vjp")) return CustomVjp(c, *body);
  std::vector<Cotangent> result(c.inputs.size(), Cotangent::Zero());
  std::vector<Var> operands, cotangents;
  std::vector<int> reached, wanted;
  for (Var v : c.inputs) operands.push_back(ops::Barrier(v));
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    if (!c.cotangents[i].valid() || !IsFloating(c.outputs[i].dtype())) continue;
    reached.push_back(static_cast<int>(i));
    operands.push_back(c.cotangents[i]);
  }
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    if (c.needs[i] && IsFloating(c.inputs[i].dtype())) wanted.push_back(static_cast<int>(i));
  }
  if (reached.empty() || wanted.empty()) return result;
  ADJOINT_ASSIGN_OR_RETURN(BodyPtr gradient, GradientBody(*body, reached, wanted));
  const std::vector<Var> gradients =
      c.builder.Apply(CallOp(), operands, Attrs{{"body", BodyAttr(std::move(gradient))}}, {});
  ADJOINT_RETURN_IF_ERROR(c.builder.status());
  for (size_t k = 0; k < wanted.size(); ++k) result[wanted[k]] = gradients[k];
  return result;
}

class CallKernel final : public Kernel {
 public:
  explicit CallKernel(std::shared_ptr<const Executable> body) : body_(std::move(body)) {}
  absl::Status Run(const KernelArgs& args) const override {
    BodyState& state = static_cast<BodyState&>(*args.state);
    ADJOINT_RETURN_IF_ERROR(state.status);
    return body_->RunOn(*state.workspace, args.inputs, args.outputs);
  }
  std::unique_ptr<ops::KernelState> MakeState() const override {
    return std::make_unique<BodyState>(*body_);
  }
  std::string implementation() const override { return KernelNames(*body_); }

 private:
  const std::shared_ptr<const Executable> body_;
};

template <BodyKernel kind>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareCall(const KernelRequest& request) {
  ADJOINT_ASSIGN_OR_RETURN(auto body, CompileBody(*BodyOf(request.attrs, "body"), kind));
  return std::unique_ptr<Kernel>(std::make_unique<CallKernel>(std::move(body)));
}

// A body under construction for a function of vars, and how many results it has.
class Traced {
 public:
  Traced(ops::Builder* builder, absl::string_view name, absl::Span<const Var> inputs)
      : body_(builder, name, SpecsOf(inputs)) {}

  const std::vector<Var>& inputs() const { return body_.inputs(); }
  const std::vector<Var>& captured() const { return body_.captured(); }
  void AddOutput(Var v) { body_.AddOutput(v); }
  absl::StatusOr<BodyPtr> Finish() { return body_.Finish(); }

 private:
  static std::vector<BodyBuilder::InputSpec> SpecsOf(absl::Span<const Var> inputs) {
    std::vector<BodyBuilder::InputSpec> specs;
    for (Var v : inputs) specs.push_back({absl::StrCat("input", specs.size()), v.spec()});
    return specs;
  }

  BodyBuilder body_;
};

void FailAt(ops::Builder* builder, absl::string_view what, const std::source_location& location,
            const absl::Status& status) {
  builder->Fail(
      absl::Status(status.code(), absl::StrCat(what, " (", location.file_name(), ":",
                                               location.line(), "): ", status.message())));
}

bool AllValid(absl::Span<const Var> vars) {
  return std::all_of(vars.begin(), vars.end(), [](Var v) { return v.valid(); });
}

}  // namespace

std::vector<Var> Checkpoint(const BranchFn& fn, absl::Span<const Var> inputs,
                            std::source_location location) {
  ops::Builder* const builder = ops::BuilderFor(inputs);
  if (builder == nullptr || !builder->status().ok() || !AllValid(inputs)) {
    return {Var{builder, -1, 0}};
  }
  Traced traced(builder, "checkpoint", inputs);
  const std::vector<Var> results = fn(traced.inputs());
  for (Var v : results) traced.AddOutput(v);
  std::vector<Var> operands(inputs.begin(), inputs.end());
  operands.insert(operands.end(), traced.captured().begin(), traced.captured().end());
  const std::vector<Var> failed(results.size(), Var{builder, -1, 0});
  absl::StatusOr<BodyPtr> body = traced.Finish();
  if (!body.ok()) {
    FailAt(builder, "checkpoint", location, body.status());
    return failed;
  }
  std::vector<Var> outputs =
      builder->Apply(CallOp(), operands, Attrs{{"body", BodyAttr(*std::move(body))}}, location);
  return builder->status().ok() ? outputs : failed;
}

std::vector<Var> CustomGradient(const BranchFn& fn, const CustomVjpFn& vjp,
                                absl::Span<const Var> inputs, std::source_location location) {
  ops::Builder* const builder = ops::BuilderFor(inputs);
  if (builder == nullptr || !builder->status().ok() || !AllValid(inputs)) {
    return {Var{builder, -1, 0}};
  }
  const auto fail = [&](size_t results, const absl::Status& status) {
    FailAt(builder, "custom gradient", location, status);
    return std::vector<Var>(results, Var{builder, -1, 0});
  };
  Traced forward(builder, "function", inputs);
  const std::vector<Var> results = fn(forward.inputs());
  for (Var v : results) forward.AddOutput(v);
  std::vector<Var> operands(inputs.begin(), inputs.end());
  operands.insert(operands.end(), forward.captured().begin(), forward.captured().end());
  absl::StatusOr<BodyPtr> body = forward.Finish();
  if (!body.ok()) return fail(results.size(), body.status());

  // Inputs, outputs, cotangents: described by vars of equal specs.
  std::vector<Var> like(inputs.begin(), inputs.end());
  for (int twice = 0; twice < 2; ++twice) like.insert(like.end(), results.begin(), results.end());
  Traced backward(builder, "gradient", like);
  const absl::Span<const Var> vars(backward.inputs());
  const size_t n = inputs.size(), m = results.size();
  const std::vector<Var> gradients =
      vjp(vars.subspan(0, n), vars.subspan(n, m), vars.subspan(n + m));
  std::vector<int64_t> zeros;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].builder == nullptr) {
      zeros.push_back(static_cast<int64_t>(i));
    } else {
      backward.AddOutput(gradients[i]);
    }
  }
  operands.insert(operands.end(), backward.captured().begin(), backward.captured().end());
  absl::StatusOr<BodyPtr> gradient = backward.Finish();
  if (!gradient.ok()) return fail(m, gradient.status());
  std::vector<Var> outputs = builder->Apply(CallOp(), operands,
                                            Attrs{{"body", BodyAttr(*std::move(body))},
                                                  {"vjp", BodyAttr(*std::move(gradient))},
                                                  {"inputs", static_cast<int64_t>(n)},
                                                  {"zeros", zeros}},
                                            location);
  return builder->status().ok() ? outputs : std::vector<Var>(m, Var{builder, -1, 0});
}

const ops::OpDef& CallOp() {
  static const ops::OpDef* const op = new ops::OpDef{
      .name = "call",
      .traits = {.sparse_cotangents = true},
      .min_inputs = 0,
      .max_inputs = ops::kVariadic,
      .attrs = {{"body", AttrKind::kObject},
                {"vjp", AttrKind::kObject, /*optional=*/true},
                {"inputs", AttrKind::kInt, /*optional=*/true},
                {"zeros", AttrKind::kInts, /*optional=*/true}},
      .infer = InferCall,
      .vjp = CallVjp,
      .kernels = {{"compiled", PrepareCall<BodyKernel::kCompiled>},
                  {"reference", PrepareCall<BodyKernel::kReference>}},
  };
  return *op;
}

}  // namespace adjoint::graph
