#include "apps/report/pictures.h"

#include <zlib.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "apps/report/html.h"
#include "core/check.h"

namespace adjoint::apps::report {
namespace {

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

// Length, type, data and checksum of type and data.
std::string Chunk(absl::string_view type, absl::string_view data) {
  const std::string body = absl::StrCat(type, data);
  const uLong checksum =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return absl::StrCat(BigEndian(static_cast<uint32_t>(data.size())), body,
                      BigEndian(static_cast<uint32_t>(checksum)));
}

std::string Deflated(const std::string& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::string compressed(size, '\0');
  const int code = compress2(reinterpret_cast<Bytef*>(compressed.data()), &size,
                             reinterpret_cast<const Bytef*>(bytes.data()),
                             static_cast<uLong>(bytes.size()), Z_BEST_COMPRESSION);
  ADJOINT_CHECK(code == Z_OK, "zlib refuses a buffer of the size that it asked for");
  compressed.resize(size);
  return compressed;
}

}  // namespace

std::string EncodePng(const Picture& picture) {
  const size_t row = static_cast<size_t>(picture.width) * static_cast<size_t>(picture.channels);
  ADJOINT_CHECK(picture.width > 0 && picture.height > 0 &&
                    (picture.channels == 1 || picture.channels == 3) &&
                    picture.pixels.size() == row * static_cast<size_t>(picture.height),
                "a picture's pixels do not go with its sizes");
  constexpr char kGrey = 0, kColour = 2;
  std::string header = absl::StrCat(BigEndian(static_cast<uint32_t>(picture.width)),
                                    BigEndian(static_cast<uint32_t>(picture.height)));
  header.push_back(8);  // bits a sample
  header.push_back(picture.channels == 1 ? kGrey : kColour);
  header.append(3, '\0');  // deflate, filters by row, no interlacing
  std::string rows;
  for (size_t y = 0; y < static_cast<size_t>(picture.height); ++y) {
    rows.push_back('\0');  // no filter
    rows.append(reinterpret_cast<const char*>(picture.pixels.data()) + y * row, row);
  }
  return absl::StrCat("\x89PNG\r\n\x1a\n", Chunk("IHDR", header), Chunk("IDAT", Deflated(rows)),
                      Chunk("IEND", ""));
}

std::string PictureGrid(absl::Span<const Picture> pictures, int scale) {
  std::string html = "<div class=\"pictures\">\n";
  for (const Picture& picture : pictures) {
    absl::StrAppend(&html, "<figure><img alt=\"", Escape(picture.caption), "\" width=\"",
                    picture.width * scale, "\" height=\"", picture.height * scale,
                    "\" src=\"data:image/png;base64,", absl::Base64Escape(EncodePng(picture)),
                    "\"><figcaption>", Escape(picture.caption));
    if (!picture.note.empty()) absl::StrAppend(&html, "<small>", Escape(picture.note), "</small>");
    absl::StrAppend(&html, "</figcaption></figure>\n");
  }
  return absl::StrCat(html, "</div>");
}

}  // namespace adjoint::apps::report
