#ifndef ADJOINT_NN_CHECKPOINT_FOLDER_H_
#define ADJOINT_NN_CHECKPOINT_FOLDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/model_file.h"
#include "nn/checkpoint.h"

namespace adjoint::nn {

// For Fit: the files of one folder.
class CheckpointFolder {
 public:
  explicit CheckpointFolder(CheckpointOptions options) : options_(std::move(options)) {}

  const CheckpointOptions& options() const { return options_; }

  // Makes the folder, removes what writers that were killed left behind, and checks the options.
  absl::Status Prepare();
  // The newest whole checkpoint, nothing when there is no checkpoint at all. Errors: every one is
  // damaged.
  absl::StatusOr<std::optional<graph::ModelFile>> ReadNewest() const;
  // Writes one and removes those that are too many.
  absl::Status Write(int64_t step, const graph::ModelFile& file) const;

 private:
  // Paths, the newest first.
  absl::StatusOr<std::vector<std::string>> Files() const;

  CheckpointOptions options_;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_CHECKPOINT_FOLDER_H_
