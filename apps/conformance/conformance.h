#ifndef ADJOINT_APPS_CONFORMANCE_CONFORMANCE_H_
#define ADJOINT_APPS_CONFORMANCE_CONFORMANCE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/onnx/host_value.h"

namespace adjoint::apps::conformance {

// Tests in the format of ONNX's own: a folder with model.onnx and test_data_set_<n>/input_<i>.pb,
// output_<i>.pb. Results must have the expected types and shapes; floating elements may differ by
// kAbsolute + kRelative |expected|, NaN and infinities are equal to themselves, integers and bools
// are exact.
inline constexpr double kRelative = 1e-3;
inline constexpr double kAbsolute = 1e-7;
// bf16: one unit in the last place, for ONNX's reference truncates where it narrows.
inline constexpr double kRelativeBF16 = 1.0 / 128;

// OK, or where two values differ, with the largest difference.
absl::Status Compare(const onnx::HostValue& actual, const onnx::HostValue& expected);

struct Test {
  std::string name;  // the folder's name; its path below the root where two have the same
  std::string folder;
};

// All tests under a folder, by name. Errors: no such folder, a folder that cannot be read.
absl::StatusOr<std::vector<Test>> FindTests(const std::string& root);

struct Outcome {
  enum class Kind { kPassed, kFailed, kSkipped };
  Kind kind = Kind::kPassed;
  std::string why;
};

// Runs all data sets of a test. It is skipped when the importer refuses the model as not supported,
// and failed by anything else that goes wrong.
Outcome RunTest(const Test& test);

// The same in a process of its own, so that nothing that a damaged file brings about, a loop
// without end or a lack of memory, reaches the caller: such a test has failed. Requires that the
// calling process has no threads.
Outcome RunTestApart(const Test& test, int max_seconds = 120);

// Unpacks an archive of tests into a new folder, which is removed again.
class UnpackedArchive {
 public:
  static absl::StatusOr<UnpackedArchive> Unpack(const std::string& path);
  UnpackedArchive(UnpackedArchive&& other) noexcept : folder_(std::move(other.folder_)) {
    other.folder_.clear();
  }
  UnpackedArchive& operator=(UnpackedArchive&&) = delete;
  ~UnpackedArchive();

  const std::string& folder() const { return folder_; }

 private:
  explicit UnpackedArchive(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

}  // namespace adjoint::apps::conformance

#endif  // ADJOINT_APPS_CONFORMANCE_CONFORMANCE_H_
