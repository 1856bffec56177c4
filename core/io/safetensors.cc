#include "core/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "nlohmann/json.hpp"

namespace adjoint::io {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

using Json = nlohmann::json;

constexpr int64_t kMaxHeader = 100'000'000;  // as the format's own implementation has it
constexpr size_t kMaxDepth = 4;
constexpr char kMetadata[] = "__metadata__";

struct TypeName {
  DType dtype;
  absl::string_view name;
};
constexpr TypeName kTypeNames[] = {
    {DType::kF32, "F32"}, {DType::kF64, "F64"},   {DType::kI32, "I32"}, {DType::kI64, "I64"},
    {DType::kU8, "U8"},   {DType::kBool, "BOOL"}, {DType::kI8, "I8"},   {DType::kI16, "I16"},
    {DType::kU16, "U16"}, {DType::kU32, "U32"},   {DType::kU64, "U64"}, {DType::kBF16, "BF16"},
    {DType::kF16, "F16"},
};

absl::string_view NameOf(DType dtype) {
  for (const TypeName& type : kTypeNames) {
    if (type.dtype == dtype) return type.name;
  }
  return "";
}

std::string Shown(absl::string_view name) {
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(name.substr(0, 100)), "'");
}

template <typename... Parts>
absl::Status Wrong(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat("safetensors header: ", parts...));
}

// A JSON text, whose objects must not name a key twice.
absl::StatusOr<Json> ParseJson(absl::string_view text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string problem;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
      if (keys.size() > kMaxDepth && problem.empty()) problem = "objects nested too deep";
    } else if (event == Json::parse_event_t::object_end) {
      if (!keys.empty()) keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      std::string key = value.get<std::string>();
      if (!keys.empty() && !keys.back().insert(key).second && problem.empty()) {
        problem = absl::StrCat("the name ", Shown(key), " stands there twice");
      }
    }
    return true;
  };
  try {
    Json json = Json::parse(text.begin(), text.end(), watch);
    if (!problem.empty()) return Wrong(problem);
    return json;
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 10: syntax error ..."
    absl::string_view what = error.what();
    const size_t place = what.find("] ");
    if (place != absl::string_view::npos) what.remove_prefix(place + 2);
    return Wrong("no JSON: ", what);
  }
}

absl::StatusOr<SafetensorsEntry> ParseEntry(const std::string& name, const Json& value) {
  const auto wrong = [&](auto... parts) { return Wrong("tensor ", Shown(name), ": ", parts...); };
  if (!value.is_object()) return wrong("its description is no object");
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!value.contains(key)) return wrong("it has no '", key, "'");
  }
  for (const auto& [key, unused] : value.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      return wrong("it has ", Shown(key), ", which the format does not know");
    }
  }
  SafetensorsEntry entry{.name = name, .spec = {}};
  const Json& dtype = value["dtype"];
  const TypeName* const type =
      std::find_if(std::begin(kTypeNames), std::end(kTypeNames), [&](const TypeName& candidate) {
        return dtype.is_string() && dtype.get_ref<const std::string&>() == candidate.name;
      });
  if (type == std::end(kTypeNames)) {
    return wrong("its dtype is ", dtype.dump(-1, ' ', true).substr(0, 40),
                 "; BOOL, U8 to U64, I8 to I64, F16, BF16, F32 and F64 can be read");
  }
  entry.spec.dtype = type->dtype;
  const Json& shape = value["shape"];
  if (!shape.is_array()) return wrong("its shape is no list");
  int64_t bytes = static_cast<int64_t>(DTypeSize(type->dtype));
  for (const Json& extent : shape) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > INT64_MAX) {
      return wrong("its shape has ", extent.dump().substr(0, 40), "; extents are numbers from 0");
    }
    const int64_t n = extent.get<int64_t>();
    entry.spec.shape.push_back(n);
    // An axis of extent 0 must not hide an overflow in the others.
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(n, 1), &bytes)) {
      return wrong("its shape has more bytes than 64 bits can count");
    }
  }
  bytes = entry.spec.shape.NumElements() * static_cast<int64_t>(DTypeSize(type->dtype));
  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned() || offsets[1].get<uint64_t>() > INT64_MAX ||
      offsets[0].get<uint64_t>() > offsets[1].get<uint64_t>()) {
    return wrong("its data_offsets are ", offsets.dump().substr(0, 60),
                 "; wanted are [begin, end]");
  }
  entry.begin = offsets[0].get<int64_t>();
  entry.end = offsets[1].get<int64_t>();
  if (entry.end - entry.begin != bytes) {
    return wrong(entry.spec.ToString(), " takes ", bytes, " bytes, its data_offsets [", entry.begin,
                 ", ", entry.end, "] span ", entry.end - entry.begin);
  }
  return entry;
}

