#ifndef ADJOINT_BENCHMARKS_RAW_PRODUCTS_H_
#define ADJOINT_BENCHMARKS_RAW_PRODUCTS_H_

#include <cstdint>
#include <unordered_map>

#include "oneapi/dnnl/dnnl.hpp"

namespace adjoint::benchmarks {

// What a careful user of oneDNN writes for a dense layer: primitives created once, memory objects
// wrapped once, oneDNN's own OpenMP threads. f32, row-major, operands at fixed addresses. The
// pointers must outlive the object. Errors throw dnnl::error, as oneDNN's own examples let them.

// out[m, n] = relu?(op(a) op(b) + bias?).
class RawMatMul {
 public:
  struct Options {
    bool transpose_a = false;
    bool transpose_b = false;
    const float* bias = nullptr;  // [n]
    bool relu = false;
  };
  RawMatMul(int64_t m, int64_t k, int64_t n, const float* a, const float* b, float* out,
            const Options& options);
  void Run();

 private:
  dnnl::matmul primitive_;
  std::unordered_map<int, dnnl::memory> args_;
};

// The gradient of y = relu(x), read off y: dx = y > 0 ? dy : 0.
class RawReluGradient {
 public:
  RawReluGradient(int64_t elements, const float* y, const float* dy, float* dx);
  void Run();

 private:
  dnnl::eltwise_backward primitive_;
  std::unordered_map<int, dnnl::memory> args_;
};

// dw[in, out] = x[batch, in]^T dy[batch, out] and db = the sum of dy's rows: inner product's own
// gradient, whose bias is fast where a reduction is not.
class RawWeightGradient {
 public:
  RawWeightGradient(int64_t batch, int64_t in, int64_t out, const float* x, const float* dy,
                    float* dw, float* db);
  void Run();

 private:
  dnnl::inner_product_backward_weights primitive_;
  std::unordered_map<int, dnnl::memory> args_;
};

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_RAW_PRODUCTS_H_
