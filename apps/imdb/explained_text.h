#ifndef ADJOINT_APPS_IMDB_EXPLAINED_TEXT_H_
#define ADJOINT_APPS_IMDB_EXPLAINED_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "apps/imdb/classifier.h"
#include "apps/report/words.h"

namespace adjoint::apps::imdb {

// "positive" above one half, "negative" otherwise.
std::string LabelOf(double probability);

// The explanation's words, for colouring.
std::vector<report::Word> WordsOf(const Explanation& explanation);

// The text as HTML, its words coloured.
std::string ColouredHtml(absl::string_view text, const Explanation& explanation);

// The `most` strongest terms as HTML, each with a bar.
std::string TermBars(const Explanation& explanation, size_t most);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_EXPLAINED_TEXT_H_
