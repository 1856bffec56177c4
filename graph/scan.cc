#include "graph/scan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/body_kernel.h"
#include "graph/control_flow.h"
#include "graph/scan_gradient.h"
#include "ops/barrier.h"
#include "ops/matmul.h"
#include "ops/shape_ops.h"

namespace adjoint::graph {
namespace {

using ops::Kernel;
using ops::KernelArgs;
using ops::KernelRequest;

absl::StatusOr<std::vector<TensorSpec>> InferScan(const ops::InferContext& c) {
  ADJOINT_ASSIGN_OR_RETURN(const ScanConfig scan, ScanConfig::From(c.attrs));
  const Body& body = *scan.body;
  if (static_cast<int>(c.inputs.size()) != body.num_inputs()) {
    return absl::InvalidArgumentError(absl::StrCat("the body takes ", body.num_inputs(),
                                                   " values, but there are ", c.inputs.size()));
  }
  for (int i = 0; i < body.num_inputs(); ++i) {
    TensorSpec step = c.inputs[i];
    const bool is_x = i >= scan.carries && i < scan.carries + scan.xs;
    if (is_x) {
      const int x = i - scan.carries;
      if (step.shape.rank() < 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("x ", x, " is ", step.ToString(), ", which has no axis to step along"));
      }
      if (step.shape.dim(0) != scan.length) {
        return absl::InvalidArgumentError(
            absl::StrCat("x ", x, " has ", step.shape.dim(0).ToString(), " steps, but there are ",
                         scan.length.ToString()));
      }
      step.shape = WithoutLeading(step.shape);
    }
    if (step != body.input(i)) {
      const char* const kind = i < scan.carries ? "carry " : is_x ? "x " : "invariant ";
      const int at = i < scan.carries ? i : is_x ? i - scan.carries : i - scan.carries - scan.xs;
      return absl::InvalidArgumentError(absl::StrCat(kind, at, " of a step is ", step.ToString(),
                                                     ", but the body takes ",
                                                     body.input(i).ToString()));
    }
  }
  std::vector<TensorSpec> outputs;
  for (int k = 0; k < scan.carries; ++k) {
    if (body.output(k) != body.input(k)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the body takes carry ", k, " as ", body.input(k).ToString(), " and returns it as ",
          body.output(k).ToString(), ": a carry keeps its spec"));
    }
    outputs.push_back(body.output(k));
  }
  for (int y = scan.carries; y < body.num_outputs(); ++y) {
    const TensorSpec& spec = body.output(y);
    outputs.push_back({spec.dtype, WithLeading(scan.length, spec.shape)});
  }
  for (int64_t k : scan.stacks) {
    const TensorSpec& spec = body.input(static_cast<int>(k));
    outputs.push_back({spec.dtype, WithLeading(scan.length, spec.shape)});
  }
  return outputs;
}

