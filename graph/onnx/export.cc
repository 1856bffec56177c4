#include "graph/onnx/export.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "graph/onnx/decompose.h"
#include "graph/onnx/exporter.h"

namespace adjoint::onnx {
namespace {

using graph::Program;

constexpr int64_t kOperatorSet = 17;
constexpr int64_t kFormatVersion = 8;

// External data begin at multiples of this, so that they can be mapped into memory.
constexpr size_t kAlignment = 4096;

bool IsDraw(const ops::OpDef& op) {
  return op.name == "dropout" || absl::StartsWith(op.name, "random_");
}

// The program without the updates of variables that only number the runs of draws, which ONNX does
// not number; an error for any other variable that is written.
absl::StatusOr<Program> WithoutUpdates(const Program& program) {
  Program result = program;
  for (graph::StateBinding& state : result.states) state.write = state.read;
  ADJOINT_ASSIGN_OR_RETURN(result, Decompose(result));
  absl::flat_hash_set<ops::Var> read;
  for (int id = 0; id < result.graph->num_nodes(); ++id) {
    const graph::Node& node = result.graph->node(id);
    for (ops::Var v : node.inputs) {
      if (!IsDraw(*node.op) || v.dtype() != DType::kI64) read.insert(v);
    }
  }
  for (const graph::Port& port : result.outputs) read.insert(port.var);
  for (size_t i = 0; i < program.states.size(); ++i) {
    if (program.states[i].write == program.states[i].read) continue;
    if (!read.contains(result.states[i].read)) continue;
    return absl::UnimplementedError(absl::StrCat(
        "variable '", program.states[i].variable,
        "' is written, but an ONNX model has no state: export a program that only reads its "
        "variables"));
  }
  return result;
}

// Moves the data of large tensors behind each other into `data`.
void MakeExternal(const std::string& location, int64_t from, pb::ModelProto* model,
                  std::string* data) {
  for (pb::TensorProto& tensor : *model->mutable_graph()->mutable_initializer()) {
    const std::string& raw = tensor.raw_data();
    if (static_cast<int64_t>(raw.size()) < from) continue;
    data->resize((data->size() + kAlignment - 1) / kAlignment * kAlignment);
    const auto entry = [&](const char* key, const std::string& value) {
      pb::StringStringEntryProto* const e = tensor.add_external_data();
      e->set_key(key);
      e->set_value(value);
    };
    entry("location", location);
    entry("offset", absl::StrCat(data->size()));
    entry("length", absl::StrCat(raw.size()));
    data->append(raw);
    tensor.clear_raw_data();
    tensor.set_data_location(pb::TensorProto::EXTERNAL);
  }
}

}  // namespace

absl::StatusOr<::onnx::ModelProto> ExportModel(const Program& program,
                                               const graph::VariableStore& variables,
                                               const ExportOptions& options) {
  ADJOINT_RETURN_IF_ERROR(graph::Verify(program));
  ADJOINT_ASSIGN_OR_RETURN(const Program live, WithoutUpdates(program));
  pb::ModelProto model;
  ADJOINT_ASSIGN_OR_RETURN(*model.mutable_graph(), Exporter(variables).Export(live));
  model.set_ir_version(kFormatVersion);
  model.set_producer_name(options.producer);
  model.add_opset_import()->set_version(kOperatorSet);
  return model;
}

absl::Status ExportModelFile(const std::string& path, const Program& program,
                             const graph::VariableStore& variables, const ExportOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(pb::ModelProto model, ExportModel(program, variables, options));
  if (options.external_from >= 0) {
    const std::string location =
        absl::StrCat(std::filesystem::path(path).filename().string(), ".data");
    std::string data;
    MakeExternal(location, options.external_from, &model, &data);
    if (!data.empty()) {
      const std::filesystem::path to = std::filesystem::path(path).parent_path() / location;
      ADJOINT_RETURN_IF_ERROR(io::WriteFileAtomically(to.string(), data));
    }
  }
  std::string bytes;
  if (model.ByteSizeLong() > INT32_MAX || !model.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError(
        "the model is beyond protobuf's two gigabytes: write weights to a file of their own "
        "(ExportOptions::external_from)");
  }
  return io::WriteFileAtomically(path, bytes);
}

}  // namespace adjoint::onnx
