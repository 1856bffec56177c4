// ONNX models, as their messages have them: also those that the importer refuses.

#include <filesystem>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/inspect/contents.h"
#include "apps/inspect/tensor_info.h"
#include "core/status_macros.h"
#include "graph/onnx/tensor_proto.h"

namespace adjoint::apps::inspect {
namespace {

namespace pb = ::onnx;

std::string DTypeText(int32_t type) {
  const absl::StatusOr<DType> dtype = onnx::DTypeFromOnnx(type);
  return dtype.ok() ? std::string(DTypeName(*dtype)) : onnx::ElementTypeName(type);
}

// "f32[batch,3,224,224]".
std::string TypeText(const pb::TypeProto& type) {
  switch (type.value_case()) {
    case pb::TypeProto::kTensorType: {
      const pb::TypeProto::Tensor& tensor = type.tensor_type();
      const std::string dtype = DTypeText(tensor.elem_type());
      if (!tensor.has_shape()) return absl::StrCat(dtype, " of any shape");
      std::vector<std::string> dims;
      for (const auto& dim : tensor.shape().dim()) {
        dims.push_back(dim.has_dim_value()   ? absl::StrCat(dim.dim_value())
                       : dim.has_dim_param() ? dim.dim_param()
                                             : "?");
      }
      return absl::StrCat(dtype, "[", absl::StrJoin(dims, ","), "]");
    }
    case pb::TypeProto::kSequenceType:
      return absl::StrCat("sequence of ", TypeText(type.sequence_type().elem_type()));
    case pb::TypeProto::kOptionalType:
      return absl::StrCat("optional ", TypeText(type.optional_type().elem_type()));
    default:
      return "of no tensor type";
  }
}

absl::StatusOr<TensorInfo> DescribeInitializer(const pb::TensorProto& tensor,
                                               const std::string& folder, bool stats) {
  TensorInfo info{.name = tensor.name(), .dtype = DTypeText(tensor.data_type())};
  std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  info.shape = absl::StrCat("[", absl::StrJoin(dims, ","), "]");
  info.elements = 1;
  for (const int64_t dim : dims) {
    if (dim < 0 || __builtin_mul_overflow(info.elements, dim, &info.elements)) {
      return absl::InvalidArgumentError(
          absl::StrCat("initializer '", Printable(tensor.name()), "' has the shape ", info.shape));
    }
  }
  const absl::StatusOr<DType> dtype = onnx::DTypeFromOnnx(tensor.data_type());
  if (dtype.ok() &&
      __builtin_mul_overflow(info.elements, static_cast<int64_t>(DTypeSize(*dtype)), &info.bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("initializer '", Printable(tensor.name()), "' has the shape ", info.shape));
  }
  if (!stats || !dtype.ok()) return info;
  ADJOINT_ASSIGN_OR_RETURN(const Tensor value, onnx::FromProto(tensor, folder));
  return Describe(tensor.name(), value, true);
}

Picture DrawGraph(const pb::GraphProto& graph) {
  Picture picture{.name = graph.name(), .nodes = {}, .edges = {}};
  absl::flat_hash_map<std::string, int> maker;                   // value to node
  absl::flat_hash_map<std::string, std::string> types, weights;  // what is known of values
  for (const auto* list : {&graph.value_info(), &graph.output()}) {
    for (const pb::ValueInfoProto& value : *list) types[value.name()] = TypeText(value.type());
  }
  for (const pb::TensorProto& tensor : graph.initializer()) {
    std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
    weights[tensor.name()] = absl::StrCat(tensor.name(), "  ", DTypeText(tensor.data_type()), "[",
                                          absl::StrJoin(dims, ","), "]");
  }
  for (const pb::ValueInfoProto& input : graph.input()) {
    if (weights.contains(input.name())) continue;
    maker[input.name()] = static_cast<int>(picture.nodes.size());
    picture.nodes.push_back({Picture::Kind::kInput, input.name(), {TypeText(input.type())}});
  }
  const size_t first = picture.nodes.size();
  for (const pb::NodeProto& node : graph.node()) {
    Picture::Node box{Picture::Kind::kOp, node.op_type()};
    if (!node.name().empty()) box.lines.push_back(node.name());
    for (const std::string& input : node.input()) {
      if (const auto weight = weights.find(input); weight != weights.end()) {
        box.lines.push_back(weight->second);
      }
    }
    for (const std::string& output : node.output()) {
      maker.emplace(output, static_cast<int>(picture.nodes.size()));
      if (const auto type = types.find(output); type != types.end()) {
        box.lines.push_back(absl::StrCat("→ ", type->second));
      }
    }
    picture.nodes.push_back(std::move(box));
  }
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& input : graph.node(i).input()) {
      const auto from = maker.find(input);
      if (from != maker.end()) {
        picture.edges.push_back({from->second, static_cast<int>(first) + i});
      }
    }
  }
  for (const pb::ValueInfoProto& output : graph.output()) {
    if (const auto from = maker.find(output.name()); from != maker.end()) {
      picture.edges.push_back({from->second, static_cast<int>(picture.nodes.size())});
    }
    picture.nodes.push_back({Picture::Kind::kOutput, output.name(), {TypeText(output.type())}});
  }
  return picture;
}

}  // namespace

