// Products and dense layers by Eigen, compiled for this machine's processor and with OpenMP.
// Debian: apt-get install libeigen3-dev. Run with OMP_NUM_THREADS set to the number of threads.

#include "benchmarks/rivals/gemm_rival.h"
#include "eigen3/Eigen/Core"

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using In = Eigen::Map<const Matrix>;

void EigenGemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
               const float* b, float* c) {
  const In lhs(a, transpose_a ? k : m, transpose_a ? m : k);
  const In rhs(b, transpose_b ? n : k, transpose_b ? k : n);
  Eigen::Map<Matrix> out(c, m, n);
  if (transpose_a && transpose_b) {
    out.noalias() = lhs.transpose() * rhs.transpose();
  } else if (transpose_a) {
    out.noalias() = lhs.transpose() * rhs;
  } else if (transpose_b) {
    out.noalias() = lhs * rhs.transpose();
  } else {
    out.noalias() = lhs * rhs;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return adjoint::benchmarks::RunGemmRival(argc, argv, "eigen", EigenGemm);
}
