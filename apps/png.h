#ifndef ADJOINT_APPS_PNG_H_
#define ADJOINT_APPS_PNG_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace adjoint::apps {

// A greyscale picture of 8 bits a pixel, 0 black and 255 white, as a PNG file (ISO/IEC 15948).
// `pixels` are `height` rows of `width`. Requires width and height of at least 1 and as many
// pixels.
std::string EncodePng(absl::Span<const uint8_t> pixels, int width, int height);

}  // namespace adjoint::apps

#endif  // ADJOINT_APPS_PNG_H_
