#include "ops/matmul_post_ops.h"

#include <algorithm>

namespace adjoint::ops {
namespace {

// Elements that all parts are applied to before the next: they stay in the first-level cache.
constexpr int64_t kChunk = 2048;

}  // namespace

MatMulPostOps::MatMulPostOps(const MatMulConfig& config, int64_t n)
    : config_(config),
      n_(n),
      scale_(config.scale),
      bias_(config.bias && config.scale),
      residual_(config.residual) {}

void MatMulPostOps::Apply(const KernelArgs& args, int64_t at, int64_t rows, int64_t columns) const {
  // Whole rows without a bias lie one after the other.
  if (columns == n_ && !bias_) return ApplyToRow(args, at, rows * n_);
  for (int64_t row = 0; row < rows; ++row) ApplyToRow(args, at + row * n_, columns);
}

void MatMulPostOps::ApplyToRow(const KernelArgs& args, int64_t at, int64_t count) const {
  const auto combine = [](const Tile& tile, float* x, const float* y, int64_t n) {
    tile.fn(TileArgs{.in = {x, y}, .out = x, .n = n, .params = tile.params});
  };
  for (int64_t done = 0; done < count; done += kChunk) {
    const int64_t n = std::min(kChunk, count - done);
    float* const x = Out<float>(args) + at + done;
    if (scale_) combine(config_.multiply, x, In<float>(args, config_.scale_input()), n);
    if (bias_) combine(config_.add, x, In<float>(args, 2) + (at + done) % n_, n);
    if (residual_) {
      combine(config_.add, x, In<float>(args, config_.residual_input()) + at + done, n);
    }
    const Tile& activation = config_.activation;
    if (activation.fn != nullptr) {
      activation.fn(TileArgs{.in = {x}, .out = x, .n = n, .params = activation.params});
    }
  }
}

}  // namespace adjoint::ops
