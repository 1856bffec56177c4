// Writes docs/ops.md anew in the workspace that bazel runs it from.

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "tests/ops/ops_table.h"

int main() {
  const char* const workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace == nullptr) {
    std::cerr << "run it by: bazel run //tests/ops:write_ops_table\n";
    return 2;
  }
  const absl::Status status = adjoint::io::WriteFileAtomically(
      absl::StrCat(workspace, "/docs/ops.md"), adjoint::testing::OpsTable());
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
