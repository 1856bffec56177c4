#include "graph/loop.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/body_kernel.h"
#include "graph/control_flow.h"
#include "graph/gradients.h"
#include "graph/scan.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ops::Cotangent;
using ops::Kernel;
using ops::KernelArgs;
using ops::KernelRequest;
using Vars = absl::Span<const Var>;

TensorSpec Condition() { return {DType::kBool, Shape{}}; }
TensorSpec Count() { return {DType::kI64, Shape{}}; }

absl::StatusOr<std::vector<TensorSpec>> InferLoop(const ops::InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(const LoopConfig loop, LoopConfig::From(c.attrs));
  const Body& body = *loop.body;
  if (c.inputs[0] != Condition()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the condition must be bool[], but is ", c.inputs[0].ToString()));
  }
  if (static_cast<int>(c.inputs.size()) != body.num_inputs()) {
    return absl::InvalidArgumentError(absl::StrCat("the body takes ", body.num_inputs() - 1,
                                                   " values, but there are ", c.inputs.size() - 1));
  }
  if (body.input(0) != Count() || body.output(0) != Condition()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the body must take the iteration as i64[] and return first whether to go on as bool[], "
        "but takes ",
        body.input(0).ToString(), " and returns ", body.output(0).ToString()));
  }
  for (int i = 1; i < body.num_inputs(); ++i) {
    if (c.inputs[i] == body.input(i)) continue;
    const bool carry = i <= loop.carries;
    return absl::InvalidArgumentError(
        absl::StrCat(carry ? "carry " : "invariant ", carry ? i - 1 : i - 1 - loop.carries, " is ",
                     c.inputs[i].ToString(), ", but the body takes ", body.input(i).ToString()));
  }
  std::vector<TensorSpec> outputs;
  for (int k = 0; k < loop.carries; ++k) {
    if (body.output(k + 1) != body.input(k + 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the body takes carry ", k, " as ", body.input(k + 1).ToString(), " and returns it as ",
          body.output(k + 1).ToString(), ": a carry keeps its spec"));
    }
    outputs.push_back(body.output(k + 1));
  }
  if (!loop.max_steps.has_value() && loop.ys() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the steps return ", loop.ys(),
                     " values to be stacked; that needs the greatest number of steps, max_steps"));
  }
  for (int y = 0; y < loop.ys(); ++y) {
    const TensorSpec& spec = body.output(1 + loop.carries + y);
    outputs.push_back({spec.dtype, WithLeading(*loop.max_steps, spec.shape)});
  }
  for (int64_t k : loop.stacks) {
    const TensorSpec& spec = body.input(static_cast<int>(k) + 1);
    outputs.push_back({spec.dtype, WithLeading(*loop.max_steps, spec.shape)});
  }
  outputs.push_back(Count());
  return outputs;
}

// Carries go to and fro between two places; ys are written where they are stacked.
class LoopKernel final : public Kernel {
 public:
  LoopKernel(LoopConfig loop, std::shared_ptr<const Executable> step)
      : loop_(std::move(loop)),
        step_(std::move(step)),
        max_steps_(loop_.max_steps.has_value() ? loop_.max_steps->value()
                                               : std::numeric_limits<int64_t>::max()) {
    for (int i = 0; i < loop_.body->num_outputs(); ++i) {
      bytes_.push_back(BytesOf(loop_.body->output(i)));
    }
    for (int k = 0; k < loop_.carries; ++k) {
      place_.push_back(scratch_);
      scratch_ += 2 * Rounded(bytes_[1 + k]);
    }
  }

  size_t scratch_bytes() const override { return static_cast<size_t>(scratch_); }
  std::unique_ptr<ops::KernelState> MakeState() const override {
    return std::make_unique<BodyState>(*step_);
  }
  std::string implementation() const override { return KernelNames(*step_); }

