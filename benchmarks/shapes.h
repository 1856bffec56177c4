#ifndef ADJOINT_BENCHMARKS_SHAPES_H_
#define ADJOINT_BENCHMARKS_SHAPES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace adjoint::benchmarks {

// The shapes that every contestant measures, ours and the rivals in processes of their own, under
// the names that join the results.

// op(a) op(b), f32: [m, k] x [k, n].
struct Product {
  int64_t m, k, n;
  bool transpose_a = false;
  bool transpose_b = false;

  // "matmul/512x512^Tx512"
  std::string Name() const {
    return "matmul/" + std::to_string(m) + "x" + std::to_string(k) + (transpose_a ? "^T" : "") +
           "x" + std::to_string(n) + (transpose_b ? "^T" : "");
  }
  double Flops() const { return 2.0 * m * k * n; }
};

inline std::vector<Product> Products() {
  std::vector<Product> products;
  for (int64_t n : {64, 128, 256, 512, 1024, 2048}) products.push_back({n, n, n});
  products.push_back({512, 512, 512, false, true});
  products.push_back({512, 512, 512, true, false});
  products.push_back({512, 10000, 16});
  products.push_back({10000, 512, 16, true, false});
  products.push_back({512, 16, 16});
  products.push_back({1, 1024, 1024});
  return products;
}

// relu(x W + b), f32: forward alone, or with the gradients of x, W and b for a given cotangent.
struct DenseLayer {
  int64_t batch, in, out;
  bool backward;

  // "dense/128x784x512/forward"
  std::string Name() const {
    return "dense/" + std::to_string(batch) + "x" + std::to_string(in) + "x" + std::to_string(out) +
           (backward ? "/forward_backward" : "/forward");
  }
  double Flops() const { return (backward ? 6.0 : 2.0) * batch * in * out; }
};

inline std::vector<DenseLayer> DenseLayers() {
  std::vector<DenseLayer> layers;
  for (const bool backward : {false, true}) {
    layers.push_back({512, 10000, 16, backward});
    layers.push_back({512, 16, 16, backward});
    layers.push_back({128, 784, 512, backward});
    layers.push_back({128, 512, 512, backward});
    layers.push_back({32, 1024, 1024, backward});
    layers.push_back({1, 1024, 1024, backward});
  }
  return layers;
}

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_SHAPES_H_
