// Digits varied at random, which the convolutional network is trained on.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <variant>
#include <vector>

#include "apps/mnist/augment.h"
#include "apps/mnist/digits.h"
#include "core/tensor.h"

namespace adjoint::apps::mnist {
namespace {

// A bar of 4x12 pixels about the middle.
std::vector<uint8_t> Bar() {
  std::vector<uint8_t> image(kPixels, 0);
  for (int y = 8; y < 20; ++y) {
    for (int x = 12; x < 16; ++x) image[static_cast<size_t>(y * kSide + x)] = 255;
  }
  return image;
}

TEST(VaryDigitTest, TurnsScalesAndMovesWithinItsBounds) {
  const std::vector<uint8_t> bar = Bar();
  double least_x = kSide, most_x = 0, least_turn = 1, most_turn = -1;
  double least_ink = kPixels, most_ink = 0;
  for (uint64_t stream = 0; stream < 500; ++stream) {
    std::vector<float> varied(kPixels, -1);
    VaryDigit(bar, {.seed = 7, .stream = stream}, absl::MakeSpan(varied));
    double ink = 0, mx = 0, my = 0;
    for (int i = 0; i < kPixels; ++i) {
      ASSERT_GE(varied[static_cast<size_t>(i)], 0);
      ASSERT_LE(varied[static_cast<size_t>(i)], 1);
      ink += varied[static_cast<size_t>(i)];
      mx += varied[static_cast<size_t>(i)] * (i % kSide);
      my += varied[static_cast<size_t>(i)] * (i / kSide);
    }
    mx /= ink, my /= ink;
    // The angle of the bar's axis to the vertical, of its moments.
    double xx = 0, xy = 0, yy = 0;
    for (int i = 0; i < kPixels; ++i) {
      const double dx = i % kSide - mx, dy = i / kSide - my, w = varied[static_cast<size_t>(i)];
      xx += w * dx * dx, xy += w * dx * dy, yy += w * dy * dy;
    }
    const double turn = 0.5 * std::atan2(2 * xy, yy - xx);
    least_x = std::min(least_x, mx), most_x = std::max(most_x, mx);
    least_turn = std::min(least_turn, turn), most_turn = std::max(most_turn, turn);
    least_ink = std::min(least_ink, ink), most_ink = std::max(most_ink, ink);
    EXPECT_NEAR(my, 13.5, 2.05);
  }
  // Nearly as far as they may go, and not farther.
  EXPECT_NEAR(least_x, 11.5, 0.1);
  EXPECT_NEAR(most_x, 15.5, 0.1);
  constexpr double kDegree = 3.14159265 / 180;
  EXPECT_NEAR(least_turn, -10 * kDegree, 0.5 * kDegree);
  EXPECT_NEAR(most_turn, 10 * kDegree, 0.5 * kDegree);
  EXPECT_NEAR(least_ink, 48 * 0.9 * 0.9, 1.5);
  EXPECT_NEAR(most_ink, 48 * 1.1 * 1.1, 1.5);
}

TEST(VariedBatchesTest, DependOnSeedAndEpochAlone) {
  constexpr int kImages = 10;
  Tensor images = Tensor::Empty({DType::kU8, Shape{kImages, kSide, kSide}});
  Tensor labels = Tensor::Empty({DType::kU8, Shape{kImages}});
  const std::vector<uint8_t> bar = Bar();
  for (int i = 0; i < kImages; ++i) {
    std::copy(bar.begin(), bar.end(), images.mutable_data<uint8_t>().begin() + i * kPixels);
    labels.mutable_data<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
  }
  const auto batches = [&](uint64_t seed, int64_t epoch) {
    std::vector<float> numbers;
    int sum = 0;
    const absl::Status status =
        VariedBatches(images, labels, 4, seed)
            .ForEach(
                [&](const datasets::Element& element) {
                  const Tensor& x = std::get<Tensor>(element.x[0]);
                  const Tensor& y = std::get<Tensor>(element.y[0]);
                  EXPECT_EQ(x.shape(), (Shape{y.size(), kSide, kSide, 1}));
                  const auto pixels = x.data<float>();
                  numbers.insert(numbers.end(), pixels.begin(), pixels.end());
                  for (const uint8_t label : y.data<uint8_t>()) {
                    sum += label;
                    numbers.push_back(label);
                  }
                  return absl::OkStatus();
                },
                epoch);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(sum, 45);  // each label once
    return numbers;
  };
  EXPECT_EQ(batches(1, 0), batches(1, 0));
  EXPECT_NE(batches(1, 0), batches(1, 1));
  EXPECT_NE(batches(1, 0), batches(2, 0));
}

}  // namespace
}  // namespace adjoint::apps::mnist