  absl::Status Run(const KernelArgs& args) const override {
    BodyState& state = static_cast<BodyState&>(*args.state);
    ADJOINT_RETURN_IF_ERROR(state.status);
    for (size_t i = 1; i < state.inputs.size(); ++i) state.inputs[i] = args.inputs[i];
    int64_t iteration = 0;
    bool go_on = *ops::In<bool>(args, 0);
    state.inputs[0] = &iteration;
    state.outputs[0] = &go_on;
    for (; go_on && iteration < max_steps_; ++iteration) {
      for (int k = 0; k < loop_.carries; ++k) {
        state.outputs[1 + k] =
            static_cast<char*>(args.scratch) + place_[k] + (iteration & 1) * Rounded(bytes_[1 + k]);
      }
      for (size_t s = 0; s < loop_.stacks.size(); ++s) {
        const int64_t k = loop_.stacks[s];
        CopyBytes(Row(args, loop_.first_stack() + static_cast<int>(s), iteration, bytes_[1 + k]),
                  state.inputs[1 + k], bytes_[1 + k]);
      }
      for (int i = 1 + loop_.carries; i < loop_.body->num_outputs(); ++i) {
        state.outputs[i] = Row(args, i - 1, iteration, bytes_[i]);
      }
      const absl::Status status =
          step_->RunOn(*state.workspace, state.inputs.data(), state.outputs.data());
      if (!status.ok()) {
        return absl::Status(status.code(),
                            absl::StrCat("step ", iteration, ": ", status.message()));
      }
      for (int k = 0; k < loop_.carries; ++k) state.inputs[1 + k] = state.outputs[1 + k];
    }
    for (int k = 0; k < loop_.carries; ++k) {
      CopyBytes(args.outputs[k], state.inputs[1 + k], bytes_[1 + k]);
    }
    for (int i = 1 + loop_.carries; i < loop_.body->num_outputs(); ++i) {
      ClearFrom(args, i - 1, iteration, bytes_[i]);
    }
    for (size_t s = 0; s < loop_.stacks.size(); ++s) {
      ClearFrom(args, loop_.first_stack() + static_cast<int>(s), iteration,
                bytes_[1 + loop_.stacks[s]]);
    }
    *ops::Out<int64_t>(args, loop_.count()) = iteration;
    return absl::OkStatus();
  }

 private:
  static int64_t Rounded(int64_t bytes) { return (bytes + 63) / 64 * 64; }
  static char* Row(const KernelArgs& args, int output, int64_t row, int64_t bytes) {
    return static_cast<char*>(args.outputs[output]) + row * bytes;
  }
  void ClearFrom(const KernelArgs& args, int output, int64_t row, int64_t bytes) const {
    const int64_t rest = (max_steps_ - row) * bytes;
    if (rest > 0) std::memset(Row(args, output, row, bytes), 0, static_cast<size_t>(rest));
  }

  const LoopConfig loop_;
  const std::shared_ptr<const Executable> step_;
  const int64_t max_steps_;
  std::vector<int64_t> bytes_;  // of a step's outputs
  std::vector<int64_t> place_;  // by carry: its two places in scratch
  int64_t scratch_ = 0;
};

template <BodyKernel kind>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareLoop(const KernelRequest& request) {
  ADJOINT_ASSIGN_OR_RETURN(LoopConfig loop, LoopConfig::From(request.attrs));
  ADJOINT_ASSIGN_OR_RETURN(auto step, CompileBody(*loop.body, kind));
  return std::unique_ptr<Kernel>(std::make_unique<LoopKernel>(std::move(loop), std::move(step)));
}

Var ZerosOf(Var like) { return ops::BroadcastTo(ops::ScalarLike(like, 0), like.shape()); }

// The gradient of a loop of at most n steps: a scan over all n, backwards, whose step does
// something where the loop did.
class LoopGradient {
 public:
  LoopGradient(const LoopConfig& loop, const ops::VjpContext& c)
      : loop_(loop), body_(*loop.body), c_(c) {}

