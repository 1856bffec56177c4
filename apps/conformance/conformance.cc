#include "apps/conformance/conformance.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/io/archive.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "graph/onnx/import.h"

namespace adjoint::apps::conformance {
namespace {

namespace fs = std::filesystem;
using onnx::HostValue;

constexpr int64_t kMaxEntryBytes = int64_t{1} << 30;

absl::Status Differs(absl::string_view what) { return absl::InvalidArgumentError(what); }

const char* KindName(HostValue::Kind kind) {
  switch (kind) {
    case HostValue::Kind::kTensor:
      return "a tensor";
    case HostValue::Kind::kSequence:
      return "a sequence";
    case HostValue::Kind::kOptional:
      break;
  }
  return "an optional";
}

absl::Status CompareTensors(const Tensor& actual, const Tensor& expected) {
  if (actual.spec() != expected.spec()) {
    return Differs(absl::StrCat("it is ", actual.spec().ToString(), ", expected was ",
                                expected.spec().ToString()));
  }
  const bool exact = IsInteger(actual.dtype()) || actual.dtype() == DType::kBool;
  if (exact) {
    if (BitwiseEqual(actual, expected)) return absl::OkStatus();
  }
  const double relative = actual.dtype() == DType::kBF16 ? kRelativeBF16 : kRelative;
  int64_t wrong = 0, worst = -1;
  double largest = -1;
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double a = actual.ValueAt(i), e = expected.ValueAt(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    double difference = std::abs(a - e);
    if (std::isnan(difference)) difference = INFINITY;
    const bool close = std::isfinite(e) && difference <= kAbsolute + relative * std::abs(e);
    if (close && !exact) continue;
    ++wrong;
    if (difference > largest) {
      largest = difference;
      worst = i;
    }
  }
  if (wrong == 0 && !exact) return absl::OkStatus();
  if (wrong == 0) return Differs("its integers differ beyond the precision of a double");
  return Differs(absl::StrCat(wrong, " of ", actual.size(), " elements differ, the most by ",
                              largest, " at ", worst, ": ", actual.ValueAt(worst),
                              ", expected was ", expected.ValueAt(worst)));
}

// "input_3.pb" is 3; -1 for other names.
int IndexOf(const std::string& name, absl::string_view prefix) {
  const size_t digits = name.size() - std::min(name.size(), prefix.size() + 3);
  if (!absl::StartsWith(name, prefix) || digits < 1 || digits > 6 ||
      name.compare(name.size() - 3, 3, ".pb") != 0) {
    return -1;
  }
  int index = 0;
  for (char c : name.substr(prefix.size(), digits)) {
    if (c < '0' || c > '9') return -1;
    index = 10 * index + (c - '0');
  }
  return index;
}

// The files "<prefix><i>.pb" of a folder, in the order of their numbers, which count from 0.
absl::StatusOr<std::vector<std::string>> NumberedFiles(const fs::path& folder,
                                                       absl::string_view prefix) {
  std::map<int, std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const int index = IndexOf(it->path().filename().string(), prefix);
    if (index >= 0) files[index] = it->path().string();
  }
  if (error) return absl::InternalError(absl::StrCat(folder.string(), ": ", error.message()));
  std::vector<std::string> paths;
  for (const auto& [index, path] : files) {
    if (index != static_cast<int>(paths.size())) {
      return absl::DataLossError(
          absl::StrCat(folder.string(), ": ", prefix, paths.size(), ".pb is missing"));
    }
    paths.push_back(path);
  }
  return paths;
}

// NumPy, which the files are written with, has no bf16: they hold its bits as UINT16.
HostValue WithDeclaredType(HostValue value, const onnx::ImportedValue& declared) {
  if (value.kind != HostValue::Kind::kTensor || declared.dtype != DType::kBF16 ||
      value.tensor.dtype() != DType::kU16) {
    return value;
  }
  Tensor halves = Tensor::Empty({DType::kBF16, value.tensor.shape()});
  if (halves.size() > 0) {
    std::memcpy(halves.mutable_raw(), value.tensor.raw(), static_cast<size_t>(halves.bytes()));
  }
  return halves;
}

absl::StatusOr<std::vector<HostValue>> ReadValues(
    const fs::path& folder, absl::string_view prefix,
    const std::vector<onnx::ImportedValue>& declared) {
  ADJOINT_ASSIGN_OR_RETURN(const auto paths, NumberedFiles(folder, prefix));
  if (paths.size() > declared.size()) {
    return absl::DataLossError(absl::StrCat(folder.string(), ": there are ", paths.size(), " ",
                                            prefix, "*.pb, but the model has ", declared.size()));
  }
  std::vector<HostValue> values;
  for (size_t i = 0; i < paths.size(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(paths[i]));
    absl::StatusOr<HostValue> value = onnx::ParseValue(bytes, declared[i].kind);
    if (!value.ok()) {
      return absl::Status(
          value.status().code(),
          absl::StrCat(fs::path(paths[i]).filename().string(), ": ", value.status().message()));
    }
    values.push_back(WithDeclaredType(*std::move(value), declared[i]));
  }
  return values;
}

Outcome FromStatus(const absl::Status& status) {
  if (status.ok()) return {};
  const bool refused = status.code() == absl::StatusCode::kUnimplemented;
  return {refused ? Outcome::Kind::kSkipped : Outcome::Kind::kFailed,
          std::string(status.message())};
}

// Past the import nothing counts as a refusal.
absl::Status AsFailure(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kUnimplemented) return status;
  return absl::InternalError(status.message());
}

