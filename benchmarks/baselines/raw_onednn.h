// The notebook's training on dense rows in oneDNN's own calls, with no framework.
//
// What makes it fast: every primitive is made once, before the clock starts; bias and relu ride on
// the inner products; kernels are stored (out, in), the layout that oneDNN's gemm likes in both
// directions; a shuffled batch is gathered by all threads; all parameters lie in one array, so that
// the optimizer is one vector loop. Threads are OpenMP's, as oneDNN's are.

#ifndef ADJOINT_BENCHMARKS_BASELINES_RAW_ONEDNN_H_
#define ADJOINT_BENCHMARKS_BASELINES_RAW_ONEDNN_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "benchmarks/baselines/notebook.h"

namespace adjoint::benchmarks {

struct FreeAligned {
  void operator()(float* p) const;
};

// A row-major matrix that begins at a cache line, and a label for each row.
struct DenseData {
  int64_t rows = 0;
  int64_t cols = 0;
  std::unique_ptr<float, FreeAligned> x;       // rows * cols
  std::unique_ptr<float, FreeAligned> labels;  // rows
};

// ResourceExhausted if there is not enough memory.
absl::StatusOr<DenseData> Densify(const CsrData& csr);

// As TrainCsrLoop. The matrices are only read. Sets OpenMP's number of threads for the calling
// thread to options.threads while it runs. Internal with oneDNN's message if oneDNN fails.
absl::StatusOr<NotebookResult> TrainRawOneDnn(const DenseData& train, const DenseData* validation,
                                              const NotebookOptions& options);

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_BASELINES_RAW_ONEDNN_H_
