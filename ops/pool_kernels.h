#ifndef ADJOINT_OPS_POOL_KERNELS_H_
#define ADJOINT_OPS_POOL_KERNELS_H_

#include <memory>

#include "core/dtype.h"
#include "ops/kernel.h"
#include "ops/pool.h"
#include "ops/window.h"

// The kernels of the ops of pool.h.

namespace adjoint::ops {

// Windows on x that make y.
struct PoolGeometry {
  MapGeometry x, y;
  WindowGeometry window;
  bool channels_last = false;
};

// How indices count the elements of x.
struct IndexGeometry {
  MapGeometry x;
  PoolIndices kind = PoolIndices::kPlane;
  bool channels_last = false;

  // Of position p of map c of image n.
  int64_t Of(int64_t n, int64_t c, const std::array<int64_t, 3>& p) const;
  // Where, in elements, an index of map c of image n lies; requires it within 0 .. Limit()-1.
  int64_t Offset(int64_t n, int64_t c, int64_t index) const;
  int64_t Limit() const;
};

// Of T float or double: plain loops. `with_indices`: output 1 has them.
template <typename T>
std::unique_ptr<Kernel> ReferenceMaxPool(const PoolGeometry& g, bool with_indices,
                                         PoolIndices kind);
template <typename T>
std::unique_ptr<Kernel> ReferenceAveragePool(const PoolGeometry& g, PoolDivisor divisor);
template <typename T>
std::unique_ptr<Kernel> ReferenceAveragePoolGradient(const PoolGeometry& g, PoolDivisor divisor);
template <typename T>
std::unique_ptr<Kernel> ReferenceUnpool(const IndexGeometry& g, const MapGeometry& y);
template <typename T>
std::unique_ptr<Kernel> ReferenceGather(const IndexGeometry& g, const MapGeometry& y);

// f32, indices of kind kPlane, vectorised and on several threads.
std::unique_ptr<Kernel> FastMaxPool(const PoolGeometry& g, bool with_indices);
std::unique_ptr<Kernel> FastAveragePool(const PoolGeometry& g, PoolDivisor divisor);
std::unique_ptr<Kernel> FastAveragePoolGradient(const PoolGeometry& g, PoolDivisor divisor);
std::unique_ptr<Kernel> FastUnpool(const IndexGeometry& g, const MapGeometry& y);
std::unique_ptr<Kernel> FastGather(const IndexGeometry& g, const MapGeometry& y);

// Of `images` images on the calling thread, for kernels that have them in the cache: the maxima of
// x, with their indices unless `where` is null, as FastMaxPool; and the transpose, x with values at
// the indices and 0 elsewhere, as FastUnpool. Indices must be ones that the first gave for this
// geometry.
void MaxPoolImages(const PoolGeometry& g, int64_t images, const float* x, float* y, int32_t* where);
void MaxUnpoolImages(const PoolGeometry& g, int64_t images, const float* values,
                     const int32_t* where, float* x);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_POOL_KERNELS_H_
