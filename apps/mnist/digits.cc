#include "apps/mnist/digits.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/io/file.h"
#include "core/io/progress.h"
#include "core/status_macros.h"
#include "datasets/mnist.h"

namespace adjoint::apps::mnist {
namespace {

absl::Status Check(const std::string& source, const char* part, const Digits& digits,
                   int64_t least) {
  const Shape& shape = digits.images.shape();
  if (shape[1] != kSide || shape[2] != kSide) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": the ", part, " images are ", shape[1],
                                                   "x", shape[2], "; wanted are 28x28"));
  }
  if (digits.size() < least) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", digits.size(), " ", part,
                                                   " images are too few; at least ", least,
                                                   " are needed"));
  }
  for (int64_t i = 0; i < digits.size(); ++i) {
    if (digits.label(i) < kClasses) continue;
    return absl::InvalidArgumentError(absl::StrCat(source, ": label ", i, " of the ", part,
                                                   " images is ", digits.label(i),
                                                   "; labels are 0 to 9"));
  }
  return absl::OkStatus();
}

// A greyscale picture, light on dark or dark on light.
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;
};

// Reads PGM's header and its numbers: white space and comments between them.
class PgmReader {
 public:
  explicit PgmReader(absl::string_view bytes) : bytes_(bytes) {}

  // False where there is no number up to `most`.
  bool Number(int most, int* to) {
    while (at_ < bytes_.size() && (absl::ascii_isspace(bytes_[at_]) || bytes_[at_] == '#')) {
      if (bytes_[at_] != '#') {
        ++at_;
        continue;
      }
      while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
    }
    const size_t begin = at_;
    *to = 0;
    for (; at_ < bytes_.size() && absl::ascii_isdigit(bytes_[at_]); ++at_) {
      *to = *to * 10 + (bytes_[at_] - '0');
      if (*to > most) return false;
    }
    return at_ > begin;
  }
  absl::string_view Rest() const { return bytes_.substr(at_); }

 private:
  const absl::string_view bytes_;
  size_t at_ = 2;  // after "P5"
};

absl::StatusOr<Picture> ReadPgm(const std::string& path) {
  constexpr int kMaxSide = 10000;
  ADJOINT_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path, int64_t{1} << 29));
  const auto error = [&](const char* what) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is no digit: ", what));
  };
  const bool raw = bytes.substr(0, 2) == "P5";
  if (!raw && bytes.substr(0, 2) != "P2") {
    return error("it is not a PGM picture (P5 or P2); 'convert digit.png digit.pgm' makes one");
  }
  PgmReader reader(bytes);
  Picture picture;
  int most = 0;
  if (!reader.Number(kMaxSide, &picture.width) || !reader.Number(kMaxSide, &picture.height) ||
      !reader.Number(255, &most) || picture.width < 1 || picture.height < 1 || most < 1) {
    return error(
        "its header is wanted to name a width and a height of up to 10000 and a greatest "
        "value of up to 255");
  }
  const size_t size = static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
  if (raw) {
    // One white space ends the header.
    if (reader.Rest().size() < size + 1) return error("it ends too early");
    const absl::string_view pixels = reader.Rest().substr(1, size);
    picture.pixels.assign(pixels.begin(), pixels.end());
  } else {
    for (size_t i = 0; i < size; ++i) {
      int value;
      if (!reader.Number(most, &value)) return error("it ends too early or has a wrong number");
      picture.pixels.push_back(static_cast<uint8_t>(value));
    }
  }
  for (uint8_t& p : picture.pixels) p = static_cast<uint8_t>(255 * std::min<int>(p, most) / most);
  return picture;
}

// Ink on the ground: most of a picture's border is ground.
void MakeLightOnDark(Picture& p) {
  int64_t sum = 0, count = 0;
  for (int y = 0; y < p.height; ++y) {
    for (int x = 0; x < p.width; ++x) {
      if (x > 0 && y > 0 && x + 1 < p.width && y + 1 < p.height) continue;
      sum += p.pixels[static_cast<size_t>(y) * p.width + x];
      ++count;
    }
  }
  const auto [low, high] = std::minmax_element(p.pixels.begin(), p.pixels.end());
  if (2 * sum <= (*low + *high) * count) return;
  for (uint8_t& pixel : p.pixels) pixel = static_cast<uint8_t>(255 - pixel);
}

