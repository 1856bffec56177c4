#include "graph/onnx/lower/lowering.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "ops/op_list.h"

namespace adjoint::onnx {
namespace {

using Table = absl::flat_hash_map<std::pair<std::string, std::string>, Lowering>;

// An op that is an operator by itself: same operands, no attributes.
Values Apply(NodeContext& c) {
  for (const ops::OpDef* op : ops::AllOps()) {
    if (op->onnx_name != c.node().op_type()) continue;
    std::vector<ops::Operand> operands;
    for (Var v : c.Ins()) operands.push_back(v);
    Values outputs;
    if (!c.ok()) return outputs;
    for (Var v : ops::ApplyN(*op, operands)) outputs.push_back(v);
    return outputs;
  }
  return One(c.Unsupported("it is not supported"));
}

bool HasRequiredAttribute(const ops::OpDef& op) {
  for (const ops::AttrDecl& decl : op.attrs) {
    if (!decl.optional) return true;
  }
  return false;
}

const Table* MakeTable() {
  auto* const table = new Table;
  const auto add = [&](absl::string_view domain, absl::Span<const Lowering> rows) {
    for (const Lowering& row : rows) {
      table->emplace(std::make_pair(std::string(domain), std::string(row.op)), row);
    }
  };
  add("", ElementwiseLowerings());
  add("", ShapeLowerings());
  add("", IndexingLowerings());
  add("", ReduceLowerings());
  add("", MatrixLowerings());
  add("", SpatialLowerings());
  add("", ResizeLowerings());
  add("", NormalizationLowerings());
  add("", LossLowerings());
  add("", RecurrentLowerings());
  add("", QuantizedLowerings());
  add("", SamplingLowerings());
  add("", ControlLowerings());
  add("", SequenceLowerings());
  add("", SignalLowerings());
  add("", DetectionLowerings());
  add("", TextLowerings());
  add("", RandomLowerings());
  add("ai.onnx.preview.training", TrainingLowerings());
  // An op's record names the operator that it is. Operators of the first sets had an attribute for
  // broadcasting, which is then refused as unknown.
  for (const ops::OpDef* op : ops::AllOps()) {
    if (op->onnx_name.empty() || !op->traits.elementwise || HasRequiredAttribute(*op)) continue;
    table->try_emplace({"", op->onnx_name},
                       Lowering{op->onnx_name.c_str(), 1, op->min_inputs, op->max_inputs, Apply});
  }
  return table;
}

}  // namespace

const Lowering* FindLowering(absl::string_view domain, absl::string_view op) {
  static const Table* const table = MakeTable();
  const auto it = table->find({std::string(domain), std::string(op)});
  return it == table->end() ? nullptr : &it->second;
}

}  // namespace adjoint::onnx
