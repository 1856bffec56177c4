#include "apps/imdb/networks/sequence.h"

#include "absl/strings/str_cat.h"
#include "nn/basic_layers.h"
#include "nn/conv_layers.h"
#include "nn/pooling_layers.h"
#include "nn/recurrent.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int64_t kEmbedding = 32, kFilters = 64, kLstm = 32;
constexpr int64_t kWindow = 5;
constexpr char kEmbeddings[] = "embedding/embeddings";

}  // namespace

bool IsSequenceNetwork(absl::string_view network) { return SequenceLength(network) > 0; }

int64_t SequenceLength(absl::string_view network) {
  if (network == "embedding" || network == "conv") return 400;
  return network == "lstm" ? 200 : 0;
}

void SetSequenceDefaults(Options& options) {
  if (!options.Given("epochs")) options.epochs = options.network == "embedding" ? 8 : 3;
  if (!options.Given("optimizer")) options.optimizer = "adam";
  if (!options.Given("batch_size")) options.batch_size = 128;
  if (!options.Given("hidden")) options.hidden = {32};
  if (!options.Given("dropout")) options.dropout = 0.3;
}

std::vector<nn::LayerHandle> SequenceEncoder(const Options& options) {
  const bool lstm = options.network == "lstm";
  std::vector<nn::LayerHandle> layers = {
      nn::Embedding(options.num_words, kEmbedding, {.mask_zero = lstm, .name = "embedding"})};
  if (options.network == "embedding") {
    layers.push_back(nn::GlobalAveragePooling1D());
  } else if (lstm) {
    layers.push_back(nn::Bidirectional(nn::LSTM(kLstm)));
  } else {
    layers.push_back(nn::Conv1D(kFilters, kWindow, {.activation = "relu"}));
    layers.push_back(nn::GlobalMaxPooling1D());
  }
  if (options.dropout > 0) layers.push_back(nn::Dropout(options.dropout));
  return layers;
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
