#include "tests/ops/ops_table.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/dtype.h"
#include "graph/graph.h"
#include "graph/op_lookup.h"
#include "tests/ops/samples.h"
#include "tests/ops/samples_control_flow.h"

namespace adjoint::testing {
namespace {

using ops::OpDef;

constexpr char kHead[] = R"(# Ops

Made by `bazel run //tests/ops:write_ops_table` from the ops' records and the tests' samples; a test fails when it is out of date.

- **types**: element types of the operand that the samples vary: the first floating one, else the first.
- **kernels**: in order of preference. `onednn` is oneDNN's, `reference` the portable template that every case falls back to, the
  others are Adjoint's own. `(f64: reference)`: the fast ones decline f64.
- **gradient**: the orders of derivatives that are checked by differences in f64, and all there are; `refused` where an error names
  the op; `zero` where it is so by definition.
- **f32**: what the kernels in f32 hold against f64, relative to max(1, |value|): the widest tolerance among the samples
  that are the op alone.
- **ONNX**: the operator of opset 17 with the same meaning.

| op | types | kernels | gradient | f32 | ONNX |
|---|---|---|---|---|---|
)";

// The sample's operands with elements of `dtype` in the varied operand and in those of its type.
std::vector<TensorSpec> Varied(const Sample& sample, DType dtype) {
  std::vector<TensorSpec> specs;
  for (const SampleArg& arg : sample.args) specs.push_back(arg.spec);
  if (specs.empty()) return specs;
  const auto floating = std::find_if(specs.begin(), specs.end(),
                                     [](const TensorSpec& spec) { return IsFloating(spec.dtype); });
  const DType varied = (floating != specs.end() ? floating : specs.begin())->dtype;
  for (TensorSpec& spec : specs) {
    if (spec.dtype == varied) spec.dtype = dtype;
  }
  return specs;
}

// The kernels, "sum/simd", that the sample's uses of its op get with such operands; nothing where
// it cannot be built or prepared. Views and leaves have none.
std::optional<std::set<std::string>> KernelsFor(const Sample& sample, DType dtype) {
  graph::Graph graph;
  std::vector<ops::Var> operands;
  for (const TensorSpec& spec : Varied(sample, dtype)) {
    operands.push_back(graph.Input(absl::StrCat("x", operands.size()), spec));
  }
  sample.build(operands);
  if (!graph.status().ok()) return std::nullopt;
  bool used = false;
  std::set<std::string> names;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const graph::Node& node = graph.node(id);
    if (node.op->name != sample.op) continue;
    used = true;
    if (node.op->traits.leaf || node.op->traits.view) continue;
    std::vector<TensorSpec> inputs;
    for (const ops::Var v : node.inputs) inputs.push_back(v.spec());
    const auto kernel = ops::PrepareKernel(*node.op, {inputs, node.outputs, node.attrs});
    if (!kernel.ok()) return std::nullopt;
    names.insert(kernel->name);
  }
  if (!used) return std::nullopt;
  return names;
}

bool Takes(const Sample& sample, DType dtype) { return KernelsFor(sample, dtype).has_value(); }

// Whether all uses with such operands, of which there are some, fall back to the reference.
bool FallsBack(const OpDef& op, const std::vector<const Sample*>& samples, DType dtype) {
  bool any = false;
  for (const Sample* sample : samples) {
    for (const std::string& name : KernelsFor(*sample, dtype).value_or(std::set<std::string>())) {
      if (name != op.name + "/reference") return false;
      any = true;
    }
  }
  return any;
}

std::string Types(const std::vector<const Sample*>& samples) {
  std::vector<std::string> names;
  for (const DType dtype : kAllDTypes) {
    if (std::any_of(samples.begin(), samples.end(),
                    [&](const Sample* sample) { return Takes(*sample, dtype); })) {
      names.push_back(std::string(DTypeName(dtype)));
    }
  }
  return names.size() == std::size(kAllDTypes) ? "all" : absl::StrJoin(names, " ");
}

std::string Gradient(const OpDef& op, const std::vector<const Sample*>& samples) {
  if (!op.vjp) return "";
  int orders = -1;
  for (const Sample* sample : samples) {
    if (sample->gradient) orders = std::max(orders, sample->orders);
  }
  constexpr const char* kTexts[] = {"zero", "refused", "1", "1, 2"};
  return kTexts[orders + 1];
}

// Whether the sample is the op alone, rather than a composition that stresses it.
bool IsTheOpAlone(const Sample& sample) {
  graph::Graph graph;
  std::vector<ops::Var> operands;
  for (const SampleArg& arg : sample.args) {
    operands.push_back(graph.Input(absl::StrCat("x", operands.size()), arg.spec));
  }
  sample.build(operands);
  int nodes = 0;
  for (int id = 0; id < graph.num_nodes(); ++id) nodes += !graph.node(id).op->traits.leaf;
  return nodes == 1;
}

std::string Tolerance(const std::vector<const Sample*>& samples) {
  const bool any_alone = std::any_of(samples.begin(), samples.end(),
                                     [](const Sample* sample) { return IsTheOpAlone(*sample); });
  double widest = -1;
  for (const Sample* sample : samples) {
    if (!sample->in_f64 || (any_alone && !IsTheOpAlone(*sample))) continue;
    widest = std::max(widest, sample->f32_tolerance);
  }
  return widest < 0 ? "" : absl::StrFormat("%g", widest);
}

std::string Row(const OpDef& op, const std::vector<const Sample*>& samples) {
  std::string kernels = absl::StrJoin(
      op.kernels, " ",
      [](std::string* out, const ops::KernelDef& kernel) { absl::StrAppend(out, kernel.name); });
  if (op.kernels.size() > 1 && FallsBack(op, samples, DType::kF64) &&
      !FallsBack(op, samples, DType::kF32)) {
    kernels += " (f64: reference)";
  }
  return absl::StrCat("| ", op.name, " | ",
                      absl::StrJoin({Types(samples), kernels, Gradient(op, samples),
                                     Tolerance(samples), op.onnx_name},
                                    " | "),
                      " |\n");
}

}  // namespace

std::string OpsTable() {
  std::vector<Sample> all = AllSamples();
  for (Sample& sample : ControlFlowSamples()) all.push_back(std::move(sample));
  std::map<std::string, std::vector<const Sample*>> samples;
  for (const Sample& sample : all) samples[sample.op].push_back(&sample);
  std::string table = kHead;
  for (const OpDef* op : graph::AllOps()) {
    if (op->traits.internal || op->traits.leaf) continue;
    absl::StrAppend(&table, Row(*op, samples[op->name]));
  }
  return table;
}

}  // namespace adjoint::testing
