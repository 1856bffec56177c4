#include "graph/model_file.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/io/hash.h"
#include "core/status_macros.h"
#include "graph/program_proto.h"

namespace adjoint::graph {
namespace {

constexpr uint32_t kFormatVersion = 1;
constexpr int64_t kMaxBytes = int64_t{1} << 31;  // protobuf's limit for one message

absl::Status InFile(const std::string& path, absl::string_view doing, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(doing, " ", path, ": ", status.message()));
}

// The last field of the file, as bytes: the digest of everything before it.
std::string DigestField(absl::string_view body) {
  proto::ModelProto digest;
  digest.set_sha256(absl::HexStringToBytes(io::Sha256Hex(body)));
  return digest.SerializeAsString();
}

absl::Status CheckDigest(absl::string_view bytes) {
  const size_t field = DigestField("").size();
  if (bytes.size() < field ||
      DigestField(bytes.substr(0, bytes.size() - field)) != bytes.substr(bytes.size() - field)) {
    return absl::DataLossError(
        "this is not a model file, or it is damaged: its checksum does not match its content");
  }
  return absl::OkStatus();
}

}  // namespace

const std::string* ModelFile::FindSection(absl::string_view name) const {
  for (const auto& section : sections) {
    if (section.first == name) return &section.second;
  }
  return nullptr;
}

absl::StatusOr<std::string> SerializeModel(const ModelFile& model) {
  proto::ModelProto message;
  message.set_format_version(kFormatVersion);
  message.set_producer("adjoint");
  for (const Program& program : model.programs) {
    ADJOINT_RETURN_IF_ERROR(ToProto(program, message.add_programs()));
  }
  for (const std::string& name : model.variables.Names()) {
    proto::VariableProto* const variable = message.add_variables();
    variable->set_name(name);
    ToProto(*model.variables.Find(name), variable->mutable_value());
  }
  for (const auto& [name, data] : model.sections) {
    proto::SectionProto* const section = message.add_sections();
    section->set_name(name);
    section->set_data(data);
  }
  const int64_t size = static_cast<int64_t>(message.ByteSizeLong());
  std::string bytes;
  if (size >= kMaxBytes || !message.SerializeToString(&bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a model of ", size, " bytes does not fit into one file of less than ",
                     kMaxBytes, " bytes"));
  }
  absl::StrAppend(&bytes, DigestField(bytes));
  return bytes;
}

absl::StatusOr<ModelFile> ParseModel(absl::string_view bytes) {
  ADJOINT_RETURN_IF_ERROR(CheckDigest(bytes));
  proto::ModelProto message;
  if (static_cast<int64_t>(bytes.size()) >= kMaxBytes ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("this is not a model file: its fields cannot be read");
  }
  if (message.format_version() != kFormatVersion) {
    return absl::UnimplementedError(absl::StrCat("the file has format version ",
                                                 message.format_version(),
                                                 ", this build knows version ", kFormatVersion));
  }
  ModelFile model;
  for (const proto::ProgramProto& program : message.programs()) {
    ADJOINT_ASSIGN_OR_RETURN(Program read, FromProto(program));
    model.programs.push_back(std::move(read));
  }
  for (const proto::VariableProto& variable : message.variables()) {
    absl::StatusOr<Tensor> value = FromProto(variable.value());
    if (!value.ok()) {
      return absl::Status(value.status().code(), absl::StrCat("variable '", variable.name(),
                                                              "': ", value.status().message()));
    }
    model.variables.Set(variable.name(), *value);
  }
  for (const proto::SectionProto& section : message.sections()) {
    model.sections.emplace_back(section.name(), section.data());
  }
  return model;
}

absl::Status WriteModelFile(const std::string& path, const ModelFile& model) {
  absl::StatusOr<std::string> bytes = SerializeModel(model);
  if (!bytes.ok()) return InFile(path, "writing", bytes.status());
  return io::WriteFileAtomically(path, *bytes);
}

absl::StatusOr<ModelFile> ReadModelFile(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path, kMaxBytes));
  absl::StatusOr<ModelFile> model = ParseModel(bytes);
  if (!model.ok()) return InFile(path, "reading", model.status());
  return model;
}

}  // namespace adjoint::graph