  absl::StatusOr<std::vector<Cotangent>> Build() {
    std::vector<Cotangent> result(c_.inputs.size(), Cotangent::Zero());
    for (int k = 0; k < loop_.carries; ++k) {
      if (IsFloating(body_.input(1 + k).dtype)) carries_.push_back(k);
    }
    for (int y = 0; y < loop_.ys(); ++y) {
      if (Reached(loop_.carries + y)) ys_.push_back(y);
    }
    for (int j = 0; j < loop_.invariants(); ++j) {
      const int input = 1 + loop_.carries + j;
      if (c_.needs[input] && IsFloating(c_.inputs[input].dtype())) wanted_.push_back(j);
    }
    if (carries_.empty() && ys_.empty()) return result;

    std::vector<Var> carries = {LastStep()}, xs, invariants = {c_.outputs[loop_.count()]};
    for (int k : carries_) {
      const Var ct = c_.cotangents[k];
      carries.push_back(ct.valid() ? ct : ZerosOf(c_.outputs[k]));
    }
    for (int j : wanted_) carries.push_back(ZerosOf(c_.inputs[1 + loop_.carries + j]));
    for (int k = 0; k < loop_.carries; ++k) xs.push_back(c_.outputs[loop_.first_stack() + k]);
    for (int y : ys_) xs.push_back(c_.cotangents[loop_.carries + y]);
    for (int k : carries_) {
      const int stack = loop_.first_stack() + k;
      if (!Reached(stack)) continue;
      stacks_.push_back(k);
      xs.push_back(c_.cotangents[stack]);
    }
    for (size_t i = 1 + loop_.carries; i < c_.inputs.size(); ++i)
      invariants.push_back(c_.inputs[i]);
    const LoopResult scan =
        Scan([this](Vars c, Vars x, Vars inv) { return Step(c, x, inv); }, carries, xs, invariants,
             {.reverse = true, .length = loop_.max_steps});
    ADJOINT_RETURN_IF_ERROR(c_.builder.status());
    for (size_t i = 0; i < carries_.size(); ++i) result[1 + carries_[i]] = scan.carries[1 + i];
    for (size_t i = 0; i < wanted_.size(); ++i) {
      result[1 + loop_.carries + wanted_[i]] = scan.carries[1 + carries_.size() + i];
    }
    return result;
  }

 private:
  bool Reached(int output) const {
    return c_.cotangents[output].valid() && IsFloating(c_.outputs[output].dtype());
  }

  // max_steps - 1.
  Var LastStep() const {
    if (loop_.max_steps->is_known()) {
      return ops::Constant(c_.builder, Tensor::Scalar<int64_t>(loop_.max_steps->value() - 1));
    }
    return ops::SizeOf(c_.outputs[loop_.carries], {0}, DType::kI64) - 1;  // a y or a stack
  }