// The length of the header, from a file's first bytes.
absl::StatusOr<int64_t> HeaderLength(absl::string_view head, int64_t file_bytes) {
  if (head.size() < 8) {
    return Wrong("the file has ", file_bytes, " bytes; 8 with the header's length come first");
  }
  uint64_t length;
  std::memcpy(&length, head.data(), sizeof(length));
  if (length > static_cast<uint64_t>(std::min(kMaxHeader, file_bytes - 8))) {
    return Wrong("its length is ", length, " bytes, the file has ", file_bytes - 8,
                 " more and at most ", kMaxHeader, " are allowed; no safetensors file, or cut off");
  }
  return static_cast<int64_t>(length);
}

absl::StatusOr<SafetensorsHeader> ParseHeader(absl::string_view text, int64_t file_bytes) {
  if (text.empty() || text[0] != '{') return Wrong("it does not begin with '{'");
  ADJOINT_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  if (!json.is_object()) return Wrong("it is no object");
  SafetensorsHeader header;
  header.data_offset = 8 + static_cast<int64_t>(text.size());
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadata) {
      if (!value.is_object()) return Wrong("__metadata__ is no object");
      for (const auto& [key, word] : value.items()) {
        if (!word.is_string()) return Wrong("__metadata__ ", Shown(key), " is no string");
        header.metadata.emplace_back(key, word.get<std::string>());
      }
      continue;
    }
    ADJOINT_ASSIGN_OR_RETURN(SafetensorsEntry entry, ParseEntry(name, value));
    header.entries.push_back(std::move(entry));
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  int64_t at = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != at) {
      return Wrong("tensor ", Shown(entry.name), ": its data begin at byte ", entry.begin,
                   entry.begin < at ? " and overlap those before it, which end at "
                                    : " and leave a gap behind those before it, which end at ",
                   at);
    }
    at = entry.end;
  }
  if (at != file_bytes - header.data_offset) {
    return Wrong("its tensors take ", at, " bytes, ", file_bytes - header.data_offset,
                 " follow it; the file is ",
                 at > file_bytes - header.data_offset ? "cut off" : "longer than it should be");
  }
  return header;
}

// A bool that is neither 0 nor 1 is undefined in C++.
void Normalise(Tensor& tensor) {
  if (tensor.dtype() != DType::kBool) return;
  uint8_t* const bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (int64_t i = 0; i < tensor.size(); ++i) bytes[i] = bytes[i] != 0;
}

absl::Status Named(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("cannot read '", path, "': ", status.message()));
}

struct OpenFile {
  std::ifstream stream;
  int64_t bytes = 0;
};

absl::StatusOr<OpenFile> Open(const std::string& path) {
  OpenFile file;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!error && std::filesystem::is_directory(status)) {
    return absl::FailedPreconditionError("it is a folder");
  }
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), "");
  file.bytes = static_cast<int64_t>(bytes);
  file.stream.open(path, std::ios::binary);
  if (!file.stream.is_open()) return absl::PermissionDeniedError("it cannot be opened");
  return file;
}

absl::StatusOr<SafetensorsHeader> ReadHeader(OpenFile& file) {
  char head[8];
  file.stream.read(head, sizeof(head));
  ADJOINT_ASSIGN_OR_RETURN(
      const int64_t length,
      HeaderLength({head, static_cast<size_t>(file.stream.gcount())}, file.bytes));
  std::string text(static_cast<size_t>(length), '\0');
  if (!file.stream.read(text.data(), length)) return Wrong("the file cannot be read further");
  return ParseHeader(text, file.bytes);
}

}  // namespace

const Tensor* Safetensors::Find(absl::string_view name) const {
  for (const auto& [candidate, tensor] : tensors) {
    if (candidate == name) return &tensor;
  }
  return nullptr;
}

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(const std::string& path) {
  auto file = Open(path);
  if (!file.ok()) return Named(path, file.status());
  auto header = ReadHeader(*file);
  return header.ok() ? std::move(header) : Named(path, header.status());
}

