#ifndef ADJOINT_TESTS_NN_TOY_DATA_H_
#define ADJOINT_TESTS_NN_TOY_DATA_H_

#include <cstdint>
#include <vector>

#include "core/csr_matrix.h"
#include "core/philox.h"
#include "core/tensor.h"

namespace adjoint::nn {

// Samples that a small network learns in a few epochs: a sample is positive when the features of
// even number that are on outnumber the odd ones. A third of the features are on.
struct ToyData {
  Tensor x;       // f32[rows, features] of zeros and ones
  Tensor y;       // f32[rows]
  CsrMatrix csr;  // as x

  ToyData(int64_t rows, int64_t features, uint64_t seed = 1)
      : x(Tensor::Zeros({DType::kF32, Shape{rows, features}})),
        y(Tensor::Zeros({DType::kF32, Shape{rows}})) {
    PhiloxEngine engine(RandomStream{.seed = seed});
    for (int64_t r = 0; r < rows; ++r) {
      int balance = 0;
      for (int64_t c = 0; c < features; ++c) {
        if (engine.Below(3) != 0) continue;
        x.mutable_data<float>()[r * features + c] = 1;
        balance += c % 2 == 0 ? 1 : -1;
      }
      y.mutable_data<float>()[r] = balance > 0;
    }
    csr = *CsrMatrix::FromDense(x);
  }
};

inline std::vector<float> Values(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

}  // namespace adjoint::nn

#endif  // ADJOINT_TESTS_NN_TOY_DATA_H_
