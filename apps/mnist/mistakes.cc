#include "apps/mnist/mistakes.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/report/html.h"
#include "apps/report/pictures.h"

namespace adjoint::apps::mnist {
namespace {

std::string DataUrl(absl::Span<const uint8_t> image) {
  return absl::StrCat("data:image/png;base64,",
                      absl::Base64Escape(report::EncodePng(PaperPicture(image))));
}

}  // namespace

report::Picture PaperPicture(absl::Span<const uint8_t> image) {
  report::Picture picture{.width = kSide, .height = kSide};
  for (const uint8_t ink : image) picture.pixels.push_back(static_cast<uint8_t>(255 - ink));
  return picture;
}

int PredictionOf(absl::Span<const float> probabilities) {
  return static_cast<int>(std::max_element(probabilities.begin(), probabilities.end()) -
                          probabilities.begin());
}

Judgement Judge(const Digits& digits, const Tensor& probabilities) {
  Judgement judgement;
  judgement.images = digits.size();
  for (int64_t i = 0; i < digits.size(); ++i) {
    const absl::Span<const float> row =
        probabilities.data<float>().subspan(static_cast<size_t>(i) * kClasses, kClasses);
    const int label = digits.label(i), prediction = PredictionOf(row);
    ++judgement.confusion[label][prediction];
    if (label != prediction) {
      judgement.mistakes.push_back({i, label, prediction, row[prediction]});
    }
  }
  std::stable_sort(
      judgement.mistakes.begin(), judgement.mistakes.end(),
      [](const Mistake& a, const Mistake& b) { return a.probability > b.probability; });
  return judgement;
}

std::string ConfusionText(const Judgement& judgement) {
  std::string text = "label \\ taken for";
  for (int p = 0; p < kClasses; ++p) absl::StrAppendFormat(&text, "%6d", p);
  absl::StrAppend(&text, "   right\n");
  for (int label = 0; label < kClasses; ++label) {
    absl::StrAppendFormat(&text, "%5d            ", label);
    int64_t all = 0;
    for (const int64_t n : judgement.confusion[label]) {
      text += n == 0 ? "     ." : absl::StrFormat("%6d", n);
      all += n;
    }
    if (all > 0) {
      absl::StrAppendFormat(&text, "  %5.1f %%", 100.0 * judgement.confusion[label][label] / all);
    }
    text += "\n";
  }
  return text;
}

std::string MistakesSvg(const Digits& digits, const Judgement& judgement, size_t most) {
  constexpr int kColumns = 10, kCell = 92, kRow = 118, kMargin = 20, kTop = 66, kImage = 76;
  const size_t shown = std::min(most, judgement.mistakes.size());
  const int rows = std::max(1, static_cast<int>((shown + kColumns - 1) / kColumns));
  const int width = kColumns * kCell + 2 * kMargin, height = kTop + rows * kRow + kMargin / 2;
  const std::string title =
      judgement.mistakes.empty()
          ? absl::StrCat("No mistakes on ", report::Thousands(judgement.images), " test images")
          : absl::StrCat(report::Thousands(static_cast<int64_t>(judgement.mistakes.size())),
                         " mistakes on ", report::Thousands(judgement.images), " test images",
                         shown < judgement.mistakes.size()
                             ? absl::StrCat(": the ", shown, " surest")
                             : ", the surest first");
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
      "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" role=\"img\" "
      "aria-label=\"%s\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n"
      "<text x=\"%d\" y=\"28\" text-anchor=\"middle\" font-size=\"16\" fill=\"#222\">%s</text>\n"
      "<text x=\"%d\" y=\"50\" text-anchor=\"middle\" fill=\"#666\">below each: its label, "
      "what it was taken for, and how surely</text>\n",
      width, height, width, height, title, width, height, width / 2, title, width / 2);
  for (size_t i = 0; i < shown; ++i) {
    const Mistake& m = judgement.mistakes[i];
    const int x = kMargin + static_cast<int>(i % kColumns) * kCell;
    const int y = kTop + static_cast<int>(i / kColumns) * kRow;
    const int middle = x + kCell / 2;
    absl::StrAppendFormat(
        &svg,
        "<g><title>test image %d: a %d taken for a %d (%.2f %%)</title>"
        "<image x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" style=\"image-rendering:pixelated\" "
        "href=\"%s\"/><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
        "stroke=\"#ccc\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-size=\"15\">"
        "<tspan fill=\"#1b7a3d\">%d</tspan><tspan fill=\"#888\"> → </tspan>"
        "<tspan fill=\"#c4321c\" font-weight=\"bold\">%d</tspan>"
        "<tspan fill=\"#666\" font-size=\"11\">  %.0f %%</tspan></text></g>\n",
        m.index, m.label, m.prediction, 100 * m.probability, x + (kCell - kImage) / 2, y, kImage,
        kImage, DataUrl(digits.image(m.index)), x + (kCell - kImage) / 2, y, kImage, kImage, middle,
        y + kImage + 20, m.label, m.prediction, 100 * m.probability);
  }
  return svg + "</svg>\n";
}

}  // namespace adjoint::apps::mnist
