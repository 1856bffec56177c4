#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"

// Counting n-grams of known numbers.

namespace adjoint::onnx {
namespace {

// Y[indexes[i]] is how often n-gram i of the pool occurs, with 0 .. max_skip_count elements between
// neighbours left out, the same number everywhere.
Values TfIdfVectorizer(NodeContext& c) {
  const std::string mode = c.Choice("mode", "", {"TF", "IDF", "TFIDF"});
  const int64_t shortest = c.Int("min_gram_length"), longest = c.Int("max_gram_length");
  const int64_t skips = c.Int("max_skip_count");
  const std::vector<int64_t> counts = c.Ints("ngram_counts"), indexes = c.Ints("ngram_indexes");
  const std::vector<int64_t> pool = c.Ints("pool_int64s");
  if (c.HasAttr("pool_strings")) return One(c.Unsupported("strings are not supported"));
  const std::vector<float> weights = c.Floats("weights", std::vector<float>(indexes.size(), 1.0f));
  const Tensor x = c.Known(0);
  if (!c.ok()) return {};
  if (shortest < 1 || longest < shortest || longest > static_cast<int64_t>(counts.size()) ||
      skips < 0 || weights.size() != indexes.size() || x.shape().rank() < 1 ||
      x.shape().rank() > 2 || skips > (1 << 20)) {
    return One(c.Fail("its lengths, counts, indexes or weights do not agree"));
  }
  // The n-grams of the pool by their elements.
  std::map<std::vector<int64_t>, int64_t> entries;
  int64_t entry = 0;
  for (size_t n = 1; n <= counts.size(); ++n) {
    const int64_t begin = counts[n - 1];
    const int64_t end = n < counts.size() ? counts[n] : static_cast<int64_t>(pool.size());
    if (begin < 0 || end < begin || end > static_cast<int64_t>(pool.size()) ||
        (end - begin) % static_cast<int64_t>(n) != 0) {
      return One(c.Fail("'ngram_counts' does not divide the pool into n-grams"));
    }
    for (int64_t at = begin; at < end; at += static_cast<int64_t>(n)) {
      entries.emplace(
          std::vector<int64_t>(pool.begin() + at, pool.begin() + at + static_cast<int64_t>(n)),
          entry++);
    }
  }
  if (entry != static_cast<int64_t>(indexes.size())) {
    return One(c.Fail(absl::StrCat("the pool has ", entry, " n-grams, but there are ",
                                   indexes.size(), " indexes")));
  }
  int64_t width = 0;
  for (int64_t i : indexes) {
    if (i < 0 || i > (1 << 24)) return One(c.Fail(absl::StrCat("an index is ", i)));
    width = std::max(width, i + 1);
  }
  const int64_t length = x.shape()[x.shape().rank() - 1];
  const int64_t rows = x.shape().rank() == 2 ? x.shape()[0] : 1;
  std::vector<float> result(rows * width, 0.0f);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t n = shortest; n <= longest; ++n) {
      for (int64_t skip = 0; skip <= (n == 1 ? 0 : skips); ++skip) {
        for (int64_t at = 0; at + (n - 1) * (skip + 1) < length; ++at) {
          std::vector<int64_t> gram;
          for (int64_t k = 0; k < n; ++k) {
            gram.push_back(IntAt(x, row * length + at + k * (skip + 1)));
          }
          const auto found = entries.find(gram);
          if (found != entries.end()) result[row * width + indexes[found->second]] += 1;
        }
      }
    }
    for (size_t i = 0; i < indexes.size() && mode != "TF"; ++i) {
      float& value = result[row * width + indexes[i]];
      if (mode == "IDF") value = value > 0 ? 1.0f : 0.0f;
      value *= weights[i];
    }
  }
  const Shape shape = x.shape().rank() == 2 ? Shape{rows, width} : Shape{width};
  return One(c.Constant(Tensor::Of<float>(shape, absl::MakeConstSpan(result))));
}

constexpr Lowering kRows[] = {
    {"TfIdfVectorizer", 9, 1, 1, TfIdfVectorizer},
};

}  // namespace

absl::Span<const Lowering> TextLowerings() { return kRows; }

}  // namespace adjoint::onnx
