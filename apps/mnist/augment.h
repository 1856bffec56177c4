#ifndef ADJOINT_APPS_MNIST_AUGMENT_H_
#define ADJOINT_APPS_MNIST_AUGMENT_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "core/philox.h"
#include "core/tensor.h"
#include "datasets/dataset.h"

namespace adjoint::apps::mnist {

// A digit as another hand might have written it: turned by up to 10 degrees and scaled by up to 10
// % about the middle of the image, then moved by up to 2 pixels along each axis, all drawn evenly
// from `random`; interpolated bilinearly, ground beyond the border. `image` has kPixels bytes, `to`
// as many numbers from 0 to 1.
void VaryDigit(absl::Span<const uint8_t> image, RandomStream random, absl::Span<float> to);

// The same in a few words, for people.
std::string VariationText();

// Batches f32[n, 28, 28, 1] of images u8[n, 28, 28], each varied anew every epoch and in a new
// order, with their labels. Made ahead on a thread; what they hold depends on seed and epoch alone.
datasets::Dataset VariedBatches(const Tensor& images, const Tensor& labels, int64_t batch_size,
                                uint64_t seed);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_AUGMENT_H_