  // carries: step, cotangents, sums; xs: carries, cotangents of ys and stacks; inv: count, rest.
  StepResult Step(Vars carries, Vars xs, Vars inv) const {
    const Var step = carries[0];
    std::vector<Var> operands(carries.begin(), carries.end());
    operands.insert(operands.end(), xs.begin(), xs.end());
    operands.insert(operands.end(), inv.begin() + 1, inv.end());
    const size_t sums = 1 + carries_.size(), first_x = carries.size();
    const size_t first_inv = first_x + xs.size(), state = carries.size() - 1;
    const std::vector<Var> next = If(
        ops::Less(step, inv[0]),
        [&](Vars in) {
          std::vector<Var> inputs = {in[0]};
          for (int k = 0; k < loop_.carries; ++k) inputs.push_back(in[first_x + k]);
          for (size_t i = first_inv; i < in.size(); ++i) inputs.push_back(in[i]);
          const std::vector<Var> outputs = Inline(body_, *in[0].builder, inputs);
          std::vector<Var> ys, by, seeds;
          for (size_t i = 0; i < carries_.size(); ++i) {
            ys.push_back(outputs[1 + carries_[i]]);
            seeds.push_back(in[1 + i]);
            by.push_back(inputs[1 + carries_[i]]);
          }
          for (size_t i = 0; i < ys_.size(); ++i) {
            ys.push_back(outputs[1 + loop_.carries + ys_[i]]);
            seeds.push_back(in[first_x + loop_.carries + i]);
          }
          for (int j : wanted_) by.push_back(inputs[1 + loop_.carries + j]);
          std::vector<Var> gradients = Gradients(ys, by, seeds);
          for (size_t i = 0; i < carries_.size(); ++i) {
            for (size_t s = 0; s < stacks_.size(); ++s) {
              if (stacks_[s] != carries_[i]) continue;
              gradients[i] = gradients[i] + in[first_x + loop_.carries + ys_.size() + s];
            }
          }
          for (size_t i = 0; i < wanted_.size(); ++i) {
            gradients[carries_.size() + i] = gradients[carries_.size() + i] + in[sums + i];
          }
          return gradients;
        },
        [&](Vars in) {
          const Vars same = in.subspan(1, state);
          return std::vector<Var>(same.begin(), same.end());
        },
        operands);
    StepResult result{{step - 1}};
    result.carries.insert(result.carries.end(), next.begin(), next.end());
    return result;
  }

  const LoopConfig& loop_;
  const Body& body_;
  const ops::VjpContext& c_;
  std::vector<int> carries_, ys_, stacks_, wanted_;
};

absl::StatusOr<std::vector<Cotangent>> LoopVjp(const ops::VjpContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(const LoopConfig loop, LoopConfig::From(c.attrs));
  if (!loop.max_steps.has_value()) {
    return absl::InvalidArgumentError(
        "a loop whose greatest number of steps is not known keeps no values to go back by; give it "
        "max_steps");
  }
  if (static_cast<int>(loop.stacks.size()) != loop.carries) {
    return absl::InvalidArgumentError(
        "the carries of its steps are not stacked; differentiate before compiling");
  }
  return LoopGradient(loop, c).Build();
}

}  // namespace

Attrs LoopConfig::ToAttrs() const {
  return Attrs{{"body", BodyAttr(body)},
               {"carries", int64_t{carries}},
               {"max_steps", max_steps.has_value() ? Shape{*max_steps} : Shape{}},
               {"stacks", stacks}};
}

absl::StatusOr<LoopConfig> LoopConfig::From(const Attrs& attrs) {
  LoopConfig loop;
  loop.body = BodyOf(attrs, "body");
  if (loop.body == nullptr) {
    return absl::InvalidArgumentError("attribute 'body' is not a program");
  }
  const int64_t carries = attrs.At<int64_t>("carries");
  const int64_t inputs = loop.body->num_inputs(), outputs = loop.body->num_outputs();
  if (carries < 0 || carries > inputs - 1 || carries > outputs - 1 || inputs < 1 || outputs < 1) {
    return absl::InvalidArgumentError(absl::StrCat(carries, " carries do not fit a body of ",
                                                   inputs, " inputs and ", outputs, " outputs"));
  }
  loop.carries = static_cast<int>(carries);
  const Shape& max_steps = attrs.At<Shape>("max_steps");
  if (max_steps.rank() > 1 || (max_steps.rank() == 1 && !max_steps.dim(0).is_valid())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "attribute 'max_steps' must be one extent or none, but is ", max_steps.ToString()));
  }
  if (max_steps.rank() == 1) loop.max_steps = max_steps.dim(0);
  loop.stacks = attrs.At<std::vector<int64_t>>("stacks");
  for (size_t i = 0; i < loop.stacks.size(); ++i) {
    if (loop.stacks[i] < (i == 0 ? 0 : loop.stacks[i - 1] + 1) || loop.stacks[i] >= carries) {
      return absl::InvalidArgumentError(absl::StrCat("stack ", i, " is of carry ", loop.stacks[i],
                                                     ", but there are ", carries,
                                                     ", to be named in ascending order"));
    }
  }
  if (!loop.max_steps.has_value() && !loop.stacks.empty()) {
    return absl::InvalidArgumentError("carries are stacked, but there is no max_steps");
  }
  return loop;
}

