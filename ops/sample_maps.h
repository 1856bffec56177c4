#ifndef ADJOINT_OPS_SAMPLE_MAPS_H_
#define ADJOINT_OPS_SAMPLE_MAPS_H_

#include <cstdint>

#include "ops/resize.h"
#include "ops/var.h"

namespace adjoint::ops {

// What lies outside of maps.
enum class SamplePadding {
  kZeros,
  kBorder,      // the nearest element
  kReflection,  // mirrored, at the outermost elements (align_corners) or half an element outside
};

struct GridSampleOptions {
  Interpolation interpolation = Interpolation::kLinear;
  SamplePadding padding = SamplePadding::kZeros;
  // Whether -1 and 1 are the middles of the outermost elements, rather than their outer edges.
  bool align_corners = false;
};

// Maps x [batch, channels, height, width] at the points of `grid` [batch, out..., 2], whose last
// axis holds (x, y) from -1 to 1: [batch, channels, out...]. With kNearest a half is rounded to
// even, as in PyTorch; cubic interpolation has a = -0.75. Built of gathers and arithmetic, so
// differentiable in maps and grid to any order; at points between two cells the gradient of the
// grid is that of the cell after them, and it is zero with kNearest. f32 and f64. Height and width
// must be numbers above 0.
Var GridSample(Operand x, Operand grid, const GridSampleOptions& options = {});

struct RoiAlignOptions {
  int64_t output_height = 1, output_width = 1;
  // Points a bin, along each axis: their values are averaged, or the greatest taken.
  int64_t sampling_ratio = 2;
  double spatial_scale = 1;  // from the regions' coordinates to those of x
  bool half_pixel = true;    // coordinates less a half (ONNX' half_pixel, PyTorch's aligned)
  bool max = false;
};

// Regions of interest, He et al., "Mask R-CNN", 2017: of maps x [batch, channels, height, width],
// the regions `rois` [n, 4], (x1, y1, x2, y2), of the images `batch_indices` [n]: [n, channels,
// output_height, output_width]. Bilinear at sampling_ratio^2 points a bin, 0 more than one element
// outside. A batch index outside is an error when the program runs.
Var RoiAlign(Operand x, Operand rois, Operand batch_indices, const RoiAlignOptions& options = {});

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_SAMPLE_MAPS_H_
