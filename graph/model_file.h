#ifndef ADJOINT_GRAPH_MODEL_FILE_H_
#define ADJOINT_GRAPH_MODEL_FILE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace adjoint::graph {

// All that a model file holds (graph/model.proto).
struct ModelFile {
  std::vector<Program> programs;
  VariableStore variables;
  // Named bytes of the layers above, in their order in the file.
  std::vector<std::pair<std::string, std::string>> sections;

  // The section of this name, or null.
  const std::string* FindSection(absl::string_view name) const;
};

// Equal models give equal bytes. Errors: a program that holds the compiler's own nodes, a model
// beyond protobuf's two gigabytes.
absl::StatusOr<std::string> SerializeModel(const ModelFile& model);

// Errors: bytes that are not a model, or damaged (a checksum covers all of them), a format version
// or an op that this build does not know.
absl::StatusOr<ModelFile> ParseModel(absl::string_view bytes);

// The same with a file, written to a temporary name and renamed. Errors name the path.
absl::Status WriteModelFile(const std::string& path, const ModelFile& model);
absl::StatusOr<ModelFile> ReadModelFile(const std::string& path);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_MODEL_FILE_H_
