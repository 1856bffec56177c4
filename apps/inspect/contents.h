#ifndef ADJOINT_APPS_INSPECT_CONTENTS_H_
#define ADJOINT_APPS_INSPECT_CONTENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/inspect/picture.h"

namespace adjoint::apps::inspect {

// Of all elements of a tensor.
struct Stats {
  double min = 0, max = 0, mean = 0, std = 0;  // of those that are numbers
  int64_t zeros = 0;
  int64_t not_finite = 0;
};

struct TensorInfo {
  std::string name = {};
  std::string dtype = {};  // "f32"
  std::string shape = {};  // "[784,512]"
  int64_t elements = 0;
  int64_t bytes = 0;
  bool optimizer = false;  // state of the training rather than a weight
  std::optional<Stats> stats = {};
};

struct ProgramInfo {
  std::string name = {};
  std::vector<std::string> inputs = {}, outputs = {};  // "x0  f32[batch,10]"
  std::vector<std::string> states = {};                // "dense/kernel, read"
  std::map<std::string, int64_t> ops = {};             // how many of each
  int64_t nodes = 0;
};

// What is in a file.
struct Contents {
  std::string kind;                                             // "safetensors file"
  std::vector<std::pair<std::string, std::string>> facts = {};  // "producer", "pytorch 1.13"
  std::string layers = {};  // a table; empty where there are none
  std::vector<TensorInfo> tensors = {};
  std::vector<ProgramInfo> programs = {};
  std::vector<std::pair<std::string, int64_t>> sections = {};  // with their bytes
  std::vector<std::pair<std::string, std::string>> training = {};
  std::vector<std::string> notes = {};  // what could not be shown, and why
  std::vector<Picture> pictures = {};   // "layers", and each program
};

// Reads a model or a checkpoint of this library, an ONNX model, or a .safetensors, .npz or .npy
// file: what it is is seen from its content. Without `stats` tensors that can be passed over are.
// Errors are one line that names the file.
absl::StatusOr<Contents> ReadContents(const std::string& path, bool stats);

// The same of each kind, for ReadContents.
absl::StatusOr<Contents> ReadModelContents(const std::string& path, bool stats);
absl::StatusOr<Contents> ReadOnnxContents(const std::string& path, const std::string& bytes,
                                          bool stats);

// As tables for a terminal.
std::string ToText(const std::string& path, int64_t file_bytes, const Contents& contents);

}  // namespace adjoint::apps::inspect

#endif  // ADJOINT_APPS_INSPECT_CONTENTS_H_
