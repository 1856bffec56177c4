#include "apps/png.h"

#include <zlib.h>

#include "absl/strings/string_view.h"

namespace adjoint::apps {
namespace {

void AppendBigEndian(uint32_t value, std::string* to) {
  for (int shift = 24; shift >= 0; shift -= 8) to->push_back(static_cast<char>(value >> shift));
}

void AppendChunk(absl::string_view type, absl::string_view data, std::string* png) {
  AppendBigEndian(static_cast<uint32_t>(data.size()), png);
  const size_t begin = png->size();
  png->append(type.data(), type.size());
  png->append(data.data(), data.size());
  const auto* const bytes = reinterpret_cast<const Bytef*>(png->data() + begin);
  AppendBigEndian(static_cast<uint32_t>(crc32(0, bytes, static_cast<uInt>(png->size() - begin))),
                  png);
}

}  // namespace

std::string EncodePng(absl::Span<const uint8_t> pixels, int width, int height) {
  // Each row after the number of its filter, 0 for none.
  std::string rows;
  rows.reserve(static_cast<size_t>(height) * (static_cast<size_t>(width) + 1));
  for (int y = 0; y < height; ++y) {
    rows.push_back('\0');
    rows.append(reinterpret_cast<const char*>(pixels.data()) + static_cast<size_t>(y) * width,
                static_cast<size_t>(width));
  }
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(size, '\0');
  // The buffer is large enough, so nothing but memory can fail, and zlib asks for little.
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
            reinterpret_cast<const Bytef*>(rows.data()), static_cast<uLong>(rows.size()),
            Z_BEST_COMPRESSION);
  packed.resize(size);

  std::string png = "\x89PNG\r\n\x1a\n";
  std::string header;
  AppendBigEndian(static_cast<uint32_t>(width), &header);
  AppendBigEndian(static_cast<uint32_t>(height), &header);
  header += '\x08';        // bits a sample
  header.append(4, '\0');  // greyscale; the only compression, filters and no interlacing
  AppendChunk("IHDR", header, &png);
  AppendChunk("IDAT", packed, &png);
  AppendChunk("IEND", "", &png);
  return png;
}

}  // namespace adjoint::apps
