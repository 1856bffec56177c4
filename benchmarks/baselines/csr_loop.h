// The notebook's training as a hand-written loop over the rows' ones, with no framework.
//
// What makes it fast: nothing is ever multiplied by zero. The first layer adds one 64-byte row of
// its kernel per one in the input; its gradient adds one row per one into an array that each thread
// has for itself; the optimizer merges the threads' arrays, clears them and updates the weights in
// one pass. A batch's rows are read where they lie. Two waits a step, on a barrier that spins
// briefly and then sleeps.

#ifndef ADJOINT_BENCHMARKS_BASELINES_CSR_LOOP_H_
#define ADJOINT_BENCHMARKS_BASELINES_CSR_LOOP_H_

#include "benchmarks/baselines/notebook.h"

namespace adjoint::benchmarks {

// Trains on `train`, validating on `validation`, unless null, after each epoch. Needs at least one
// row, epoch, thread and a positive batch. The same arguments give the same bits on one CPU.
NotebookResult TrainCsrLoop(const CsrData& train, const CsrData* validation,
                            const NotebookOptions& options);

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_BASELINES_CSR_LOOP_H_
