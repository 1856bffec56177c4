#include "apps/mnist/augment.h"

#include <cmath>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "apps/mnist/digits.h"
#include "core/status_macros.h"

namespace adjoint::apps::mnist {
namespace {

constexpr float kMostDegrees = 10;
constexpr float kMostTurn = kMostDegrees * 3.14159265f / 180;
constexpr float kMostScale = 0.1f;
constexpr float kMostShift = 2;

// The image between its pixels; 0 outside of it.
float Interpolated(absl::Span<const uint8_t> image, float x, float y) {
  const float left = std::floor(x), top = std::floor(y);
  const int x0 = static_cast<int>(left), y0 = static_cast<int>(top);
  if (x0 < -1 || y0 < -1 || x0 >= kSide || y0 >= kSide) return 0;
  const auto at = [&](int px, int py) -> float {
    if (px < 0 || py < 0 || px >= kSide || py >= kSide) return 0;
    return image[static_cast<size_t>(py * kSide + px)];
  };
  const float dx = x - left, dy = y - top;
  const float upper = at(x0, y0) + dx * (at(x0 + 1, y0) - at(x0, y0));
  const float lower = at(x0, y0 + 1) + dx * (at(x0 + 1, y0 + 1) - at(x0, y0 + 1));
  return upper + dy * (lower - upper);
}

}  // namespace

void VaryDigit(absl::Span<const uint8_t> image, RandomStream random, absl::Span<float> to) {
  PhiloxEngine engine(random);
  const auto draw = [&](float most) { return most * (2 * UniformFloat(engine()) - 1); };
  const float turn = draw(kMostTurn), scale = 1 + draw(kMostScale);
  const float shift_x = draw(kMostShift), shift_y = draw(kMostShift);
  // From a pixel of the result back to where it comes from.
  const float cos = std::cos(turn) / scale, sin = std::sin(turn) / scale;
  constexpr float kMiddle = (kSide - 1) / 2.0f;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const float rx = static_cast<float>(x) - kMiddle - shift_x;
      const float ry = static_cast<float>(y) - kMiddle - shift_y;
      to[static_cast<size_t>(y * kSide + x)] =
          Interpolated(image, kMiddle + cos * rx + sin * ry, kMiddle - sin * rx + cos * ry) / 255;
    }
  }
}

std::string VariationText() {
  return absl::StrFormat(
      "turned by up to %.0f°, scaled by up to %.0f %%, moved by up to %.0f pixels", kMostDegrees,
      100 * kMostScale, kMostShift);
}

datasets::Dataset VariedBatches(const Tensor& images, const Tensor& labels, int64_t batch_size,
                                uint64_t seed) {
  const auto vary = [](datasets::Element element,
                       RandomStream random) -> absl::StatusOr<datasets::Element> {
    ADJOINT_ASSIGN_OR_RETURN(Tensor varied,
                             Tensor::Allocate({DType::kF32, Shape{kSide, kSide, 1}}));
    VaryDigit(std::get<Tensor>(element.x[0]).data<uint8_t>(), random, varied.mutable_data<float>());
    element.x[0] = std::move(varied);
    return element;
  };
  return datasets::Dataset::FromTensors({images}, {labels})
      .Shuffle({.seed = seed})
      .Map(vary, {.seed = seed})
      .Batch(batch_size)
      .Prefetch();
}

}  // namespace adjoint::apps::mnist
