#ifndef ADJOINT_OPS_NORMALIZATION_H_
#define ADJOINT_OPS_NORMALIZATION_H_

#include <cstdint>

#include "ops/layer_norm.h"  // IWYU pragma: export
#include "ops/var.h"

namespace adjoint::ops {

// Normalisations, of f32 and f64; compositions of other ops. The axis of features (channels) is
// `feature_axis`, negative ones counted from the end: 1 for [batch, channels, ...], -1 for [batch,
// ..., channels]. `scale` and `bias` are vectors of that axis' extent, one entry a channel, and
// absent when default-constructed.

// (x - mean) / sqrt(variance + epsilon) * scale + bias with each channel's mean and variance over
// all other axes. The variance is that of the elements themselves (their number is the divisor),
// computed in two passes. Ioffe and Szegedy, "Batch Normalization" (2015). The moments, one entry a
// channel, are for running averages; the gradient flows through them.
struct BatchNormResult {
  Var y, mean, variance;
};
BatchNormResult BatchNormTraining(Operand x, Var scale = {}, Var bias = {},
                                  int64_t feature_axis = 1, double epsilon = 1e-5);

// The same with given moments, vectors of one entry a channel: x a + b with a = scale /
// sqrt(variance
// + epsilon) and b = bias - mean a. ONNX's BatchNormalization.
Var BatchNormInference(Operand x, Operand mean, Operand variance, Var scale = {}, Var bias = {},
                       int64_t feature_axis = 1, double epsilon = 1e-5);

// Each sample's channels in `groups` equal parts of neighbours, each part normalised over its
// channels and all axes but the first and feature_axis. The number of groups divides that of
// channels. Wu and He, "Group Normalization" (2018).
Var GroupNorm(Operand x, int64_t groups, Var scale = {}, Var bias = {}, int64_t feature_axis = 1,
              double epsilon = 1e-5);

// Each channel of each sample by itself: groups of one channel. Ulyanov, Vedaldi and Lempitsky
// (2016). ONNX's InstanceNormalization.
Var InstanceNorm(Operand x, Var scale = {}, Var bias = {}, int64_t feature_axis = 1,
                 double epsilon = 1e-5);

// x / (bias + alpha / size * s)^beta, where s is the sum of squares of the `size` channels c -
// (size - 1) / 2 .. c + size / 2 around each (quotients rounded down), as far as there are such
// channels. Krizhevsky, Sutskever and Hinton (2012); ONNX's LRN. The number of channels is known.
Var LocalResponseNorm(Operand x, int64_t size, double alpha = 1e-4, double beta = 0.75,
                      double bias = 1, int64_t feature_axis = 1);

// x divided by its p-norm along `axis` (PNorm of ops/statistics.h); where the norm is 0, x itself.
// ONNX's LpNormalization for p = 1 and 2.
Var LpNormalize(Operand x, double p = 2, int64_t axis = -1);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_NORMALIZATION_H_
