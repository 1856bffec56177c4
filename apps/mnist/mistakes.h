#ifndef ADJOINT_APPS_MNIST_MISTAKES_H_
#define ADJOINT_APPS_MNIST_MISTAKES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/mnist/digits.h"
#include "apps/report/pictures.h"
#include "core/tensor.h"

namespace adjoint::apps::mnist {

// An image that was taken for another digit.
struct Mistake {
  int64_t index;  // of the image
  int label, prediction;
  float probability;  // that the network gave its prediction
};

// What a network says about labelled images.
struct Judgement {
  int64_t images = 0;
  std::array<std::array<int64_t, kClasses>, kClasses> confusion = {};  // [label][prediction]
  std::vector<Mistake> mistakes;  // the surest first; of equally sure ones in order

  double accuracy() const {
    return 1 - static_cast<double>(mistakes.size()) / static_cast<double>(images);
  }
};

// `probabilities` are f32[n, 10] for the images.
Judgement Judge(const Digits& digits, const Tensor& probabilities);

// The digit with the greatest probability, the first of equal ones.
int PredictionOf(absl::Span<const float> probabilities);

// The image with its ink dark on a light ground, as on paper.
report::Picture PaperPicture(absl::Span<const uint8_t> image);

// The confusion matrix as a table of text.
std::string ConfusionText(const Judgement& judgement);

// The first `most` mistakes as a self-contained SVG picture: a grid of images, each with its label,
// what it was taken for and how surely.
std::string MistakesSvg(const Digits& digits, const Judgement& judgement, size_t most);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_MISTAKES_H_
