#ifndef ADJOINT_BENCHMARKS_RIVALS_GEMM_RIVAL_H_
#define ADJOINT_BENCHMARKS_RIVALS_GEMM_RIVAL_H_

#include <cstdint>

namespace adjoint::benchmarks {

// c[m, n] = op(a) op(b): dense row-major f32, c overwritten. op(a) is a[m, k], or the transpose of
// a[k, m]; op(b) likewise. On as many threads as the rival takes by itself (OMP_NUM_THREADS).
using Gemm = void (*)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                      const float* a, const float* b, float* c);

// The main function of a rival: the products and dense layers of benchmarks/shapes.h with `gemm`
// and plain loops for bias and relu, as Google Benchmarks "<shape's name>/<rival>".
int RunGemmRival(int argc, char** argv, const char* rival, Gemm gemm);

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_RIVALS_GEMM_RIVAL_H_