// The ink over the rectangle of a picture that a pixel of the scaled one covers, on average.
double Average(const Picture& p, double x0, double x1, double y0, double y1) {
  double sum = 0;
  for (int y = static_cast<int>(y0); y < std::min<double>(p.height, std::ceil(y1)); ++y) {
    const double dy = std::min<double>(y + 1, y1) - std::max<double>(y, y0);
    for (int x = static_cast<int>(x0); x < std::min<double>(p.width, std::ceil(x1)); ++x) {
      const double dx = std::min<double>(x + 1, x1) - std::max<double>(x, x0);
      sum += dx * dy * p.pixels[static_cast<size_t>(y) * p.width + x];
    }
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

}  // namespace

absl::StatusOr<DigitData> LoadDigits(const std::string& path) {
  absl::StatusOr<datasets::mnist::MnistData> loaded = absl::UnknownError("");
  {
    io::ProgressMeter meter({.out = &std::cerr, .in_place = io::StandardErrorIsTerminal()});
    datasets::mnist::LoadOptions options{.path = path};
    options.progress = [&](absl::string_view url, int64_t received, int64_t total) {
      meter.Update(absl::StrCat("Downloading ", url), received, total);
    };
    loaded = datasets::mnist::LoadData(options);
  }
  if (absl::IsNotFound(loaded.status())) {
    return absl::NotFoundError(
        absl::StrCat(loaded.status().message(), "; name the data by --data"));
  }
  ADJOINT_RETURN_IF_ERROR(loaded.status());
  DigitData data{
      {loaded->x_train, loaded->y_train}, {loaded->x_test, loaded->y_test}, loaded->source};
  ADJOINT_RETURN_IF_ERROR(Check(data.source, "training", data.train, 2));
  ADJOINT_RETURN_IF_ERROR(Check(data.source, "test", data.test, 1));
  return data;
}

absl::StatusOr<Tensor> PixelsOf(const Tensor& images) {
  ADJOINT_ASSIGN_OR_RETURN(
      Tensor pixels, Tensor::Allocate({DType::kF32, Shape{images.shape()[0], kSide, kSide, 1}}));
  const absl::Span<const uint8_t> from = images.data<uint8_t>();
  const absl::Span<float> to = pixels.mutable_data<float>();
  for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(from[i]) / 255;
  return pixels;
}

absl::StatusOr<std::array<uint8_t, kPixels>> ReadDigit(const std::string& path) {
  constexpr int kBox = 20;
  constexpr int kInk = 64;  // the least that counts as ink where the digit's bounds are sought
  ADJOINT_ASSIGN_OR_RETURN(Picture p, ReadPgm(path));
  MakeLightOnDark(p);
  const auto [low, high] = std::minmax_element(p.pixels.begin(), p.pixels.end());
  const int darkest = *low, range = *high - *low;
  if (range < 16) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is no digit: it is all of one shade"));
  }
  int left = p.width, right = 0, top = p.height, bottom = 0;
  for (int y = 0; y < p.height; ++y) {
    for (int x = 0; x < p.width; ++x) {
      uint8_t& pixel = p.pixels[static_cast<size_t>(y) * p.width + x];
      pixel = static_cast<uint8_t>((pixel - darkest) * 255 / range);
      if (pixel < kInk) continue;
      left = std::min(left, x), right = std::max(right, x + 1);
      top = std::min(top, y), bottom = std::max(bottom, y + 1);
    }
  }
  const double scale = 1.0 * std::max(right - left, bottom - top) / kBox;  // of p, a pixel of ours
  const int width = std::clamp(static_cast<int>(std::lround((right - left) / scale)), 1, kBox);
  const int height = std::clamp(static_cast<int>(std::lround((bottom - top) / scale)), 1, kBox);
  const double step_x = 1.0 * (right - left) / width, step_y = 1.0 * (bottom - top) / height;
  std::vector<double> box(static_cast<size_t>(width) * height);
  double mass = 0, centre_x = 0, centre_y = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double ink = Average(p, left + x * step_x, left + (x + 1) * step_x, top + y * step_y,
                                 top + (y + 1) * step_y);
      box[static_cast<size_t>(y) * width + x] = ink;
      mass += ink, centre_x += ink * (x + 0.5), centre_y += ink * (y + 0.5);
    }
  }
  const int at_x =
      std::clamp(static_cast<int>(std::lround(kSide / 2.0 - centre_x / mass)), 0, kSide - width);
  const int at_y =
      std::clamp(static_cast<int>(std::lround(kSide / 2.0 - centre_y / mass)), 0, kSide - height);
  std::array<uint8_t, kPixels> digit = {};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      digit[static_cast<size_t>((at_y + y) * kSide + at_x + x)] =
          static_cast<uint8_t>(std::lround(box[static_cast<size_t>(y) * width + x]));
    }
  }
  return digit;
}

std::string DrawDigit(absl::Span<const uint8_t> image) {
  constexpr char kShades[] = " .:-=+*#%@";
  std::string text;
  for (int y = 0; y < kSide; ++y) {
    std::string row;
    // Two letters a pixel are about square.
    for (int x = 0; x < kSide; ++x) {
      row.append(2, kShades[image[static_cast<size_t>(y * kSide + x)] * 9 / 255]);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, row, "\n");
  }
  return text;
}

}  // namespace adjoint::apps::mnist
