#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/body_kernel.h"
#include "graph/control_flow.h"

namespace adjoint::graph {
namespace {

using ops::Cotangent;
using ops::Kernel;
using ops::KernelArgs;
using ops::KernelRequest;

constexpr absl::string_view kBranches[] = {"then", "else"};

absl::StatusOr<std::vector<TensorSpec>> InferIf(const ops::InferContext& c) {
  if (c.inputs[0] != TensorSpec{DType::kBool, Shape{}}) {
    return absl::InvalidArgumentError(
        absl::StrCat("the condition must be bool[], but is ", c.inputs[0].ToString()));
  }
  std::vector<TensorSpec> outputs;
  for (int branch = 0; branch < 2; ++branch) {
    const BodyPtr body = BodyOf(c.attrs, kBranches[branch]);
    if (body == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("attribute '", kBranches[branch], "' is not a program"));
    }
    if (body->num_inputs() != static_cast<int>(c.inputs.size()) - 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("branch '", kBranches[branch], "' takes ", body->num_inputs(),
                       " operands, but there are ", c.inputs.size() - 1));
    }
    for (int i = 0; i < body->num_inputs(); ++i) {
      if (body->input(i) == c.inputs[i + 1]) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("branch '", kBranches[branch], "' takes operand ", i, " as ",
                       body->input(i).ToString(), ", but it is ", c.inputs[i + 1].ToString()));
    }
    if (branch == 1 && body->num_outputs() != static_cast<int>(outputs.size())) {
      return absl::InvalidArgumentError(absl::StrCat("the branches return ", outputs.size(),
                                                     " and ", body->num_outputs(), " values"));
    }
    for (int i = 0; i < body->num_outputs(); ++i) {
      if (branch == 0) {
        outputs.push_back(body->output(i));
      } else if (body->output(i) != outputs[i]) {
        return absl::InvalidArgumentError(absl::StrCat("the branches return value ", i, " as ",
                                                       outputs[i].ToString(), " and ",
                                                       body->output(i).ToString()));
      }
    }
  }
  return outputs;
}

class IfKernel final : public Kernel {
 public:
  explicit IfKernel(std::vector<std::shared_ptr<const Executable>> branches)
      : branches_(std::move(branches)) {}

  absl::Status Run(const KernelArgs& args) const override {
    State& state = static_cast<State&>(*args.state);
    const int branch = *ops::In<bool>(args, 0) ? 0 : 1;
    BodyState& body = branch == 0 ? state.then_state : state.else_state;
    ADJOINT_RETURN_IF_ERROR(body.status);
    return branches_[branch]->RunOn(*body.workspace, args.inputs + 1, args.outputs);
  }

  std::unique_ptr<ops::KernelState> MakeState() const override {
    return std::make_unique<State>(*branches_[0], *branches_[1]);
  }

  std::string implementation() const override {
    return absl::StrCat(KernelNames(*branches_[0]), " or ", KernelNames(*branches_[1]));
  }

 private:
  struct State final : ops::KernelState {
    State(const Executable& then_branch, const Executable& else_branch)
        : then_state(then_branch), else_state(else_branch) {}
    BodyState then_state, else_state;
  };

  const std::vector<std::shared_ptr<const Executable>> branches_;
};

template <BodyKernel kind>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareIf(const KernelRequest& request) {
  std::vector<std::shared_ptr<const Executable>> branches;
  for (absl::string_view name : kBranches) {
    ADJOINT_ASSIGN_OR_RETURN(auto branch, CompileBody(*BodyOf(request.attrs, name), kind));
    branches.push_back(std::move(branch));
  }
  return std::unique_ptr<Kernel>(std::make_unique<IfKernel>(std::move(branches)));
}

