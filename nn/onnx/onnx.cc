#include "nn/onnx/onnx.h"

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "graph/body.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensor_proto.h"
#include "nn/config.h"
#include "nn/programs.h"
#include "nn/registry.h"

namespace adjoint::nn {
namespace {

constexpr char kClassName[] = "OnnxLayer";

// Weights that training must leave alone: running means and variances.
std::set<std::string> Statistics(const ::onnx::GraphProto& graph) {
  std::set<std::string> names;
  for (const ::onnx::NodeProto& node : graph.node()) {
    if (node.op_type() != "BatchNormalization") continue;
    for (int i = 3; i < node.input_size(); ++i) names.insert(node.input(i));
  }
  return names;
}

class OnnxLayer final : public Layer {
 public:
  // `model` holds all of its data.
  OnnxLayer(::onnx::ModelProto model, const OnnxLayerOptions& options,
            std::source_location location)
      : Layer(options.name, location),
        model_(std::move(model)),
        trainable_(options.trainable),
        statistics_(Statistics(model_.graph())) {}

  std::string ClassName() const override { return kClassName; }

  absl::Status Build(absl::Span<const ValueSpec> inputs,
                     std::vector<VariableDecl>* variables) const override {
    ADJOINT_ASSIGN_OR_RETURN(const onnx::ImportedModel imported, Import(inputs));
    for (const graph::StateBinding& state : imported.program.states) {
      if (state.write != state.read) continue;  // the number of the run, which the model has
      variables->push_back({.name = state.variable,
                            .spec = state.read.spec(),
                            .initializer = *imported.variables.Find(state.variable),
                            .trainable = trainable_ && !statistics_.contains(state.variable)});
    }
    return absl::OkStatus();
  }

  std::vector<Value> Call(CallContext& context, absl::Span<const Value> inputs) const override {
    std::vector<ValueSpec> specs;
    for (const Value& value : inputs) specs.push_back(value.spec());
    const auto fail = [&](const absl::Status& status) -> std::vector<Value> {
      context.Fail(status.message());
      return {Value(Var{&context.builder(), -1, 0})};
    };
    absl::StatusOr<onnx::ImportedModel> imported = Import(specs);
    if (!imported.ok()) return fail(imported.status());
    graph::Program program = std::move(imported->program);
    std::vector<Var> operands;
    for (const Value& value : inputs) operands.push_back(value.dense());
    for (const graph::StateBinding& state : program.states) {
      program.AddInput(state.variable, state.read);
      operands.push_back(state.write == state.read ? context.Variable(state.variable)
                                                   : context.step());
    }
    program.states.clear();
    const absl::StatusOr<graph::BodyPtr> body = graph::Body::Create(std::move(program));
    if (!body.ok()) return fail(body.status());
    std::vector<Value> outputs;
    for (Var v : graph::Inline(**body, context.builder(), operands)) outputs.emplace_back(v);
    return outputs;
  }

  absl::StatusOr<Attrs> Config() const override {
    std::string bytes;
    if (!model_.SerializeToString(&bytes)) {
      return absl::ResourceExhaustedError("the ONNX model is beyond two gigabytes");
    }
    return Attrs{{"model", absl::Base64Escape(bytes)}, {"trainable", trainable_}};
  }

 private:
  // The model for inputs of these types: named dims and numbers are those of what is given.
  absl::StatusOr<onnx::ImportedModel> Import(absl::Span<const ValueSpec> inputs) const {
    ::onnx::ModelProto model = model_;
    std::set<std::string> initialized;
    for (const auto& tensor : model.graph().initializer()) initialized.insert(tensor.name());
    size_t next = 0;
    for (::onnx::ValueInfoProto& info : *model.mutable_graph()->mutable_input()) {
      if (initialized.contains(info.name())) continue;
      if (next == inputs.size()) {
        return absl::InvalidArgumentError(absl::StrCat("it takes more inputs than ", inputs.size(),
                                                       ": '", info.name(), "' is missing"));
      }
      const ValueSpec& given = inputs[next++];
      if (given.csr) return absl::InvalidArgumentError("it takes no sparse inputs");
      auto* const type = info.mutable_type()->mutable_tensor_type();
      if (type->elem_type() != onnx::OnnxFromDType(given.tensor.dtype)) {
        return absl::InvalidArgumentError(absl::StrCat("input '", info.name(), "' is of type ",
                                                       onnx::ElementTypeName(type->elem_type()),
                                                       ", but is given ", given.tensor.ToString()));
      }
      type->mutable_shape()->clear_dim();
      for (Dim d : given.tensor.shape.dims()) {
        auto* const dim = type->mutable_shape()->add_dim();
        if (d.is_known()) {
          dim->set_dim_value(d.value());
        } else {
          dim->set_dim_param(d.ToString());
        }
      }
    }
    if (next != inputs.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("it takes ", next, " inputs, but is given ", inputs.size()));
    }
    return onnx::ImportModelBytes(model.SerializeAsString());
  }

  const ::onnx::ModelProto model_;
  const bool trainable_;
  const std::set<std::string> statistics_;
};

absl::StatusOr<LayerHandle> Make(const std::string& bytes, const std::string& folder,
                                 const OnnxLayerOptions& options, std::source_location location) {
  ::onnx::ModelProto model;
  if (bytes.size() > INT32_MAX ||
      !model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model.has_graph()) {
    return absl::DataLossError("not an ONNX model, or a damaged one");
  }
  for (::onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.data_location() != ::onnx::TensorProto::EXTERNAL) continue;
    ADJOINT_ASSIGN_OR_RETURN(const Tensor value, onnx::FromProto(tensor, folder));
    tensor = onnx::ToProto(value, tensor.name());
  }
  return LayerHandle(std::make_shared<OnnxLayer>(std::move(model), options, location));
}

}  // namespace

void RegisterOnnxLayer() {
  static const bool once = [] {
    RegisterLayer(kClassName, [](const LayerConfig& config) -> absl::StatusOr<LayerHandle> {
      ConfigReader reader(config);
      std::string bytes;
      if (!absl::Base64Unescape(reader.Get<std::string>("model"), &bytes)) {
        reader.Fail("value 'model' is damaged");
      }
      const bool trainable = reader.Get<bool>("trainable");
      ADJOINT_RETURN_IF_ERROR(reader.status());
      return Make(bytes, "", {.name = config.name, .trainable = trainable}, std::source_location());
    });
    return true;
  }();
  static_cast<void>(once);
}

absl::StatusOr<LayerHandle> LoadOnnx(const std::string& path, const OnnxLayerOptions& options,
                                     std::source_location location) {
  RegisterOnnxLayer();
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  absl::StatusOr<LayerHandle> layer = Make(bytes, folder, options, location);
  if (layer.ok()) return layer;
  return absl::Status(layer.status().code(), absl::StrCat(path, ": ", layer.status().message()));
}

absl::Status SaveOnnx(const Model& model, const std::string& path,
                      const onnx::ExportOptions& options) {
  if (model.input_specs().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("SaveOnnx of model '", model.name(),
                     "': it has no weights yet; call Build, or Fit, before"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const graph::Program program,
                           BuildPredictProgram(model.network(), model.input_specs()));
  const absl::Status written = onnx::ExportModelFile(path, program, model.variables(), options);
  if (written.ok()) return written;
  return absl::Status(written.code(),
                      absl::StrCat("SaveOnnx of model '", model.name(), "': ", written.message()));
}

}  // namespace adjoint::nn
