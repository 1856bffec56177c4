#ifndef ADJOINT_GRAPH_BODY_KERNEL_H_
#define ADJOINT_GRAPH_BODY_KERNEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/body.h"
#include "graph/executable.h"
#include "ops/kernel.h"

namespace adjoint::graph {

// What the kernels of ops with bodies have in common.

// Which kernel of such an op: the body compiled by all passes, or its nodes as they were built on
// reference kernels.
enum class BodyKernel { kCompiled, kReference };

// A body of concrete shapes, compiled.
absl::StatusOr<std::shared_ptr<const Executable>> CompileBody(const Body& body, BodyKernel kind);

// What one caller of a body needs: a workspace and lists of operands, as long as the ports.
struct BodyState final : ops::KernelState {
  explicit BodyState(const Executable& executable);

  absl::Status status;  // of making it
  std::unique_ptr<Workspace> workspace;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

// The kernels that run in a body, "matmul/onednn, fused_elementwise/simd".
std::string KernelNames(const Executable& executable);

// The bytes of a value whose shape is known to be concrete and of a size that fits.
int64_t BytesOf(const TensorSpec& spec);

// memcpy that takes any pointers for no bytes.
void CopyBytes(void* to, const void* from, int64_t bytes);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_BODY_KERNEL_H_
