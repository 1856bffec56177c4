#include "apps/imdb/networks/sequence.h"

#include "absl/strings/str_cat.h"
#include "nn/basic_layers.h"
#include "nn/conv_layers.h"
#include "nn/pooling_layers.h"
#include "nn/recurrent.h"
#include "nn/shape_layers.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int64_t kEmbedding = 64, kFilters = 64, kLstm = 16;
constexpr int64_t kWindow = 2;
// An LSTM fits the training reviews long before the mean over the words has learnt from them what
// it can; both then learn at about one pace.
constexpr double kMeanScale = 10, kLstmScale = 0.3;
constexpr int64_t kLength = 400;
constexpr int64_t kWords = 20000;
constexpr int kMostEpochs = 20;  // training ends before
constexpr char kEmbeddings[] = "embedding/embeddings";

}  // namespace

bool IsSequenceNetwork(absl::string_view network) { return SequenceLength(network) > 0; }

int64_t SequenceLength(absl::string_view network) {
  return network == "embedding" || network == "conv" || network == "lstm" ? kLength : 0;
}

void SetSequenceDefaults(Options& options) {
  if (!options.Given("num_words")) options.num_words = kWords;
  if (!options.Given("epochs")) options.epochs = kMostEpochs;
  if (!options.Given("optimizer")) options.optimizer = "adam";
  if (!options.Given("batch_size")) options.batch_size = 128;
  if (!options.Given("hidden")) options.hidden = {32};
  if (!options.Given("dropout")) options.dropout = 0.5;
}

nn::LayerOutput EncodedSequence(const nn::LayerOutput& ids, const Options& options) {
  nn::LayerOutput words =
      nn::Embedding(options.num_words, kEmbedding, {.mask_zero = true, .name = "embedding"})(ids);
  if (options.dropout > 0) words = nn::SpatialDropout1D(options.dropout / 2)(words);
  nn::LayerOutput mean = nn::GlobalAveragePooling1D()(words);
  nn::LayerOutput features = words;
  if (options.network == "conv") {
    features =
        nn::GlobalAveragePooling1D()(nn::Conv1D(kFilters, kWindow, {.activation = "relu"})(words));
  } else if (options.network == "lstm") {
    mean = nn::Rescaling(kMeanScale)(mean);
    features = nn::Rescaling(kLstmScale)(nn::GlobalMaxPooling1D()(
        nn::Bidirectional(nn::LSTM(kLstm, {.return_sequences = true}))(words)));
  } else {
    features = nn::GlobalMaxPooling1D()(words);
  }
  nn::LayerOutput encoded = nn::Concatenate()({mean, features});
  if (options.dropout > 0) encoded = nn::Dropout(options.dropout)(encoded);
  return encoded;
}

absl::Status CheckEmbedding(const nn::Model& model, int64_t num_words) {
  const Tensor* const table = model.variables().Find(kEmbeddings);
  if (table == nullptr || table->shape().rank() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("its network has no '", kEmbeddings, "'"));
  }
  const int64_t rows = table->shape().dim(0).value();
  if (rows == num_words) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its network embeds ", rows, " words and its vocabulary has ", num_words));
}

ops::Var EmbeddedWords(const graph::Graph& graph) {
  for (int id = 0; id < graph.num_nodes(); ++id) {
    for (const ops::Var input : graph.node(id).inputs) {
      if (graph.node(input).op->name == "gather") return input;
    }
  }
  return {};
}

}  // namespace adjoint::apps::imdb
