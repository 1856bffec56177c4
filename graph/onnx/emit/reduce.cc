#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/exporter.h"
#include "ops/op_def.h"

// Reductions, running results, and what is made of both: softmax and normalisations.

namespace adjoint::onnx {
namespace {

using Ints = std::vector<int64_t>;

absl::Status Sum(const Use& u) {
  if (u.ints("axes").empty()) return u.Is("Identity", {u.name(0)});
  return u.Is("ReduceSum", {u.name(0), u.to.Ints(u.ints("axes"))},
              {Attr("keepdims", int64_t{u.flag("keepdims")})});
}

// The other reductions have their axes as an attribute.
absl::Status Reduction(const Use& u) {
  if (u.ints("axes").empty()) return u.Is("Identity", {u.name(0)});
  return u.Is(u.node.op->onnx_name, {u.name(0)},
              {Attr("axes", u.ints("axes")), Attr("keepdims", int64_t{u.flag("keepdims")})});
}

absl::Status ArgReduction(const Use& u) {
  return u.Is(u.node.op->onnx_name, {u.name(0)},
              {Attr("axis", u.integer("axis")), Attr("keepdims", int64_t{u.flag("keepdims")}),
               Attr("select_last_index", int64_t{u.flag("select_last_index")})});
}

absl::Status CumSum(const Use& u) {
  return u.Is("CumSum",
              {u.name(0), u.to.Number(DType::kI64, static_cast<double>(u.integer("axis")))},
              {Attr("exclusive", int64_t{u.flag("exclusive")}),
               Attr("reverse", int64_t{u.flag("reverse")})});
}

// y[k] along an axis from a state that starts as `initial` everywhere: a Scan. `step` gives the
// next state of a state and the operands' slices. The results are the states before or after each
// step.
absl::Status Running(const Use& u, double initial, bool exclusive,
                     const std::function<std::string(const std::string&, const Names&)>& step) {
  const Shape& shape = u.spec().shape;
  const int64_t axis = u.axis("axis", shape.rank()), backward = u.flag("reverse");
  std::vector<Dim> dims(shape.dims().begin(), shape.dims().end());
  dims.erase(dims.begin() + axis);
  const TensorSpec slice{u.dtype(), Shape(dims)};
  ADJOINT_ASSIGN_OR_RETURN(const std::string first, u.to.Full(u.dtype(), slice.shape, initial));
  ADJOINT_ASSIGN_OR_RETURN(pb::GraphProto body, u.to.Subgraph("step", [&] {
    const std::string state = u.to.AddInput(slice);
    Names slices;
    for (int i = 0; i < u.num_inputs(); ++i) slices.push_back(u.to.AddInput(slice));
    const std::string next = step(state, slices);
    u.to.AddOutput(next, slice);
    u.to.AddOutput(exclusive ? state : next, slice);
    return absl::OkStatus();
  }));
  Names inputs = u.names();
  inputs.insert(inputs.begin(), first);
  const std::vector<int64_t> axes(u.num_inputs(), axis), directions(u.num_inputs(), backward);
  const Names outputs = u.to.AddMany(
      2, "Scan", inputs,
      {Attr("body", std::move(body)), Attr("num_scan_inputs", int64_t{u.num_inputs()}),
       Attr("scan_input_axes", axes), Attr("scan_input_directions", directions),
       Attr("scan_output_axes", Ints{axis}), Attr("scan_output_directions", Ints{backward})});
  return u.Is(outputs[1]);
}

absl::Status CumProd(const Use& u) {
  return Running(u, 1, u.flag("exclusive"), [&](const std::string& state, const Names& x) {
    return u.Op("Mul", {state, x[0]});
  });
}

// e[k+1] = a[k] e[k] + b[k]
absl::Status LinearRecurrence(const Use& u) {
  return Running(u, 0, /*exclusive=*/true, [&](const std::string& state, const Names& x) {
    return u.Op("Add", {u.Op("Mul", {x[0], state}), x[1]});
  });
}

absl::Status Softmax(const Use& u) {
  return u.Is(u.node.op->onnx_name, u.names(), {Attr("axis", u.integer("axis"))});
}

// -log_softmax(logits)[label]
absl::Status SparseCrossEntropy(const Use& u) {
  const int64_t last = -1;
  const std::string logs = u.Op("LogSoftmax", {u.name(0)}, {Attr("axis", last)});
  const std::string labels = u.Op("Unsqueeze", {u.name(1), u.to.Ints({-1})});
  const std::string picked = u.Op("GatherElements", {logs, labels}, {Attr("axis", last)});
  return u.Is("Neg", {u.Op("Squeeze", {picked, u.to.Ints({-1})})});
}

std::vector<int64_t> AxesFrom(int64_t axis, int rank) {
  std::vector<int64_t> axes;
  for (int64_t i = axis; i < rank; ++i) axes.push_back(i);
  return axes;
}

std::string MeanOver(const Use& u, const std::string& x, const std::vector<int64_t>& axes) {
  return u.Op("ReduceMean", {x}, {Attr("axes", axes)});
}

// ONNX has an operator for the centered kind with a scale, in f32.
absl::Status LayerNorm(const Use& u) {
  const Shape& shape = u.spec().shape;
  const int64_t axis = u.axis("axis", shape.rank());
  const double epsilon = u.attr<double>("epsilon");
  const bool centered = u.flag("centered");
  if (centered && u.num_inputs() > 1 && u.dtype() == DType::kF32) {
    return u.AreNamed(u.to.AddMany(static_cast<int>(u.outputs.size()), "LayerNormalization",
                                   u.names(), {Attr("axis", axis), FloatAttr("epsilon", epsilon)}));
  }
  const std::vector<int64_t> axes = AxesFrom(axis, shape.rank());
  std::string centre = u.name(0);
  std::string mean;
  if (centered) {
    mean = MeanOver(u, centre, axes);
    centre = u.Op("Sub", {centre, mean});
  }
  const std::string variance = MeanOver(u, u.Op("Mul", {centre, centre}), axes);
  const std::string inv_std =
      u.Op("Reciprocal", {u.Op("Sqrt", {u.Op("Add", {variance, u.Number(epsilon)})})});
  if (!centered) mean = u.Op("Mul", {inv_std, u.Number(0)});
  std::string y = u.Op("Mul", {centre, inv_std});
  if (u.num_inputs() > 1) y = u.Op("Mul", {y, u.name(1)});
  if (u.num_inputs() > 2) y = u.Op("Add", {y, u.name(2)});
  return u.AreNamed({y, mean, inv_std});
}

// inv_std (g - mean(g) - xhat mean(g xhat)), xhat = (x - mean) inv_std
absl::Status LayerNormGrad(const Use& u) {
  const std::vector<int64_t> axes =
      AxesFrom(u.axis("axis", u.spec().shape.rank()), u.spec().shape.rank());
  const std::string inv_std = u.name(2), g = u.name(3);
  const std::string xhat = u.Op("Mul", {u.Op("Sub", {u.name(0), u.name(1)}), inv_std});
  const std::string along = MeanOver(u, u.Op("Mul", {g, xhat}), axes);
  const std::string centre = u.flag("centered") ? u.Op("Sub", {g, MeanOver(u, g, axes)}) : g;
  return u.Is("Mul", {inv_std, u.Op("Sub", {centre, u.Op("Mul", {xhat, along})})});
}

constexpr Emitter kRows[] = {
    {"sum", Sum},
    {"mean", Reduction},
    {"reduce_max", Reduction},
    {"reduce_min", Reduction},
    {"reduce_prod", Reduction},
    {"argmax", ArgReduction},
    {"argmin", ArgReduction},
    {"cumsum", CumSum},
    {"cumprod", CumProd},
    {"linear_recurrence", LinearRecurrence},
    {"softmax", Softmax},
    {"log_softmax", Softmax},
    {"sparse_softmax_cross_entropy", SparseCrossEntropy},
    {"layer_norm", LayerNorm},
    {"layer_norm_grad", LayerNormGrad},
};

}  // namespace

absl::Span<const Emitter> ReduceEmitters() { return kRows; }

}  // namespace adjoint::onnx
