#include "apps/imdb/review_input.h"

#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "apps/imdb/corpus.h"
#include "core/io/file.h"

namespace adjoint::apps::imdb {

absl::StatusOr<std::string> ReadReview(const Options& options) {
  if (options.text.has_value()) return *options.text;
  if (options.file.has_value()) return io::ReadFile(*options.file, kLongestReview);
  std::string text;
  std::istreambuf_iterator<char> in(std::cin), end;
  for (; in != end; ++in) {
    if (text.size() == kLongestReview) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the review on standard input is longer than ", kLongestReview, " bytes"));
    }
    text.push_back(*in);
  }
  return text;
}

void NoteSyntheticModel() {
  std::cerr << "Note: this model was trained on " << kSyntheticSource
            << "; of real ones it knows little" << std::endl;
}

}  // namespace adjoint::apps::imdb
