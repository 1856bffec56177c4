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
  std::string network = "mlp";  // as --network names it
  int64_t length = 0;           // of ids; 0: the network reads the set of words
  std::string source;
  bool synthetic = false;

  static Preprocessing Of(const Corpus& corpus, const Options& options);
};

// The section's name.
inline constexpr char kPreprocessingSection[] = "imdb.preprocessing";

// Writes the section.
absl::Status Attach(const Preprocessing& preprocessing, nn::Model& model);

// A model file that Attach had a part in.
struct LoadedModel {
  nn::Model model;
  Preprocessing preprocessing;

  // Errors: no such section, a damaged one, one that does not fit the network.
  static absl::StatusOr<LoadedModel> Of(nn::Model model);
};

// Errors for models that are not what they should be: without any section of the app's; in the file
// `path`; not there, where the user has named none.
absl::Status NotAModelOfReviews();
absl::Status CannotUse(const std::string& path, const absl::Status& status);
absl::Status WithModelHint(const Options& options, const absl::Status& status);

// Errors name the path: no such file, a damaged one, a model without this section, a section that
// does not fit the network.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path);

// The model of options.model. Errors besides: --num_words or --hidden are given and are not the
// model's. An --encoding that is given replaces the model's own.
absl::StatusOr<LoadedModel> LoadModelFor(const Options& options);

// Whether the flags that the user gave, --num_words and --hidden, describe this model.
absl::Status CheckShape(const Options& options, const LoadedModel& loaded);

// Rows as the network wants them. Errors: the model has no vocabulary.
absl::StatusOr<nn::DataList> VectorizeTexts(const Preprocessing& preprocessing,
                                            absl::Span<const std::string> texts);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_PREPROCESSING_H_
