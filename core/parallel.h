#ifndef ADJOINT_CORE_PARALLEL_H_
#define ADJOINT_CORE_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace adjoint {

// The process's one pool of worker threads. Work is cut into parts by its shape alone, or so that
// the cut cannot show: results do not depend on the number of threads. Threads claim parts in
// order. Workers sleep when there is nothing to do, after a spin of some 25 microseconds. While
// another process keeps a core busy, they spin for 100, and the pool tells the kernel which of the
// caller's cores they may use, so that it costs its share of the cores and no more.

// Threads that ParallelFor may use, the caller included. At first the number of cores this process
// may run on.
int NumThreads();

// Sets it; n < 1 means 1. Not to be called while another thread is inside ParallelFor.
void SetNumThreads(int n);

// Calls fn(0) .. fn(parts - 1), each once, in any order and on any of the threads, and returns when
// all have returned. A call from inside fn, or while another thread uses the pool, runs its parts
// on the calling thread. fn must not throw.
void ParallelFor(int64_t parts, absl::FunctionRef<void(int64_t part)> fn);

// Cuts 0..n-1 into pieces of `grain` (the last one smaller) and calls fn(begin, end) for each.
// Requires grain >= 1. The pieces depend on n and grain only.
void ParallelForRange(int64_t n, int64_t grain,
                      absl::FunctionRef<void(int64_t begin, int64_t end)> fn);

}  // namespace adjoint

#endif  // ADJOINT_CORE_PARALLEL_H_
