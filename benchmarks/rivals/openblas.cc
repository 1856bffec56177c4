// Products and dense layers by OpenBLAS. Debian: apt-get install libopenblas-dev.
// Run with OMP_NUM_THREADS and OPENBLAS_NUM_THREADS set to the number of threads.

#include "benchmarks/rivals/gemm_rival.h"
#include "cblas.h"

namespace {

void OpenBlasGemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                  const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
              transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a, transpose_a ? m : k, b,
              transpose_b ? k : n, 0.0f, c, n);
}

}  // namespace

int main(int argc, char** argv) {
  return adjoint::benchmarks::RunGemmRival(argc, argv, "openblas", OpenBlasGemm);
}
