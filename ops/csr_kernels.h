#ifndef ADJOINT_OPS_CSR_KERNELS_H_
#define ADJOINT_OPS_CSR_KERNELS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "ops/kernel.h"

namespace adjoint::ops {

// The operands of a CSR kernel that say where entries are.
struct CsrPattern {
  const int64_t* ranges;   // [rows][2]
  const int32_t* columns;  // [capacity]
  int64_t rows;
  int64_t cols;
  int64_t capacity;
};

// The first thing wrong with the pattern, such as "csr_matmul: row 3: entry 17 has column 10000,
// but the matrix has 10000 columns"; OK when nothing is.
absl::Status CheckCsrPattern(const std::string& op, const CsrPattern& x);

// x dense in f32: inputs ranges, columns, values, dense [cols, n]; with `ones` there are no values,
// each counts as 1. Rows are shared out among threads; each sums its entries in a fixed order.
std::unique_ptr<Kernel> MakeCsrMatMul(int64_t rows, int64_t cols, int64_t capacity, int64_t n,
                                      bool ones);

// x^T dense in f32, dense [rows, n]; `ones` as above. The rows of the result are shared out, in
// parts that depend on the columns found in a sample of x; each adds its terms in the order of x's
// rows, so the parts leave no trace in the bits.
std::unique_ptr<Kernel> MakeCsrTransposedMatMul(int64_t rows, int64_t cols, int64_t capacity,
                                                int64_t n, bool ones);

// The entries of lhs rhs^T at the places of x in f32: inputs ranges, columns, lhs [rows, n], rhs
// [cols, n]. Products are summed in lanes whose number is the same on every CPU. On one thread, for
// rows may share entries.
std::unique_ptr<Kernel> MakeCsrSampledMatMul(int64_t rows, int64_t cols, int64_t capacity,
                                             int64_t n);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_CSR_KERNELS_H_
