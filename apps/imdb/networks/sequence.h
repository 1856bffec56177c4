#ifndef ADJOINT_APPS_IMDB_NETWORKS_SEQUENCE_H_
#define ADJOINT_APPS_IMDB_NETWORKS_SEQUENCE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "apps/imdb/options.h"
#include "graph/graph.h"
#include "nn/model.h"
#include "nn/topology.h"

namespace adjoint::apps::imdb {

// Networks that read the last ids of a review in their order, as Keras' pad_sequences prepares
// them: an embedding, of which the mean over the words goes on, and beside it
//   embedding  the greatest value of each unit over the words
//   conv       the mean over a convolution of 2 words each
//   lstm       the greatest values over an LSTM in both directions
// and then the hidden layers that all networks have. Training ends, with the weights of the best
// epoch, when the loss on the reviews kept for validation, a tenth, has not fallen for an epoch.
bool IsSequenceNetwork(absl::string_view network);

// How many ids; 0 for a network that reads the set of words.
int64_t SequenceLength(absl::string_view network);

// What the user has not given, as these networks want it: words, epochs, optimizer, batch size,
// hidden layers, dropout.
void SetSequenceDefaults(Options& options);

// What the hidden layers are fed with. Requires IsSequenceNetwork(options.network).
nn::LayerOutput EncodedSequence(const nn::LayerOutput& ids, const Options& options);

// Whether the model begins with an embedding of num_words ids.
absl::Status CheckEmbedding(const nn::Model& model, int64_t num_words);

// The embedded words, [1, length, units], in a program of such a network; an invalid var where
// there are none.
ops::Var EmbeddedWords(const graph::Graph& graph);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_SEQUENCE_H_
