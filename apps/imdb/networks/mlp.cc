#include "apps/imdb/networks/mlp.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/sequence.h"
#include "apps/imdb/text.h"
#include "apps/imdb/training.h"
#include "core/status_macros.h"
#include "datasets/reviews.h"
#include "datasets/word_index.h"

namespace adjoint::apps::imdb {
namespace {

class Mlp final : public Classifier {
 public:
  Mlp(LoadedModel loaded, const std::vector<int64_t>& hidden)
      : loaded_(std::move(loaded)), explainer_(loaded_.model, loaded_.preprocessing) {
    const Preprocessing& how = loaded_.preprocessing;
    info_ = {
        .network = how.network,
        .summary = absl::StrCat(
            WithCommas(how.encoding.num_words), " word ids, ",
            how.length > 0 ? absl::StrCat("the last ", how.length, " of a review in their order")
            : hidden.empty()
                ? "no hidden layer"
                : absl::StrCat("hidden layers of ", absl::StrJoin(hidden, ", "), " units")),
        .source = how.source,
        .synthetic = how.synthetic};
  }

  const ClassifierInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<float>> Predict(absl::Span<const std::string> texts) override {
    if (texts.empty()) return std::vector<float>();
    ADJOINT_ASSIGN_OR_RETURN(const nn::DataList x, VectorizeTexts(loaded_.preprocessing, texts));
    ADJOINT_ASSIGN_OR_RETURN(const Tensor predictions, PredictFor(loaded_.model, x));
    const absl::Span<const float> values = predictions.data<float>();
    return std::vector<float>(values.begin(), values.end());
  }

  absl::StatusOr<Explanation> Explain(absl::string_view text) override {
    return explainer_.ExplainText(text);
  }

  bool KnowsAWord(absl::string_view text) const override {
    bool knows = false;
    datasets::ForEachWord(text, [&](absl::string_view word) {
      knows = knows || loaded_.preprocessing.word_index.Rank(word) != 0;
    });
    return knows;
  }

  absl::Status Accept(const Options& options) override {
    ADJOINT_RETURN_IF_ERROR(CheckShape(options, loaded_));
    if (options.Given("encoding")) loaded_.preprocessing.sparse = options.sparse;
    return absl::OkStatus();
  }

  absl::Status Describe(Report& report) const override {
    report.source = info_.source;
    report.synthetic = info_.synthetic;
    ADJOINT_ASSIGN_OR_RETURN(report.weights_sha256, WeightsSha256(loaded_.model));
    report.AddKernels(loaded_.model);
    return absl::OkStatus();
  }

  const nn::Model* model() const override { return &loaded_.model; }

 private:
  LoadedModel loaded_;
  MlpExplainer explainer_;  // of loaded_
  ClassifierInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Classifier>> LoadMlp(nn::Model model) {
  ADJOINT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadedModel::Of(std::move(model)));
  std::vector<int64_t> hidden;
  if (loaded.preprocessing.length == 0) {
    ADJOINT_ASSIGN_OR_RETURN(hidden, HiddenUnits(loaded.model));
  }
  return std::make_unique<Mlp>(std::move(loaded), hidden);
}

absl::StatusOr<Explanation> MlpExplainer::ExplainText(absl::string_view text) {
  const datasets::imdb::LoadOptions& encoding = preprocessing_.encoding;
  std::vector<Token> tokens;
  datasets::ForEachWordAt(text, [&](absl::string_view word, size_t begin) {
    const int32_t rank = preprocessing_.word_index.Rank(word);
    const int64_t id = int64_t{rank} + encoding.index_from;
    const bool known = rank != 0 && id < encoding.num_words;
    tokens.push_back({.begin = begin,
                      .end = begin + word.size(),
                      .column = rank == 0 ? -1
                                : known   ? static_cast<int32_t>(id)
                                          : encoding.oov_char.value_or(-1),
                      .known = known});
  });
  if (preprocessing_.length > 0) {
    const std::vector<int32_t> ids =
        datasets::imdb::Encode(text, preprocessing_.word_index, encoding);
    return ExplainSequence(text, ids, tokens);
  }
  Preprocessing sparse = preprocessing_;
  sparse.sparse = true;
  ADJOINT_ASSIGN_OR_RETURN(const nn::DataList x, VectorizeTexts(sparse, {std::string(text)}));
  return Explain(text, x.items()[0].csr(), tokens);
}

absl::StatusOr<MlpExplainer::Review> MlpExplainer::ExplainIds(absl::Span<const int32_t> ids) {
  const datasets::imdb::LoadOptions& encoding = preprocessing_.encoding;
  const datasets::WordIndex& index = preprocessing_.word_index;
  Review review;
  std::vector<Token> tokens;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i == 0 && encoding.start_char.has_value() && ids[0] == *encoding.start_char) continue;
    if (!review.text.empty()) review.text.push_back(' ');
    const absl::string_view word = index.word(int64_t{ids[i]} - encoding.index_from);
    const bool known = !word.empty() || index.size() == 0;
    const size_t begin = review.text.size();
    absl::StrAppend(&review.text, !word.empty()       ? std::string(word)
                                  : index.size() == 0 ? absl::StrCat("#", ids[i])
                                                      : "?");
    tokens.push_back({.begin = begin, .end = review.text.size(), .column = ids[i], .known = known});
  }
  if (preprocessing_.length > 0) {
    ADJOINT_ASSIGN_OR_RETURN(review.explanation, ExplainSequence(review.text, ids, tokens));
    return review;
  }
  datasets::Reviews one;
  one.Append(ids);
  ADJOINT_ASSIGN_OR_RETURN(const CsrMatrix row, datasets::VectorizeCsr(one, encoding.num_words));
  ADJOINT_ASSIGN_OR_RETURN(review.explanation, Explain(review.text, row, tokens));
  return review;
}