absl::StatusOr<Safetensors> ParseSafetensors(absl::string_view bytes) {
  const int64_t size = static_cast<int64_t>(bytes.size());
  ADJOINT_ASSIGN_OR_RETURN(const int64_t length, HeaderLength(bytes.substr(0, 8), size));
  ADJOINT_ASSIGN_OR_RETURN(SafetensorsHeader header,
                           ParseHeader(bytes.substr(8, static_cast<size_t>(length)), size));
  Safetensors result{.tensors = {}, .metadata = std::move(header.metadata)};
  for (SafetensorsEntry& entry : header.entries) {
    ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(entry.spec));
    if (tensor.bytes() > 0) {
      std::memcpy(tensor.mutable_raw(), bytes.data() + header.data_offset + entry.begin,
                  static_cast<size_t>(tensor.bytes()));
    }
    Normalise(tensor);
    result.tensors.emplace_back(std::move(entry.name), std::move(tensor));
  }
  return result;
}

absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path) {
  auto file = Open(path);
  if (!file.ok()) return Named(path, file.status());
  auto header = ReadHeader(*file);
  if (!header.ok()) return Named(path, header.status());
  Safetensors result{.tensors = {}, .metadata = std::move(header->metadata)};
  for (SafetensorsEntry& entry : header->entries) {
    auto tensor = Tensor::Allocate(entry.spec);
    if (!tensor.ok()) return Named(path, tensor.status());
    // Their data follow each other.
    if (!file->stream.read(static_cast<char*>(tensor->mutable_raw()), tensor->bytes())) {
      return Named(path, absl::DataLossError(absl::StrCat("the data of tensor ", Shown(entry.name),
                                                          " cannot be read")));
    }
    Normalise(*tensor);
    result.tensors.emplace_back(std::move(entry.name), *std::move(tensor));
  }
  return result;
}

namespace {

// The head of a file, and the order of the tensors' data behind it.
absl::Status MakeHead(absl::Span<const std::pair<std::string, Tensor>> tensors,
                      absl::Span<const std::pair<std::string, std::string>> metadata,
                      std::string* head, std::vector<const Tensor*>* data) {
  std::vector<const std::pair<std::string, Tensor>*> order;
  std::set<absl::string_view> names = {kMetadata};
  for (const auto& tensor : tensors) {
    if (!names.insert(tensor.first).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot write safetensors: the name ", Shown(tensor.first),
                       tensor.first == kMetadata ? " is the format's own" : " stands there twice"));
    }
    order.push_back(&tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return DTypeSize(a->second.dtype()) > DTypeSize(b->second.dtype());
  });
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) {
    auto& strings = json[kMetadata] = nlohmann::ordered_json::object();
    for (const auto& [key, value] : metadata) strings[key] = value;
  }
  int64_t at = 0;
  for (const auto* const entry : order) {
    const Tensor& tensor = entry->second;
    json[entry->first] = {{"dtype", std::string(NameOf(tensor.dtype()))},
                          {"shape", tensor.shape().Extents()},
                          {"data_offsets", {at, at + tensor.bytes()}}};
    at += tensor.bytes();
    data->push_back(&tensor);
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError(
        "cannot write safetensors: a name or a metadata string is not UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data begin aligned
  const uint64_t length = text.size();
  head->assign(reinterpret_cast<const char*>(&length), sizeof(length));
  head->append(text);
  return absl::OkStatus();
}

absl::string_view BytesOf(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.raw()), static_cast<size_t>(tensor.bytes())};
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const std::pair<std::string, Tensor>> tensors,
                              absl::Span<const std::pair<std::string, std::string>> metadata) {
  std::string head;
  std::vector<const Tensor*> data;
  ADJOINT_RETURN_IF_ERROR(MakeHead(tensors, metadata, &head, &data));
  ADJOINT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  ADJOINT_RETURN_IF_ERROR(writer.Write(head));
  for (const Tensor* tensor : data) ADJOINT_RETURN_IF_ERROR(writer.Write(BytesOf(*tensor)));
  return writer.Commit();
}

absl::StatusOr<std::string> SerializeSafetensors(
    absl::Span<const std::pair<std::string, Tensor>> tensors,
    absl::Span<const std::pair<std::string, std::string>> metadata) {
  std::string bytes;
  std::vector<const Tensor*> data;
  ADJOINT_RETURN_IF_ERROR(MakeHead(tensors, metadata, &bytes, &data));
  for (const Tensor* tensor : data) absl::StrAppend(&bytes, BytesOf(*tensor));
  return bytes;
}

}  // namespace adjoint::io
