#ifndef ADJOINT_APPS_IMDB_NETWORKS_MLP_H_
#define ADJOINT_APPS_IMDB_NETWORKS_MLP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "apps/imdb/attribution.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/preprocessing.h"
#include "core/csr_matrix.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// A network that reads ids of words: the book's, dense layers on the set of those that a review
// has, or one that reads them in their order (networks/sequence.h). Errors: the section is damaged
// or does not fit the network.
absl::StatusOr<std::unique_ptr<Classifier>> LoadMlp(nn::Model model);

// Explains what such a network says, of texts and of reviews that are ids. `model` and
// `preprocessing` outlive this and belong together.
class MlpExplainer {
 public:
  MlpExplainer(nn::Model& model, const Preprocessing& preprocessing)
      : model_(model), preprocessing_(preprocessing) {}

  absl::StatusOr<Explanation> ExplainText(absl::string_view text);

  struct Review {
    std::string text;  // the words, as Decode gives them; "#530" for id 530 without a vocabulary
    Explanation explanation;
  };
  absl::StatusOr<Review> ExplainIds(absl::Span<const int32_t> ids);

 private:
  // A word in a text and the column that it is for the network; -1: none.
  struct Token {
    size_t begin, end;
    int32_t column;
    bool known;
  };
  absl::StatusOr<Explanation> Explain(absl::string_view text, const CsrMatrix& row,
                                      const std::vector<Token>& tokens);
  // `ids`: all of the review's. Words before the last ones, which the network reads, add nothing.
  absl::StatusOr<Explanation> ExplainSequence(absl::string_view text, absl::Span<const int32_t> ids,
                                              const std::vector<Token>& tokens);

  nn::Model& model_;
  const Preprocessing& preprocessing_;
  std::optional<Attribution> attribution_;
};

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_MLP_H_
