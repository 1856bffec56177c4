#ifndef ADJOINT_APPS_IMDB_NETWORKS_DOCUMENT_VECTOR_LAYER_H_
#define ADJOINT_APPS_IMDB_NETWORKS_DOCUMENT_VECTOR_LAYER_H_

#include <cstdint>
#include <string>

#include "nn/topology.h"
#include "ops/csr.h"
#include "ops/var.h"

namespace adjoint::apps::imdb {

// How a text's vector comes from those of its n-grams. With unit vectors d of a text and w of an
// n-gram, that the n-gram stands in the text has the probability s(alpha cos(d, w)), s the logistic
// function; against each n-gram that does, `negatives` drawn by their frequency do not (Thongtan
// and Phienthrakul 2019, "Sentiment Classification using Document Embeddings trained with Cosine
// Similarity", equation 4). The text's vector makes the likelihood of all this great: it begins as
// the mean of its n-grams and takes `steps` steps up the gradient of the mean log likelihood on the
// sphere, of `step_size` each.
struct DocumentVectorRule {
  int64_t units = 192;
  double alpha = 4;
  double negatives = 5;
  int steps = 5;
  double step_size = 0.5;
};

// The rows of x, [batch, n] with 1 where a text has an n-gram, as unit vectors [batch, units].
// ngrams: [n, units], of length 1; drawn: [m, units], rows of it drawn by frequency. A text without
// n-grams is 0. Differentiable in x.values: an n-gram counts as often as its value says.
ops::Var DocumentVectorsOf(const ops::CsrVar& x, ops::Var ngrams, ops::Var drawn,
                           const DocumentVectorRule& rule);

// Each row divided by its length; 0 stays 0.
ops::Var UnitRows(ops::Var rows);

// The layer of it, with the frozen variables "ngrams" and "drawn".
nn::LayerHandle DocumentVector(const DocumentVectorRule& rule, int64_t num_drawn,
                               std::string name = "");

// So that models with this layer can be loaded. Thread-safe; once is enough.
void RegisterDocumentVector();

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_DOCUMENT_VECTOR_LAYER_H_