WhileResult Loop(Var condition, const LoopStepFn& step, absl::Span<const Var> carries,
                 absl::Span<const Var> invariants, const WhileOptions& options,
                 std::source_location location) {
  std::vector<Var> inputs = {condition};
  inputs.insert(inputs.end(), carries.begin(), carries.end());
  inputs.insert(inputs.end(), invariants.begin(), invariants.end());
  ops::Builder* const builder = ops::BuilderFor(inputs);
  const Var none{builder, -1, 0};
  WhileResult result{.carries = std::vector<Var>(carries.size(), none), .ys = {}, .count = none};
  if (builder == nullptr || !builder->status().ok()) return result;
  const auto fail = [&](const absl::Status& status) {
    builder->Fail(
        absl::Status(status.code(), absl::StrCat("loop (", location.file_name(), ":",
                                                 location.line(), "): ", status.message())));
    return result;
  };
  const size_t nc = carries.size();
  std::vector<BodyBuilder::InputSpec> specs = {{"iteration", Count()}};
  for (size_t i = 0; i < nc; ++i) specs.push_back({absl::StrCat("carry", i), carries[i].spec()});
  for (size_t i = 0; i < invariants.size(); ++i) {
    specs.push_back({absl::StrCat("invariant", i), invariants[i].spec()});
  }
  BodyBuilder body(builder, "step", specs);
  const Vars vars(body.inputs());
  const LoopStep made = step(vars[0], vars.subspan(1, nc), vars.subspan(1 + nc));
  result.ys.assign(made.ys.size(), none);
  if (body.graph().status().ok() && made.carries.size() != nc) {
    return fail(absl::InvalidArgumentError(
        absl::StrCat("the step returns ", made.carries.size(), " carries, but there are ", nc)));
  }
  body.AddOutput(made.go_on);
  for (Var v : made.carries) body.AddOutput(v);
  for (Var v : made.ys) body.AddOutput(v);
  inputs.insert(inputs.end(), body.captured().begin(), body.captured().end());
  absl::StatusOr<BodyPtr> finished = body.Finish();
  if (!finished.ok()) return fail(finished.status());
  LoopConfig loop{.body = *std::move(finished),
                  .carries = static_cast<int>(nc),
                  .max_steps = options.max_steps};
  for (size_t k = 0; k < nc && loop.max_steps.has_value(); ++k) {
    loop.stacks.push_back(static_cast<int64_t>(k));
  }
  const std::vector<Var> all = builder->Apply(LoopOp(), inputs, loop.ToAttrs(), location);
  if (!builder->status().ok()) return result;
  result.carries.assign(all.begin(), all.begin() + nc);
  result.ys.assign(all.begin() + nc, all.begin() + nc + made.ys.size());
  result.count = all.back();
  return result;
}

const ops::OpDef& LoopOp() {
  static const ops::OpDef* const op = new ops::OpDef{
      .name = "loop",
      .traits = {.sparse_cotangents = true},
      .min_inputs = 1,
      .max_inputs = ops::kVariadic,
      .attrs = {{"body", AttrKind::kObject},
                {"carries", AttrKind::kInt},
                {"max_steps", AttrKind::kShape},
                {"stacks", AttrKind::kInts}},
      .infer = InferLoop,
      .vjp = LoopVjp,
      .kernels = {{"compiled", PrepareLoop<BodyKernel::kCompiled>},
                  {"reference", PrepareLoop<BodyKernel::kReference>}},
      .onnx_name = "Loop",
  };
  return *op;
}

}  // namespace adjoint::graph