absl::StatusOr<Contents> ReadOnnxContents(const std::string& path, const std::string& bytes,
                                          bool stats) {
  const auto damaged = [&](absl::string_view what) {
    return absl::DataLossError(
        absl::StrCat("cannot read '", path, "': it is no ONNX model, or damaged: ", what));
  };
  pb::ModelProto model;
  if (!model.ParseFromString(bytes)) return damaged("its fields cannot be read");
  if (!model.has_graph() || model.ir_version() <= 0) return damaged("it has no graph");
  const pb::GraphProto& graph = model.graph();
  Contents contents{.kind = "ONNX model"};
  contents.facts.emplace_back("IR version", absl::StrCat(model.ir_version()));
  for (const auto& set : model.opset_import()) {
    contents.facts.emplace_back(
        "operator set",
        absl::StrCat(set.domain().empty() ? "ai.onnx" : set.domain(), " ", set.version()));
  }
  if (!model.producer_name().empty()) {
    contents.facts.emplace_back(
        "producer", absl::StrCat(model.producer_name(), model.producer_version().empty() ? "" : " ",
                                 model.producer_version()));
  }
  if (!model.doc_string().empty()) contents.facts.emplace_back("says", model.doc_string());
  for (const auto& property : model.metadata_props()) {
    contents.facts.emplace_back(absl::StrCat("metadata ", property.key()), property.value());
  }
  if (model.functions_size() > 0) {
    contents.facts.emplace_back("functions", absl::StrCat(model.functions_size()));
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  for (const pb::TensorProto& tensor : graph.initializer()) {
    absl::StatusOr<TensorInfo> info =
        DescribeInitializer(tensor, folder.empty() ? "." : folder, stats);
    if (!info.ok()) {
      return absl::Status(info.status().code(),
                          absl::StrCat("cannot read '", path, "': ", info.status().message()));
    }
    contents.tensors.push_back(*std::move(info));
  }
  ProgramInfo program{.name = graph.name(), .nodes = graph.node_size()};
  for (const auto& input : graph.input()) {
    program.inputs.push_back(absl::StrCat(input.name(), "  ", TypeText(input.type())));
  }
  for (const auto& output : graph.output()) {
    program.outputs.push_back(absl::StrCat(output.name(), "  ", TypeText(output.type())));
  }
  for (const auto& node : graph.node()) {
    ++program.ops[node.domain().empty() ? node.op_type()
                                        : absl::StrCat(node.domain(), ".", node.op_type())];
  }
  contents.programs.push_back(std::move(program));
  contents.pictures.push_back(DrawGraph(graph));
  return contents;
}

}  // namespace adjoint::apps::inspect