absl::StatusOr<std::vector<Cotangent>> IfVjp(const ops::VjpContext& c) {
  std::vector<int> reached, wanted;
  std::vector<Var> inputs(c.inputs.begin(), c.inputs.end());
  for (size_t i = 0; i < c.outputs.size(); ++i) {
    if (!c.cotangents[i].valid() || !IsFloating(c.outputs[i].dtype())) continue;
    reached.push_back(static_cast<int>(i));
    inputs.push_back(c.cotangents[i]);
  }
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    if (c.needs[i] && IsFloating(c.inputs[i].dtype())) wanted.push_back(static_cast<int>(i) - 1);
  }
  std::vector<Cotangent> result(c.inputs.size(), Cotangent::Zero());
  if (reached.empty() || wanted.empty()) return result;
  Attrs attrs;
  for (absl::string_view name : kBranches) {
    ADJOINT_ASSIGN_OR_RETURN(BodyPtr gradient,
                             GradientBody(*BodyOf(c.attrs, name), reached, wanted));
    attrs.Set(name, BodyAttr(std::move(gradient)));
  }
  const std::vector<Var> gradients = c.builder.Apply(IfOp(), inputs, std::move(attrs), {});
  ADJOINT_RETURN_IF_ERROR(c.builder.status());
  for (size_t k = 0; k < wanted.size(); ++k) result[wanted[k] + 1] = gradients[k];
  return result;
}

}  // namespace

std::vector<Var> If(Var condition, const BranchFn& then_fn, const BranchFn& else_fn,
                    absl::Span<const Var> operands, std::source_location location) {
  std::vector<Var> inputs = {condition};
  inputs.insert(inputs.end(), operands.begin(), operands.end());
  ops::Builder* const builder = ops::BuilderFor(inputs);
  if (builder == nullptr || !builder->status().ok()) return {Var{builder, -1, 0}};
  std::vector<BodyBuilder::InputSpec> specs;
  for (size_t i = 0; i < operands.size(); ++i) {
    specs.push_back({absl::StrCat("operand", i), operands[i].spec()});
  }
  BodyBuilder branches[] = {BodyBuilder(builder, "then", specs),
                            BodyBuilder(builder, "else", specs)};
  const BranchFn* const fns[] = {&then_fn, &else_fn};
  size_t count = 1;
  for (int b = 0; b < 2; ++b) {
    // Both branches take all captures, in one order.
    for (Var v : branches[0].captured()) branches[b].Capture(v);
    const std::vector<Var> results = (*fns[b])(branches[b].inputs());
    count = results.size();
    for (Var v : results) branches[b].AddOutput(v);
  }
  for (Var v : branches[1].captured()) branches[0].Capture(v);
  const std::vector<Var> failed(count, Var{builder, -1, 0});
  inputs.insert(inputs.end(), branches[0].captured().begin(), branches[0].captured().end());
  Attrs attrs;
  for (int b = 0; b < 2; ++b) {
    absl::StatusOr<BodyPtr> body = branches[b].Finish();
    if (!body.ok()) {
      builder->Fail(absl::Status(body.status().code(),
                                 absl::StrCat("if (", location.file_name(), ":", location.line(),
                                              "): ", body.status().message())));
      return failed;
    }
    attrs.Set(kBranches[b], BodyAttr(*std::move(body)));
  }
  std::vector<Var> outputs = builder->Apply(IfOp(), inputs, std::move(attrs), location);
  return builder->status().ok() ? outputs : failed;
}

const ops::OpDef& IfOp() {
  static const ops::OpDef* const op = new ops::OpDef{
      .name = "if",
      .traits = {.sparse_cotangents = true},
      .min_inputs = 1,
      .max_inputs = ops::kVariadic,
      .attrs = {{"then", AttrKind::kObject}, {"else", AttrKind::kObject}},
      .infer = InferIf,
      .vjp = IfVjp,
      .kernels = {{"compiled", PrepareIf<BodyKernel::kCompiled>},
                  {"reference", PrepareIf<BodyKernel::kReference>}},
      .onnx_name = "If",
  };
  return *op;
}

}  // namespace adjoint::graph
