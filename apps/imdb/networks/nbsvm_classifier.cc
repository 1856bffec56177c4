#include "apps/imdb/networks/nbsvm_classifier.h"

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "apps/imdb/network.h"
#include "apps/imdb/text.h"
#include "apps/imdb_ngrams.pb.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr int kVersion = 1;
constexpr size_t kBytes = sizeof(uint64_t);

std::string Packed(absl::Span<const uint64_t> fingerprints) {
  std::string bytes;
  bytes.reserve(fingerprints.size() * kBytes);
  for (const uint64_t f : fingerprints) {
    for (size_t i = 0; i < kBytes; ++i) bytes.push_back(static_cast<char>(f >> (8 * i)));
  }
  return bytes;
}

std::vector<uint64_t> Unpacked(absl::string_view bytes) {
  std::vector<uint64_t> fingerprints(bytes.size() / kBytes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    fingerprints[i / kBytes] |= uint64_t{static_cast<unsigned char>(bytes[i])}
                                << (8 * (i % kBytes));
  }
  return fingerprints;
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("its section '", kNgramSection, "' ", what));
}

class NbsvmClassifier final : public Classifier {
 public:
  NbsvmClassifier(Nbsvm nbsvm, ClassifierInfo info)
      : nbsvm_(std::move(nbsvm)), info_(std::move(info)) {}

  const ClassifierInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts) override {
    return nbsvm_.Predict(texts);
  }

  // Exact, for the logit is a sum over n-grams. An n-gram's share is the same for each of its
  // places and for each of their tokens.
  absl::StatusOr<Explanation> Explain(absl::string_view text) override {
    ADJOINT_ASSIGN_OR_RETURN(const NbsvmWeights weights, nbsvm_.Weights());
    const NgramRule& rule = nbsvm_.vocabulary.rule();
    const std::vector<Token> tokens = Tokenize(text, rule);
    struct Feature {
      Explanation::Term term;
      std::vector<size_t> places;  // first tokens
      int length = 0;
    };
    std::map<int32_t, Feature> features;  // by column
    Explanation result;
    for (const Token& token : tokens) result.words.push_back({token.begin, token.end});
    double squares = 0;
    ForEachNgram(tokens, rule, [&](uint64_t fingerprint, size_t first, int length) {
      const int32_t column = nbsvm_.vocabulary.Column(fingerprint);
      if (column < 0) return;
      if (length == 1) result.words[first].known = true;
      Feature& feature = features[column];
      if (feature.places.empty()) {
        squares += static_cast<double>(weights.ratio[column]) * weights.ratio[column];
      }
      feature.places.push_back(first);
      feature.length = length;
    });
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    result.base = weights.prior;
    result.logit = weights.prior;
    for (auto& [column, feature] : features) {
      Explanation::Term& term = feature.term;
      term.contribution =
          scale * static_cast<double>(weights.ratio[column]) * weights.kernel[column];
      term.count = static_cast<int64_t>(feature.places.size());
      const double share = term.contribution / static_cast<double>(term.count) / feature.length;
      const size_t place = feature.places[0];
      for (int i = 0; i < feature.length; ++i) {
        const Token& token = tokens[place + i];
        absl::StrAppend(&term.text, i > 0 ? " " : "",
                        absl::AsciiStrToLower(text.substr(token.begin, token.end - token.begin)));
      }
      for (const size_t first : feature.places) {
        for (int i = 0; i < feature.length; ++i) result.words[first + i].contribution += share;
      }
      result.logit += term.contribution;
      result.terms.push_back(std::move(term));
    }
    result.probability = 1 / (1 + std::exp(-result.logit));
    SortTerms(result);
    return result;
  }

  bool KnowsAWord(absl::string_view text) const override {
    for (const Token& token : Tokenize(text, nbsvm_.vocabulary.rule())) {
      if (nbsvm_.vocabulary.Column(ExtendNgram(0, token)) >= 0) return true;
    }
    return false;
  }

  absl::Status Accept(const Options& options) override {
    if (options.Given("network") && options.network != info_.network) {
      return absl::InvalidArgumentError(
          absl::StrCat("the model '", options.model, "' is of the network ", info_.network,
                       ", not --network=", options.network, "; leave the flag out"));
    }
    for (const char* flag : {"num_words", "hidden"}) {
      if (!options.Given(flag)) continue;
      return absl::InvalidArgumentError(absl::StrCat("the model '", options.model, "' is an ",
                                                     "NB-SVM and has no --", flag,
                                                     "; leave the flag out"));
    }
    return absl::OkStatus();
  }

  absl::Status Describe(Report& report) const override {
    report.source = info_.source;
    report.synthetic = info_.synthetic;
    ADJOINT_ASSIGN_OR_RETURN(report.weights_sha256, WeightsSha256(nbsvm_.model));
    report.AddKernels(nbsvm_.model);
    return absl::OkStatus();
  }

 private:
  Nbsvm nbsvm_;
  ClassifierInfo info_;
};

}  // namespace

absl::Status AttachNgrams(const std::string& source, bool synthetic, Nbsvm& nbsvm) {
  ImdbNgrams message;
  message.set_format_version(kVersion);
  message.set_max_length(nbsvm.vocabulary.rule().max_length);
  message.set_punctuation(nbsvm.vocabulary.rule().punctuation);
  message.set_fingerprints(Packed(nbsvm.vocabulary.fingerprints()));
  message.set_source(source);
  message.set_synthetic(synthetic);
  return nbsvm.model.SetSection(kNgramSection, message.SerializeAsString());
}

absl::StatusOr<std::unique_ptr<Classifier>> LoadNbsvm(nn::Model model) {
  const std::string* const section = model.FindSection(kNgramSection);
  if (section == nullptr) return Damaged("is missing");
  ImdbNgrams message;
  if (!message.ParseFromString(*section) || message.fingerprints().size() % kBytes != 0) {
    return Damaged("is damaged");
  }
  if (message.format_version() != kVersion) {
    return absl::UnimplementedError(absl::StrCat("its section '", kNgramSection, "' has version ",
                                                 message.format_version(),
                                                 ", this program knows version ", kVersion));
  }
  absl::StatusOr<NgramVocabulary> vocabulary = NgramVocabulary::Create(
      {message.max_length(), message.punctuation()}, Unpacked(message.fingerprints()));
  if (!vocabulary.ok()) return Damaged(absl::StrCat("holds ", vocabulary.status().message()));
  ClassifierInfo info = {
      .network = "nbsvm",
      .summary =
          absl::StrCat(WithCommas(vocabulary->size()), " n-grams of up to ", message.max_length(),
                       message.punctuation() ? " words and marks" : " words"),
      .source = message.source(),
      .synthetic = message.synthetic()};
  Nbsvm nbsvm{.model = std::move(model), .vocabulary = *std::move(vocabulary), .history = {}};
  ADJOINT_RETURN_IF_ERROR(nbsvm.Weights().status());
  return std::make_unique<NbsvmClassifier>(std::move(nbsvm), std::move(info));
}

}  // namespace adjoint::apps::imdb