absl::Status RunDataSet(const std::string& model_bytes, const std::string& model_folder,
                        const onnx::ModelSignature& signature, const fs::path& folder) {
  ADJOINT_ASSIGN_OR_RETURN(const auto inputs, ReadValues(folder, "input_", signature.inputs));
  onnx::ImportOptions options;
  options.shapes_of_examples = true;
  options.seed = std::nullopt;  // draws are not compared
  for (size_t i = 0; i < inputs.size(); ++i) {
    options.examples[signature.inputs[i].name] = inputs[i];
  }
  ADJOINT_ASSIGN_OR_RETURN(onnx::ImportedModel model,
                           onnx::ImportModelBytes(model_bytes, options, model_folder));
  ADJOINT_ASSIGN_OR_RETURN(const auto expected, ReadValues(folder, "output_", signature.outputs));
  const auto outputs = onnx::RunModel(model, options.examples);
  if (!outputs.ok()) return AsFailure(outputs.status());
  if (outputs->size() != expected.size()) {
    return absl::DataLossError(absl::StrCat("the model has ", outputs->size(),
                                            " outputs, but there are files for ", expected.size()));
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const absl::Status status = Compare((*outputs)[i], expected[i]);
    if (!status.ok()) {
      return Differs(absl::StrCat("output '", signature.outputs[i].name, "': ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status RunDataSets(const Test& test) {
  const std::string model_path = (fs::path(test.folder) / "model.onnx").string();
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(model_path));
  ADJOINT_ASSIGN_OR_RETURN(const onnx::ModelSignature signature, onnx::ReadSignature(bytes));
  std::vector<fs::path> sets;
  std::error_code error;
  for (fs::directory_iterator it(test.folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().filename().string().rfind("test_data_set_", 0) == 0) sets.push_back(it->path());
  }
  if (error) return absl::InternalError(error.message());
  if (sets.empty()) return absl::DataLossError("there is no test_data_set_*");
  std::sort(sets.begin(), sets.end());
  for (const fs::path& set : sets) {
    const absl::Status status = RunDataSet(bytes, test.folder, signature, set);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(set.filename().string(), ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

// A path of an archive as one below the folder it is unpacked to; empty when it leads elsewhere.
fs::path Inside(const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  if (path.empty() || path.is_absolute() || *path.begin() == "..") return {};
  return path;
}

}  // namespace

absl::Status Compare(const HostValue& actual, const HostValue& expected) {
  if (actual.kind != expected.kind) {
    return Differs(
        absl::StrCat("it is ", KindName(actual.kind), ", expected was ", KindName(expected.kind)));
  }
  if (actual.kind == HostValue::Kind::kTensor) {
    return CompareTensors(actual.tensor, expected.tensor);
  }
  if (actual.elements.size() != expected.elements.size()) {
    return Differs(absl::StrCat("it has ", actual.elements.size(), " elements, expected were ",
                                expected.elements.size()));
  }
  for (size_t i = 0; i < actual.elements.size(); ++i) {
    const absl::Status status = Compare(actual.elements[i], expected.elements[i]);
    if (!status.ok()) return Differs(absl::StrCat("element ", i, ": ", status.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Test>> FindTests(const std::string& root) {
  std::error_code error;
  std::vector<fs::path> folders;
  if (fs::exists(fs::path(root) / "model.onnx", error)) folders.push_back(root);
  fs::recursive_directory_iterator it(root, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    if (it->is_directory(error) && fs::exists(it->path() / "model.onnx", error)) {
      folders.push_back(it->path());
    }
  }
  if (error) return absl::NotFoundError(absl::StrCat("'", root, "': ", error.message()));
  std::map<std::string, int> uses;
  std::vector<Test> tests;
  const auto name_of = [&](const fs::path& folder) {
    return folder == root ? fs::weakly_canonical(folder, error).filename() : folder.filename();
  };
  for (const fs::path& folder : folders) ++uses[name_of(folder).string()];
  for (const fs::path& folder : folders) {
    std::string name = name_of(folder).string();
    if (uses[name] > 1) name = folder.lexically_relative(root).string();
    tests.push_back({std::move(name), folder.string()});
  }
  std::sort(tests.begin(), tests.end(),
            [](const Test& a, const Test& b) { return a.name < b.name; });
  return tests;
}

Outcome RunTest(const Test& test) {
  try {
    return FromStatus(RunDataSets(test));
  } catch (const std::exception& error) {  // no memory, mostly
    return {Outcome::Kind::kFailed, error.what()};
  }
}

Outcome RunTestApart(const Test& test, int max_seconds) {
  const auto failed = [](absl::string_view why) {
    return Outcome{Outcome::Kind::kFailed, std::string(why)};
  };
  int ends[2];
  if (pipe(ends) != 0) return failed("no pipe for its result");
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    return failed("no process for it");
  }
  if (child == 0) {
    close(ends[0]);
    const rlim_t seconds = static_cast<rlim_t>(max_seconds);
    const rlimit limit{seconds, seconds + 1};
    setrlimit(RLIMIT_CPU, &limit);
    alarm(4 * static_cast<unsigned>(max_seconds));  // should it sleep for ever
    const Outcome outcome = RunTest(test);
    std::string message(1, static_cast<char>(outcome.kind));
    message += outcome.why;
    size_t written = 0;
    while (written < message.size()) {
      const ssize_t n = write(ends[1], message.data() + written, message.size() - written);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      written += static_cast<size_t>(n);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string message;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(ends[0], buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    message.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGALRM) {
      return failed(absl::StrCat("it takes more than ", max_seconds, " seconds"));
    }
    return failed(absl::StrCat("its process was ended by signal ", WTERMSIG(status), ", ",
                               strsignal(WTERMSIG(status))));
  }
  if (message.empty()) return failed("its process ended without a result");
  return {static_cast<Outcome::Kind>(message[0]), message.substr(1)};
}

absl::StatusOr<UnpackedArchive> UnpackedArchive::Unpack(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(io::ArchiveReader reader, io::ArchiveReader::Open(path));
  std::error_code error;
  std::string folder = (fs::temp_directory_path(error) / "onnx_conformance.XXXXXX").string();
  if (error || mkdtemp(folder.data()) == nullptr) {
    return absl::InternalError(absl::StrCat("cannot make a folder at '", folder, "'"));
  }
  UnpackedArchive unpacked(folder);
  while (true) {
    ADJOINT_ASSIGN_OR_RETURN(const bool more, reader.Next());
    if (!more) return unpacked;
    if (!reader.is_file()) continue;
    const fs::path inside = Inside(reader.name());
    if (inside.empty()) {
      return absl::DataLossError(
          absl::StrCat(path, ": entry '", reader.name(), "' leads out of the archive"));
    }
    const fs::path to = fs::path(folder) / inside;
    ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, reader.Read(kMaxEntryBytes));
    ADJOINT_RETURN_IF_ERROR(io::MakeFolders(to.parent_path().string()));
    std::ofstream file(to, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) return absl::InternalError(absl::StrCat("cannot write '", to.string(), "'"));
  }
}

UnpackedArchive::~UnpackedArchive() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace adjoint::apps::conformance
