#ifndef ADJOINT_OPS_SCATTER_KERNELS_H_
#define ADJOINT_OPS_SCATTER_KERNELS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "ops/kernel.h"
#include "ops/scatter.h"

namespace adjoint::ops {

// The mode that the attribute `mode` names, or an error.
absl::StatusOr<ScatterMode> ScatterModeOf(const Attrs& attrs);

// Kernels of take_along_axis, and of scatter and (`along`) scatter_along_axis. Those in runs walk
// the innermost axis in one loop and part what lies before the axis of indices over the threads;
// they decline where there is nothing to do.
absl::StatusOr<std::unique_ptr<Kernel>> PrepareTakeRuns(const KernelRequest& r);
absl::StatusOr<std::unique_ptr<Kernel>> PrepareReferenceTake(const KernelRequest& r);
absl::StatusOr<std::unique_ptr<Kernel>> PrepareScatterRuns(const KernelRequest& r, bool along);
absl::StatusOr<std::unique_ptr<Kernel>> PrepareReferenceScatter(const KernelRequest& r, bool along);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SCATTER_KERNELS_H_
