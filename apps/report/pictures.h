#ifndef ADJOINT_APPS_REPORT_PICTURES_H_
#define ADJOINT_APPS_REPORT_PICTURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace adjoint::apps::report {

// An image of `channels` bytes a pixel, 1 (grey) or 3 (red, green, blue), row by row from the top.
struct Picture {
  int width = 0, height = 0, channels = 1;
  std::vector<uint8_t> pixels = {};  // width * height * channels
  std::string caption = {};          // plain text: "7, taken for 1"
  std::string note = {};             // plain text: "99.8 %"
};

// The bytes of a PNG file (ISO/IEC 15948). Requires as many pixels as the sizes say.
std::string EncodePng(const Picture& picture);

// The pictures in rows, each with its caption; they are shown `scale` times as large.
std::string PictureGrid(absl::Span<const Picture> pictures, int scale = 3);

}  // namespace adjoint::apps::report

#endif  // ADJOINT_APPS_REPORT_PICTURES_H_
