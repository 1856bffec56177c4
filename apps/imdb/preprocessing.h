#ifndef ADJOINT_APPS_IMDB_PREPROCESSING_H_
#define ADJOINT_APPS_IMDB_PREPROCESSING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "apps/imdb/corpus.h"
#include "apps/imdb/options.h"
#include "datasets/imdb.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// How a text becomes a row of the network's input: a section of the model file, so that a
// prediction needs no other file.
struct Preprocessing {
  datasets::imdb::LoadOptions encoding;  // num_words, start_char, oov_char and index_from count
  datasets::WordIndex word_index;        // empty when the data came without one
  bool sparse = true;
  std::string source;
  bool synthetic = false;

  static Preprocessing Of(const Corpus& corpus, bool sparse);
};

// Writes the section.
absl::Status Attach(const Preprocessing& preprocessing, nn::Model& model);

// A model file that Attach had a part in.
struct LoadedModel {
  nn::Model model;
  Preprocessing preprocessing;
};

// Errors name the path: no such file, a damaged one, a model without this section, a section that
// does not fit the network.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path);

// The model of options.model. Errors besides: --num_words or --hidden are given and are not the
// model's. An --encoding that is given replaces the model's own.
absl::StatusOr<LoadedModel> LoadModelFor(const Options& options);

// Rows as the network wants them. Errors: the model has no vocabulary.
absl::StatusOr<nn::DataList> VectorizeTexts(const Preprocessing& preprocessing,
                                            absl::Span<const std::string> texts);

// Whether the text has a word that the vocabulary has.
bool KnowsAWord(const Preprocessing& preprocessing, const std::string& text);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_PREPROCESSING_H_