absl::StatusOr<Explanation> MlpExplainer::ExplainSequence(absl::string_view text,
                                                          absl::Span<const int32_t> ids,
                                                          const std::vector<Token>& tokens) {
  const int64_t length = preprocessing_.length;
  datasets::Reviews one;
  one.Append(ids);
  ADJOINT_ASSIGN_OR_RETURN(const Tensor padded, datasets::PadSequences(one, {.maxlen = length}));
  const nn::Data x(padded);
  if (!attribution_.has_value()) {
    ADJOINT_ASSIGN_OR_RETURN(attribution_, Attribution::Create(model_, x.spec(), EmbeddedWords));
  }
  ADJOINT_ASSIGN_OR_RETURN(const Attribution::Result result, attribution_->Run(model_, x));
  const int64_t units = result.shares.size() / length;
  // Of a token its place in the padded ids; the last token has the last one.
  int64_t place = length;
  for (const Token& token : tokens) place -= token.column >= 0 ? 1 : 0;
  Explanation explanation{.probability = result.probability, .logit = result.logit};
  std::map<int32_t, Explanation::Term> terms;  // by id
  double sum = 0;
  for (const Token& token : tokens) {
    Explanation::Word word{.begin = token.begin, .end = token.end, .known = token.known};
    if (token.column >= 0) {
      for (int64_t i = 0; place >= 0 && i < units; ++i) {
        word.contribution += result.shares.ValueAt(place * units + i);
      }
      ++place;
      Explanation::Term& term = terms[token.column];
      term.text = token.known
                      ? absl::AsciiStrToLower(text.substr(token.begin, token.end - token.begin))
                      : "(rare word)";
      ++term.count;
      term.contribution += word.contribution;
      sum += word.contribution;
    }
    explanation.words.push_back(word);
  }
  for (const auto& [id, term] : terms) explanation.terms.push_back(term);
  explanation.base = result.logit - sum;
  SortTerms(explanation);
  return explanation;
}

absl::StatusOr<Explanation> MlpExplainer::Explain(absl::string_view text, const CsrMatrix& row,
                                                  const std::vector<Token>& tokens) {
  const nn::Data x(row);
  if (!attribution_.has_value()) {
    ADJOINT_ASSIGN_OR_RETURN(attribution_, Attribution::Create(model_, x.spec()));
  }
  ADJOINT_ASSIGN_OR_RETURN(const Attribution::Result result, attribution_->Run(model_, x));
  std::map<int32_t, Explanation::Term> terms;  // by column
  for (const Token& token : tokens) {
    if (token.column < 0) continue;
    Explanation::Term& term = terms[token.column];
    term.text = token.known
                    ? absl::AsciiStrToLower(text.substr(token.begin, token.end - token.begin))
                    : "(rare word)";
    ++term.count;
  }
  Explanation explanation{.probability = result.probability, .logit = result.logit};
  double sum = 0;
  const absl::Span<const int32_t> columns = row.RowColumns(0);
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto term = terms.find(columns[i]);
    if (term == terms.end()) continue;  // the start of a review
    term->second.contribution = result.shares.ValueAt(static_cast<int64_t>(i));
    sum += term->second.contribution;
    explanation.terms.push_back(term->second);
  }
  for (const Token& token : tokens) {
    Explanation::Word word{.begin = token.begin, .end = token.end, .known = token.known};
    if (token.column >= 0) {
      const Explanation::Term& term = terms[token.column];
      word.contribution = term.contribution / static_cast<double>(term.count);
    }
    explanation.words.push_back(word);
  }
  explanation.base = result.logit - sum;
  SortTerms(explanation);
  return explanation;
}

}  // namespace adjoint::apps::imdb
