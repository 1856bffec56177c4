#include "apps/imdb/preprocessing.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/sequence.h"
#include "apps/imdb_preprocessing.pb.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int kVersion = 1;

absl::StatusOr<Preprocessing> Parse(const std::string& bytes) {
  ImdbPreprocessing message;
  if (!message.ParseFromString(bytes)) {
    return absl::DataLossError(
        absl::StrCat("its section '", kPreprocessingSection, "' is damaged"));
  }
  if (message.format_version() != kVersion) {
    return absl::UnimplementedError(absl::StrCat("its section '", kPreprocessingSection,
                                                 "' has version ", message.format_version(),
                                                 ", this program knows version ", kVersion));
  }
  const int64_t num_words = message.num_words();
  if (num_words < 1 || num_words > std::numeric_limits<int32_t>::max() ||
      message.start_char() < 0 || message.start_char() >= num_words || message.oov_char() < 0 ||
      message.oov_char() >= num_words || message.index_from() < 0) {
    return absl::DataLossError(
        absl::StrCat("its section '", kPreprocessingSection, "' has num_words ", num_words,
                     ", start_char ", message.start_char(), ", oov_char ", message.oov_char(),
                     " and index_from ", message.index_from(), ", which do not go together"));
  }
  Preprocessing result;
  result.encoding.num_words = num_words;
  result.encoding.start_char = message.start_char();
  result.encoding.oov_char = message.oov_char();
  result.encoding.index_from = message.index_from();
  const std::vector<std::string> words(message.words().begin(), message.words().end());
  absl::StatusOr<datasets::WordIndex> index = datasets::WordIndex::FromWords(words);
  if (!index.ok()) {
    return absl::DataLossError(absl::StrCat("its vocabulary: ", index.status().message()));
  }
  result.word_index = *std::move(index);
  result.sparse = message.sparse();
  if (!message.network().empty()) result.network = message.network();
  result.length = message.length();
  if (result.length != SequenceLength(result.network)) {
    return absl::DataLossError(absl::StrCat("its section '", kPreprocessingSection, "' has ",
                                            result.length, " ids for the network '", result.network,
                                            "', which do not go together"));
  }
  result.source = message.source();
  result.synthetic = message.synthetic();
  return result;
}

}  // namespace

Preprocessing Preprocessing::Of(const Corpus& corpus, const Options& options) {
  return {.encoding = corpus.encoding,
          .word_index = corpus.data.word_index,
          .sparse = options.sparse,
          .network = options.network,
          .length = SequenceLength(options.network),
          .source = corpus.data.source,
          .synthetic = corpus.synthetic};
}

absl::Status Attach(const Preprocessing& preprocessing, nn::Model& model) {
  ImdbPreprocessing message;
  message.set_format_version(kVersion);
  message.set_num_words(preprocessing.encoding.num_words);
  message.set_start_char(preprocessing.encoding.start_char.value_or(0));
  message.set_oov_char(preprocessing.encoding.oov_char.value_or(0));
  message.set_index_from(preprocessing.encoding.index_from);
  for (int64_t rank = 1; rank <= preprocessing.word_index.size(); ++rank) {
    message.add_words(std::string(preprocessing.word_index.word(rank)));
  }
  message.set_sparse(preprocessing.sparse);
  if (preprocessing.length > 0) message.set_network(preprocessing.network);
  message.set_length(preprocessing.length);
  message.set_source(preprocessing.source);
  message.set_synthetic(preprocessing.synthetic);
  return model.SetSection(kPreprocessingSection, message.SerializeAsString());
}

absl::Status NotAModelOfReviews() {
  return absl::InvalidArgumentError(absl::StrCat("it is no model of reviews: it has no section '",
                                                 kPreprocessingSection,
                                                 "'; make one with the command train"));
}

absl::Status CannotUse(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("cannot use the model '", path, "': ", status.message()));
}

absl::Status WithModelHint(const Options& options, const absl::Status& status) {
  if (!absl::IsNotFound(status) || options.Given("model")) return status;
  return absl::NotFoundError(absl::StrCat(
      status.message(), "; name a model by --model or make one with the command train"));
}

absl::StatusOr<LoadedModel> LoadedModel::Of(nn::Model model) {
  const std::string* const section = model.FindSection(kPreprocessingSection);
  if (section == nullptr) return NotAModelOfReviews();
  ADJOINT_ASSIGN_OR_RETURN(Preprocessing preprocessing, Parse(*section));
  if (preprocessing.length > 0) {
    ADJOINT_RETURN_IF_ERROR(CheckEmbedding(model, preprocessing.encoding.num_words));
    return LoadedModel{std::move(model), std::move(preprocessing)};
  }
  ADJOINT_ASSIGN_OR_RETURN(const int64_t inputs, InputColumns(model));
  if (inputs != preprocessing.encoding.num_words) {
    return absl::InvalidArgumentError(absl::StrCat("its network takes ", inputs,
                                                   " columns and its vocabulary makes ",
                                                   preprocessing.encoding.num_words));
  }
  return LoadedModel{std::move(model), std::move(preprocessing)};
}

absl::StatusOr<LoadedModel> LoadModel(const std::string& path) {
  ADJOINT_ASSIGN_OR_RETURN(nn::Model model, nn::Model::Load(path));
  absl::StatusOr<LoadedModel> loaded = LoadedModel::Of(std::move(model));
  if (!loaded.ok()) return CannotUse(path, loaded.status());
  return loaded;
}

absl::StatusOr<LoadedModel> LoadModelFor(const Options& options) {
  absl::StatusOr<LoadedModel> loaded = LoadModel(options.model);
  if (!loaded.ok()) return WithModelHint(options, loaded.status());
  ADJOINT_RETURN_IF_ERROR(CheckShape(options, *loaded));
  if (options.Given("encoding")) loaded->preprocessing.sparse = options.sparse;
  loaded->model.SetCompileOptions(CompileOptionsFrom(options));
  return loaded;
}

absl::Status CheckShape(const Options& options, const LoadedModel& loaded) {
  if (options.Given("network") && options.network != loaded.preprocessing.network) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the model '", options.model, "' is of the network ", loaded.preprocessing.network,
        ", not --network=", options.network, "; leave the flag out"));
  }
  const int64_t num_words = loaded.preprocessing.encoding.num_words;
  if (options.Given("num_words") && options.num_words != num_words) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model '", options.model, "' takes num_words ", num_words,
                     ", not --num_words=", options.num_words, "; leave the flag out"));
  }
  if (loaded.preprocessing.length > 0) return absl::OkStatus();
  ADJOINT_ASSIGN_OR_RETURN(const std::vector<int64_t> hidden, HiddenUnits(loaded.model));
  if (options.Given("hidden") && options.hidden != hidden) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the model '", options.model, "' has hidden layers of ", absl::StrJoin(hidden, ","),
        " units, not --hidden=", absl::StrJoin(options.hidden, ","), "; leave the flag out"));
  }
  return absl::OkStatus();
}

absl::StatusOr<nn::DataList> VectorizeTexts(const Preprocessing& preprocessing,
                                            absl::Span<const std::string> texts) {
  if (preprocessing.word_index.size() == 0) {
    return absl::FailedPreconditionError(
        "the model has no vocabulary, since it was trained on ids alone; train it again with "
        "imdb_word_index.json beside the data");
  }
  return VectorizeFor(
      datasets::imdb::EncodeAll(texts, preprocessing.word_index, preprocessing.encoding),
      preprocessing.encoding.num_words, preprocessing.sparse, preprocessing.length);
}

}  // namespace adjoint::apps::imdb