// A loop over views: carries go straight to where they are read next, into the stack where there is
// one, and otherwise to and fro between two places.
class ScanKernel final : public Kernel {
 public:
  ScanKernel(ScanConfig scan, std::shared_ptr<const Executable> step)
      : scan_(std::move(scan)), step_(std::move(step)), steps_(scan_.length.value()) {
    const Body& body = *scan_.body;
    stack_of_.assign(scan_.carries, -1);
    for (size_t s = 0; s < scan_.stacks.size(); ++s) {
      stack_of_[scan_.stacks[s]] = body.num_outputs() + static_cast<int>(s);
    }
    for (int i = 0; i < scan_.carries + scan_.xs; ++i) in_bytes_.push_back(BytesOf(body.input(i)));
    for (int i = 0; i < body.num_outputs(); ++i) out_bytes_.push_back(BytesOf(body.output(i)));
    for (int k = 0; k < scan_.carries; ++k) {
      place_.push_back(scratch_);
      if (stack_of_[k] < 0) scratch_ += 2 * Rounded(in_bytes_[k]);
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
    Begin(args, state);
    for (int64_t t = 0; t < steps_; ++t) {
      const int64_t at = scan_.reverse ? steps_ - 1 - t : t;
      for (int k = 0; k < scan_.carries; ++k) state.outputs[k] = CarryOut(args, k, t);
      for (size_t i = scan_.carries; i < in_bytes_.size(); ++i) {
        state.inputs[i] = static_cast<const char*>(args.inputs[i]) + at * in_bytes_[i];
      }
      for (size_t i = scan_.carries; i < out_bytes_.size(); ++i) {
        state.outputs[i] = static_cast<char*>(args.outputs[i]) + at * out_bytes_[i];
      }
      const absl::Status status =
          step_->RunOn(*state.workspace, state.inputs.data(), state.outputs.data());
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat("step ", at, ": ", status.message()));
      }
      for (int k = 0; k < scan_.carries; ++k) state.inputs[k] = state.outputs[k];
    }
    return absl::OkStatus();
  }

 private:
  static int64_t Rounded(int64_t bytes) { return (bytes + 63) / 64 * 64; }

  // The slot of a stack for the carry that comes into step `t`.
  char* StackSlot(const KernelArgs& args, int k, int64_t t) const {
    const int64_t at = scan_.reverse ? steps_ - 1 - t : t;
    return static_cast<char*>(args.outputs[stack_of_[k]]) + at * in_bytes_[k];
  }

  void Begin(const KernelArgs& args, BodyState& state) const {
    for (size_t i = 0; i < state.inputs.size(); ++i) state.inputs[i] = args.inputs[i];
    for (int k = 0; k < scan_.carries; ++k) {
      if (steps_ == 0) {
        CopyBytes(args.outputs[k], args.inputs[k], in_bytes_[k]);
      } else if (stack_of_[k] >= 0) {
        CopyBytes(StackSlot(args, k, 0), args.inputs[k], in_bytes_[k]);
      }
    }
  }

  void* CarryOut(const KernelArgs& args, int k, int64_t t) const {
    if (t == steps_ - 1) return args.outputs[k];
    if (stack_of_[k] >= 0) return StackSlot(args, k, t + 1);
    return static_cast<char*>(args.scratch) + place_[k] + (t & 1) * Rounded(in_bytes_[k]);
  }

  const ScanConfig scan_;
  const std::shared_ptr<const Executable> step_;
  const int64_t steps_;
  std::vector<int> stack_of_;       // by carry: the output that stacks it, -1 for none
  std::vector<int64_t> in_bytes_;   // of a step's carries and xs
  std::vector<int64_t> out_bytes_;  // of a step's outputs
  std::vector<int64_t> place_;      // by carry: its two places in scratch
  int64_t scratch_ = 0;
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareScan(const KernelRequest& request) {
  ADJOINT_ASSIGN_OR_RETURN(ScanConfig scan, ScanConfig::From(request.attrs));
  ADJOINT_ASSIGN_OR_RETURN(auto step, CompileBody(*scan.body, BodyKernel::kCompiled));
  return std::unique_ptr<Kernel>(std::make_unique<ScanKernel>(std::move(scan), std::move(step)));
}

