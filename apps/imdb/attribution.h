#ifndef ADJOINT_APPS_IMDB_ATTRIBUTION_H_
#define ADJOINT_APPS_IMDB_ATTRIBUTION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "graph/function.h"
#include "graph/graph.h"
#include "nn/data.h"
#include "nn/model.h"
#include "nn/value.h"

namespace adjoint::apps::imdb {

// What the parts of an input do to a prediction: gradient x input of the logit, which is what the
// network's last sigmoid is fed with. (Of the probability itself a sure prediction has no
// gradient.) Not thread-safe.
class Attribution {
 public:
  // Names the value in the network's graph whose elements are the parts, such as embeddings.
  using Choice = std::function<ops::Var(const graph::Graph&)>;

  // For models with one input of this spec and one output, a column of probabilities. The parts are
  // the elements of the input, of a sparse one its entries, unless `choice` is given. Errors: a
  // network that does not end with a sigmoid, an op without gradient on the way.
  static absl::StatusOr<Attribution> Create(const nn::Model& model, const nn::ValueSpec& input,
                                            const Choice& choice = nullptr);
  // For models with several inputs, of which the parts are those of number `of`.
  static absl::StatusOr<Attribution> Create(const nn::Model& model,
                                            absl::Span<const nn::ValueSpec> inputs, size_t of,
                                            const Choice& choice = nullptr);

  struct Result {
    double probability = 0;
    double logit = 0;
    Tensor shares;  // f32, of the shape of the parts
  };
  // For one sample. Requires the model of Create. Compiles at the first call, and where a sparse
  // sample has more entries than any before and more than 1,024.
  absl::StatusOr<Result> Run(nn::Model& model, const nn::DataList& x);

 private:
  Attribution(std::unique_ptr<graph::Function> function, int entries_of)
      : function_(std::move(function)), entries_of_(entries_of) {}

  std::unique_ptr<graph::Function> function_;
  int entries_of_;  // the sparse input whose entries are the parts; -1: none
};

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_ATTRIBUTION_H_
