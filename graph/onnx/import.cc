#include "graph/onnx/import.h"

#include <filesystem>
#include <new>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "graph/function.h"
#include "graph/onnx/importer.h"

namespace adjoint::onnx {
namespace {

absl::StatusOr<pb::ModelProto> ParseModel(absl::string_view bytes) {
  pb::ModelProto model;
  if (bytes.size() > INT32_MAX || !model.ParseFromArray(bytes.data(), bytes.size())) {
    return absl::DataLossError("not an ONNX model, or a damaged one");
  }
  return model;
}

// Loops and branches that do not fit the ops are found one an attempt; after so many all of them
// are unrolled.
constexpr size_t kMaxUnrolled = 8;

// Attempts until nothing more has to become a constant, and no more control flow to be unrolled:
// one attempt finds what is missing for one node.
absl::StatusOr<ImportedModel> Attempts(const pb::ModelProto& model, const ImportOptions& options,
                                       const std::string& folder) {
  MadeConstant made_constant;
  Unrolled unrolled;
  while (true) {
    Importer importer(model, options, folder, made_constant, unrolled);
    absl::StatusOr<ImportedModel> imported = importer.Import();
    if (imported.ok()) return imported;
    bool progress = false;
    for (const std::string& name : importer.Missing()) {
      bool available = options.examples.contains(name);
      for (const pb::TensorProto& weight : model.graph().initializer()) {
        available = available || weight.name() == name;
      }
      if (!available) return imported.status();
      progress = made_constant.insert(name).second || progress;
    }
    if (progress) continue;
    if (!importer.MadeOps()) return imported.status();
    if (importer.NotAnOp().empty() || unrolled.nodes.size() >= kMaxUnrolled ||
        !unrolled.nodes.insert(importer.NotAnOp()).second) {
      unrolled.all = true;
    }
  }
}

ImportedValue SignatureOf(const std::string& name, const pb::TypeProto& type) {
  ImportedValue value;
  value.name = name;
  if (type.has_sequence_type()) value.kind = HostValue::Kind::kSequence;
  if (type.has_optional_type()) value.kind = HostValue::Kind::kOptional;
  value.dtype = DTypeFromOnnx(type.tensor_type().elem_type()).value_or(DType::kF32);
  return value;
}

absl::Status Feed(const ImportedValue& to, const HostValue& value, std::vector<Tensor>* tensors) {
  if (to.kind != value.kind || to.elements.size() != value.elements.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "input '", to.name, "': the value is of another kind, or has ", value.elements.size(),
        " elements where the program was made for ", to.elements.size()));
  }
  if (to.kind == HostValue::Kind::kTensor) {
    (*tensors)[to.port] = value.tensor;
    return absl::OkStatus();
  }
  for (size_t i = 0; i < to.elements.size(); ++i) {
    ADJOINT_RETURN_IF_ERROR(Feed(to.elements[i], value.elements[i], tensors));
  }
  return absl::OkStatus();
}

HostValue Fetch(const ImportedValue& from, const std::vector<Tensor>& tensors) {
  if (from.kind == HostValue::Kind::kTensor) return tensors[from.port];
  std::vector<HostValue> elements;
  for (const ImportedValue& element : from.elements) elements.push_back(Fetch(element, tensors));
  return from.kind == HostValue::Kind::kSequence ? HostValue::Sequence(std::move(elements))
                                                 : HostValue::Optional(std::move(elements));
}

}  // namespace

absl::StatusOr<ImportedModel> ImportModelBytes(absl::string_view bytes,
                                               const ImportOptions& options,
                                               const std::string& folder) {
  try {
    ADJOINT_ASSIGN_OR_RETURN(const pb::ModelProto model, ParseModel(bytes));
    return Attempts(model, options, folder);
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return absl::ResourceExhaustedError("out of memory for what the model asks for");
}

absl::StatusOr<ImportedModel> ImportModel(const std::string& path, const ImportOptions& options) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  absl::StatusOr<ImportedModel> model = ImportModelBytes(bytes, options, folder);
  if (model.ok()) return model;
  return absl::Status(model.status().code(), absl::StrCat(path, ": ", model.status().message()));
}

absl::StatusOr<ModelSignature> ReadSignature(absl::string_view bytes) {
  ADJOINT_ASSIGN_OR_RETURN(const pb::ModelProto model, ParseModel(bytes));
  ModelSignature signature;
  for (const auto& info : model.graph().input()) {
    signature.inputs.push_back(SignatureOf(info.name(), info.type()));
  }
  for (const auto& info : model.graph().output()) {
    signature.outputs.push_back(SignatureOf(info.name(), info.type()));
  }
  return signature;
}

absl::StatusOr<std::vector<HostValue>> RunModel(ImportedModel& model,
                                                const std::map<std::string, HostValue>& inputs) {
  std::vector<Tensor> feeds(model.program.inputs.size());
  for (const ImportedValue& input : model.inputs) {
    const auto it = inputs.find(input.name);
    if (it == inputs.end()) {
      return absl::InvalidArgumentError(absl::StrCat("input '", input.name, "' is not given"));
    }
    ADJOINT_RETURN_IF_ERROR(Feed(input, it->second, &feeds));
  }
  ADJOINT_ASSIGN_OR_RETURN(const auto function, graph::Function::Create(model.program));
  std::vector<Tensor> results;
  ADJOINT_RETURN_IF_ERROR(function->Run(feeds, &model.variables, &results));
  std::vector<HostValue> outputs;
  for (const ImportedValue& output : model.outputs) outputs.push_back(Fetch(output, results));
  return outputs;
}

}  // namespace adjoint::onnx