// The definition, spelled out with tensors that are copied to and from each step.
absl::Status ReferenceScan(const ScanConfig& scan, const Executable& step, const KernelArgs& args) {
  ADJOINT_ASSIGN_OR_RETURN(const std::unique_ptr<Workspace> workspace, step.NewWorkspace());
  const Body& body = *scan.body;
  std::vector<Tensor> inputs, outputs;
  for (int i = 0; i < body.num_inputs(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(Tensor input, Tensor::Allocate(body.input(i)));
    const bool is_x = i >= scan.carries && i < scan.carries + scan.xs;
    if (!is_x) CopyBytes(input.mutable_raw(), args.inputs[i], input.bytes());
    inputs.push_back(std::move(input));
  }
  const auto slice = [](const void* base, int64_t at, int64_t bytes) {
    return static_cast<char*>(const_cast<void*>(base)) + at * bytes;
  };
  for (int64_t t = 0; t < scan.length.value(); ++t) {
    const int64_t at = scan.reverse ? scan.length.value() - 1 - t : t;
    for (int i = scan.carries; i < scan.carries + scan.xs; ++i) {
      CopyBytes(inputs[i].mutable_raw(), slice(args.inputs[i], at, inputs[i].bytes()),
                inputs[i].bytes());
    }
    for (size_t s = 0; s < scan.stacks.size(); ++s) {
      const Tensor& carry = inputs[scan.stacks[s]];
      CopyBytes(slice(args.outputs[body.num_outputs() + s], at, carry.bytes()), carry.raw(),
                carry.bytes());
    }
    outputs.clear();
    ADJOINT_RETURN_IF_ERROR(step.Run(*workspace, inputs, nullptr, &outputs));
    for (int k = 0; k < scan.carries; ++k) inputs[k] = outputs[k].Clone();
    for (int i = scan.carries; i < body.num_outputs(); ++i) {
      CopyBytes(slice(args.outputs[i], at, outputs[i].bytes()), outputs[i].raw(),
                outputs[i].bytes());
    }
  }
  for (int k = 0; k < scan.carries; ++k) {
    CopyBytes(args.outputs[k], inputs[k].raw(), inputs[k].bytes());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReferenceScan(const KernelRequest& request) {
  ADJOINT_ASSIGN_OR_RETURN(ScanConfig scan, ScanConfig::From(request.attrs));
  ADJOINT_ASSIGN_OR_RETURN(auto step, CompileBody(*scan.body, BodyKernel::kReference));
  return ops::MakeKernel([scan = std::move(scan), step = std::move(step)](const KernelArgs& args) {
    return ReferenceScan(scan, *step, args);
  });
}

Var MoveAxis(Var x, int64_t from, int64_t to) {
  if (!x.valid() || from == to) return x;
  std::vector<int64_t> permutation;
  for (int64_t i = 0; i < x.shape().rank(); ++i) {
    if (i != from) permutation.push_back(i);
  }
  permutation.insert(permutation.begin() + to, from);
  return ops::Transpose(x, permutation);
}

}  // namespace

Shape WithLeading(Dim length, const Shape& shape) {
  Shape result{length};
  for (Dim d : shape.dims()) result.push_back(d);
  return result;
}

Shape WithoutLeading(const Shape& shape) { return Shape(shape.dims().subspan(1)); }

Attrs ScanConfig::ToAttrs() const {
  return Attrs{{"body", BodyAttr(body)},         {"carries", int64_t{carries}}, {"xs", int64_t{xs}},
               {"length", Shape{length}},        {"reverse", reverse},          {"stacks", stacks},
               {"residuals", int64_t{residuals}}};
}

absl::StatusOr<ScanConfig> ScanConfig::From(const Attrs& attrs) {
  ScanConfig scan;
  scan.body = BodyOf(attrs, "body");
  if (scan.body == nullptr) {
    return absl::InvalidArgumentError("attribute 'body' is not a program");
  }
  const int64_t carries = attrs.At<int64_t>("carries"), xs = attrs.At<int64_t>("xs");
  const int64_t residuals = attrs.At<int64_t>("residuals");
  const int64_t inputs = scan.body->num_inputs(), outputs = scan.body->num_outputs();
  if (carries < 0 || carries > inputs || carries > outputs || xs < 0 || xs > inputs - carries ||
      residuals < 0 || residuals > outputs - carries) {
    return absl::InvalidArgumentError(absl::StrCat(carries, " carries, ", xs, " xs and ", residuals,
                                                   " residuals do not fit a body of ", inputs,
                                                   " inputs and ", outputs, " outputs"));
  }
  const Shape& length = attrs.At<Shape>("length");
  if (length.rank() != 1 || !length.dim(0).is_valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'length' must be one extent, but is ", length.ToString()));
  }
  scan.stacks = attrs.At<std::vector<int64_t>>("stacks");
  for (size_t i = 0; i < scan.stacks.size(); ++i) {
    if (scan.stacks[i] < (i == 0 ? 0 : scan.stacks[i - 1] + 1) || scan.stacks[i] >= carries) {
      return absl::InvalidArgumentError(absl::StrCat("stack ", i, " is of carry ", scan.stacks[i],
                                                     ", but there are ", carries,
                                                     ", to be named in ascending order"));
    }
  }
  scan.carries = static_cast<int>(carries);
  scan.xs = static_cast<int>(xs);
  scan.residuals = static_cast<int>(residuals);
  scan.length = length.dim(0);
  scan.reverse = attrs.At<bool>("reverse");
  return scan;
}

std::vector<Var> ApplyScan(ops::Builder& builder, BodyPtr body, absl::Span<const Var> inputs,
                           int carries, int xs, Dim length, bool reverse, int residuals,
                           std::source_location location) {
  ScanConfig scan{.body = std::move(body),
                  .carries = carries,
                  .xs = xs,
                  .length = length,
                  .reverse = reverse,
                  .residuals = residuals};
  for (int k = 0; k < carries; ++k) scan.stacks.push_back(k);
  std::vector<Var> outputs = builder.Apply(ScanOp(), inputs, scan.ToAttrs(), location);
  if (!builder.status().ok()) outputs.assign(scan.outputs(), Var{&builder, -1, 0});
  return outputs;
}

int AddResiduals(BodyBuilder* body, absl::Span<const Var> outputs, int invariant_from) {
  const Graph& graph = body->graph();
  if (!graph.status().ok()) return 0;
  std::vector<bool> varies(graph.num_nodes(), false), read(graph.num_nodes(), false);
  for (int i = 0; i < invariant_from; ++i) varies[body->inputs()[i].node] = true;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const Node& node = graph.node(id);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (varies[node.inputs[i].node]) varies[id] = true;
      // What is read only as the value behind a saved one is not computed at all.
      if (node.op != &ops::SavedOp() || i == 0) read[node.inputs[i].node] = true;
    }
  }
  int count = 0;
  for (int id = 0; id < static_cast<int>(varies.size()); ++id) {
    const Var v = graph.VarOf(id, 0);
    if (graph.node(id).op != &ops::MatMulOp() || !varies[id] || !read[id]) continue;
    if (!IsFloating(v.dtype())) continue;
    if (std::find(outputs.begin(), outputs.end(), v) != outputs.end()) continue;
    body->AddOutput(v);
    ++count;
  }
  return count;
}

