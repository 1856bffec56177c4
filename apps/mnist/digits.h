#ifndef ADJOINT_APPS_MNIST_DIGITS_H_
#define ADJOINT_APPS_MNIST_DIGITS_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace adjoint::apps::mnist {

inline constexpr int kSide = 28;
inline constexpr int kPixels = kSide * kSide;
inline constexpr int kClasses = 10;

// Images as bytes, 0 the ground and 255 ink, with their labels.
struct Digits {
  Tensor images;  // u8[n, 28, 28]
  Tensor labels;  // u8[n]

  int64_t size() const { return labels.size(); }
  absl::Span<const uint8_t> image(int64_t i) const {
    return images.data<uint8_t>().subspan(static_cast<size_t>(i) * kPixels, kPixels);
  }
  int label(int64_t i) const { return labels.data<uint8_t>()[static_cast<size_t>(i)]; }
};

struct DigitData {
  Digits train, test;
  std::string source;
};

// The data at `path`, or where datasets/mnist.h finds them when it is empty; downloads are shown on
// standard error. Errors besides that header's: images of another size than 28x28, a label above 9,
// fewer than two training images, no test image.
absl::StatusOr<DigitData> LoadDigits(const std::string& path);

// f32[n, 28, 28, 1], from 0 to 1: what the networks take.
absl::StatusOr<Tensor> PixelsOf(const Tensor& images);

// A digit from a PGM picture (plain or raw, 8 bits): turned light on dark, cut to its ink, scaled
// into 20x20 with its proportions kept and put with its centre of mass into the middle of 28x28,
// as the makers of MNIST did. Errors: those of reading, another format, a picture of one shade.
absl::StatusOr<std::array<uint8_t, kPixels>> ReadDigit(const std::string& path);

// Lines of text that show an image.
std::string DrawDigit(absl::Span<const uint8_t> image);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_DIGITS_H_
