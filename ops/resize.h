#ifndef ADJOINT_OPS_RESIZE_H_
#define ADJOINT_OPS_RESIZE_H_

#include <cstdint>
#include <vector>

#include "ops/var.h"

namespace adjoint::ops {

enum class Interpolation { kNearest, kLinear, kCubic };

// Where position x of the result lies in the operand; n elements become m, scale = m / n or as
// given. The names are those of ONNX' Resize.
enum class CoordinateMode {
  kHalfPixel,         // (x + 0.5) / scale - 0.5
  kPyTorchHalfPixel,  // the same, but 0 when m <= 1
  kAlignCorners,      // x (n - 1) / (m - 1); 0 when m == 1
  kAsymmetric,        // x / scale
  kTfHalfPixelForNn,  // (x + 0.5) / scale
  kTfCropAndResize,   // start (n - 1) + x (end - start) (n - 1) / (m - 1), of the region's bounds;
                      // the middle of the region when m == 1
};

// What a position between two elements is rounded to; both names say what becomes of .5 exactly.
enum class NearestMode { kRoundPreferFloor, kRoundPreferCeil, kFloor, kCeil };

struct ResizeOptions {
  Interpolation interpolation = Interpolation::kNearest;
  CoordinateMode coordinates = CoordinateMode::kHalfPixel;
  NearestMode nearest = NearestMode::kRoundPreferFloor;
  // Keys, "Cubic convolution interpolation", 1981, with this a.
  double cubic_a = -0.75;
  // Elements outside get weight 0, and the others add up to 1. Otherwise they are the outermost
  // element, repeated.
  bool exclude_outside = false;
  // For kTfCropAndResize: the region's bounds along each axis of x, as parts of it, and what
  // positions outside the operand become.
  std::vector<double> region_begin = {}, region_end = {};
  double extrapolation = 0;
};

// x resized to `sizes`, one for each axis, -1 for those that stay (which may be symbols). Without
// `scales` they are the quotients of the extents; with them, one an axis, kAlignCorners has
// scale n for m, as ONNX' reference has it. Interpolates axis by axis. f32 and f64; linear, with
// the transposed map as gradient. Errors: an axis of extent 0 that is to become longer.
Var Resize(Operand x, const std::vector<int64_t>& sizes, const ResizeOptions& options = {},
           const std::vector<double>& scales = {});

// Resize to floor(extent scale) along each axis; 1 keeps an axis.
Var ResizeBy(Operand x, const std::vector<double>& scales, const ResizeOptions& options = {});

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_RESIZE_H_