LoopResult Scan(const StepFn& step, absl::Span<const Var> carries, absl::Span<const Var> xs,
                absl::Span<const Var> invariants, const ScanOptions& options,
                std::source_location location) {
  std::vector<Var> inputs(carries.begin(), carries.end());
  inputs.insert(inputs.end(), xs.begin(), xs.end());
  inputs.insert(inputs.end(), invariants.begin(), invariants.end());
  ops::Builder* const builder = ops::BuilderFor(inputs);
  LoopResult result;
  result.carries.assign(carries.size(), Var{builder, -1, 0});
  if (builder == nullptr || !builder->status().ok()) return result;
  const auto fail = [&](const absl::Status& status) {
    builder->Fail(
        absl::Status(status.code(), absl::StrCat("scan (", location.file_name(), ":",
                                                 location.line(), "): ", status.message())));
    return result;
  };
  const int nc = static_cast<int>(carries.size()), nx = static_cast<int>(xs.size());
  Dim length = options.length.value_or(Dim(0));
  std::vector<BodyBuilder::InputSpec> specs;
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i) {
    TensorSpec spec = inputs[i].spec();
    if (i < nc) {
      specs.push_back({absl::StrCat("carry", i), spec});
    } else if (i < nc + nx) {
      absl::StatusOr<int> axis = NormalizeAxis(options.axis, spec.shape.rank());
      if (!axis.ok()) {
        return fail(absl::InvalidArgumentError(
            absl::StrCat("x ", i - nc, " is ", spec.ToString(), ": ", axis.status().message())));
      }
      inputs[i] = MoveAxis(inputs[i], *axis, 0);
      spec = inputs[i].spec();
      if (!inputs[i].valid()) return result;
      if (i == nc && !options.length.has_value()) length = spec.shape.dim(0);
      specs.push_back({absl::StrCat("x", i - nc), {spec.dtype, WithoutLeading(spec.shape)}});
    } else {
      specs.push_back({absl::StrCat("invariant", i - nc - nx), spec});
    }
  }
  if (nx == 0 && !options.length.has_value()) {
    return fail(absl::InvalidArgumentError("without xs the length must be given"));
  }
  BodyBuilder body(builder, "step", specs);
  const absl::Span<const Var> vars(body.inputs());
  const StepResult made = step(vars.subspan(0, nc), vars.subspan(nc, nx), vars.subspan(nc + nx));
  result.ys.assign(made.ys.size(), Var{builder, -1, 0});
  if (body.graph().status().ok() && made.carries.size() != carries.size()) {
    return fail(absl::InvalidArgumentError(
        absl::StrCat("the step returns ", made.carries.size(), " carries, but there are ", nc)));
  }
  std::vector<Var> outputs = made.carries;
  outputs.insert(outputs.end(), made.ys.begin(), made.ys.end());
  for (Var v : outputs) body.AddOutput(v);
  const int residuals = AddResiduals(&body, outputs, nc + nx);
  inputs.insert(inputs.end(), body.captured().begin(), body.captured().end());
  absl::StatusOr<BodyPtr> finished = body.Finish();
  if (!finished.ok()) return fail(finished.status());
  const std::vector<Var> all = ApplyScan(*builder, *std::move(finished), inputs, nc, nx, length,
                                         options.reverse, residuals, location);
  if (!builder->status().ok()) return result;
  for (int k = 0; k < nc; ++k) result.carries[k] = all[k];
  for (size_t i = 0; i < made.ys.size(); ++i) {
    const Var y = all[nc + i];
    absl::StatusOr<int> axis = NormalizeAxis(options.axis, y.shape().rank());
    if (!axis.ok()) {
      return fail(absl::InvalidArgumentError(
          absl::StrCat("y ", i, " is ", y.spec().ToString(), ": ", axis.status().message())));
    }
    result.ys[i] = MoveAxis(y, 0, *axis);
  }
  return result;
}

const ops::OpDef& ScanOp() {
  static const ops::OpDef* const op = new ops::OpDef{
      .name = "scan",
      .traits = {.sparse_cotangents = true},
      .min_inputs = 0,
      .max_inputs = ops::kVariadic,
      .attrs = {{"body", AttrKind::kObject},
                {"carries", AttrKind::kInt},
                {"xs", AttrKind::kInt},
                {"length", AttrKind::kShape},
                {"reverse", AttrKind::kBool},
                {"stacks", AttrKind::kInts},
                {"residuals", AttrKind::kInt}},
      .infer = InferScan,
      .vjp = ScanVjp,
      .kernels = {{"compiled", PrepareScan}, {"reference", PrepareReferenceScan}},
      .onnx_name = "Scan",
  };
  return *op;
}

}  // namespace adjoint::graph
