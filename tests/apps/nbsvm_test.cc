#include "apps/imdb/networks/nbsvm.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "apps/imdb/network.h"
#include "apps/imdb/networks/naive_bayes.h"
#include "apps/imdb/networks/ngrams.h"
#include "core/parallel.h"
#include "datasets/synthetic_reviews.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace adjoint::apps::imdb {
namespace {

using datasets::imdb::LabeledTexts;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Words(const std::string& text, const NgramRule& rule = {}) {
  std::vector<std::string> words;
  for (const Token& t : Tokenize(text, rule))
    words.push_back(text.substr(t.begin, t.end - t.begin));
  return words;
}

TEST(TokenizeTest, WordsAndMarks) {
  EXPECT_THAT(Words("It isn't bad.<br /><br />Well... \"OK\"!!!!! 'so'--7/10"),
              ElementsAre("It", "isn't", "bad", ".", "Well", "...", "\"", "OK", "\"", "!!!!", "!",
                          "'", "so", "'", "--", "7", "/", "10"));
  EXPECT_THAT(Words("It isn't bad.<BR>Well...", {.punctuation = false}),
              ElementsAre("It", "isn't", "bad", "Well"));
  EXPECT_THAT(Words("a < b"), ElementsAre("a", "<", "b"));
  EXPECT_THAT(Words(" \t\n"), ElementsAre());
}

TEST(TokenizeTest, AnyBytesAreAText) {
  const std::string text("caf\xe9 \xff\xfe \0x <br", 15);
  EXPECT_THAT(Words(text), ElementsAre("caf\xe9", "\xff\xfe", "x", "<", "br"));
  EXPECT_THAT(Words(""), ElementsAre());
}

TEST(TokenizeTest, CapitalsCountAsSmall) {
  const std::vector<Token> a = Tokenize("GREAT", {}), b = Tokenize("great", {}),
                           c = Tokenize("greet", {});
  EXPECT_EQ(a[0].hash, b[0].hash);
  EXPECT_NE(b[0].hash, c[0].hash);
}

// N-grams as texts, counted the plain way.
std::map<std::string, std::pair<int, int>> PlainCounts(const LabeledTexts& reviews,
                                                       const NgramRule& rule, int min_texts) {
  std::map<std::string, std::pair<int, int>> counts;
  for (size_t i = 0; i < reviews.texts.size(); ++i) {
    const std::vector<std::string> words = Words(absl::AsciiStrToLower(reviews.texts[i]), rule);
    std::set<std::string> ngrams;
    for (size_t first = 0; first < words.size(); ++first) {
      std::string ngram;
      for (size_t k = first; k < words.size() && k < first + rule.max_length; ++k) {
        ngram += words[k] + " ";
        ngrams.insert(ngram);
      }
    }
    for (const std::string& ngram : ngrams) {
      ++(reviews.labels[i] == 1 ? counts[ngram].first : counts[ngram].second);
    }
  }
  std::erase_if(counts, [&](const auto& entry) {
    return entry.second.first + entry.second.second < min_texts;
  });
  return counts;
}

uint64_t FingerprintOf(const std::string& ngram) {
  uint64_t fingerprint = 0;
  for (const Token& token : Tokenize(ngram, {})) fingerprint = ExtendNgram(fingerprint, token);
  return fingerprint;
}

LabeledTexts Synthetic(bool train = true, int size = 300) {
  const datasets::ReviewCorpus corpus = datasets::SyntheticReviews(7, size, size);
  LabeledTexts texts;
  for (const datasets::TextReview& review : train ? corpus.train : corpus.test) {
    texts.texts.push_back(review.text);
    texts.labels.push_back(static_cast<uint8_t>(review.label));
  }
  return texts;
}

TEST(CountNgramsTest, CountsAsAPlainLoopDoes) {
  const LabeledTexts reviews = Synthetic();
  for (const int min_texts : {1, 2, 5}) {
    const NgramRule rule = {.max_length = min_texts == 5 ? 2 : 3};
    const NgramCounts counts = CountNgrams(reviews.texts, reviews.labels, rule, min_texts).value();
    const auto plain = PlainCounts(reviews, rule, min_texts);
    ASSERT_EQ(counts.vocabulary.size(), static_cast<int64_t>(plain.size()));
    for (const auto& [ngram, count] : plain) {
      const int32_t column = counts.vocabulary.Column(FingerprintOf(ngram));
      ASSERT_GE(column, 0) << ngram;
      EXPECT_EQ(counts.positive[column], count.first) << ngram;
      EXPECT_EQ(counts.negative[column], count.second) << ngram;
    }
    EXPECT_EQ(counts.vocabulary.Column(FingerprintOf("no such words here")), -1);
  }
}

TEST(CountNgramsTest, NothingToCountIsAnError) {
  const std::vector<std::string> texts = {"one", "", "two"};
  const std::vector<uint8_t> labels = {1, 0, 0};
  EXPECT_THAT(CountNgrams(texts, labels, {}, 2).status().ToString(),
              HasSubstr("none of the n-grams of 3 reviews stands in 2 of them or more: there is "
                        "nothing to learn from"));
  EXPECT_THAT(CountNgrams(texts, labels, {.max_length = 9}, 1).status().ToString(),
              HasSubstr("n-grams of up to 9 tokens; 1 to 8 are possible"));
  EXPECT_THAT(NgramVocabulary::Create({}, {5, 5}).status().ToString(),
              HasSubstr("the fingerprint of n-gram 1 is not above the one before"));
}

TEST(NgramRowsTest, RowsTimesScaleHaveLengthOne) {
  const LabeledTexts reviews = Synthetic();
  const NgramCounts counts = CountNgrams(reviews.texts, reviews.labels, {}, 2).value();
  const std::vector<float> ratio = LogCountRatio(counts.positive, counts.negative, 1);
  std::vector<std::string> texts = reviews.texts;
  texts.push_back("qwertyuiop");
  const CsrMatrix x = NgramRows(texts, counts.vocabulary, ratio).value();
  ASSERT_EQ(x.rows(), 301);
  ASSERT_EQ(x.cols(), counts.vocabulary.size());
  for (int64_t row = 0; row < 300; ++row) {
    double squares = 0;
    for (size_t i = 0; i < x.RowColumns(row).size(); ++i) {
      squares += std::pow(x.RowValues(row)[i] * ratio[x.RowColumns(row)[i]], 2);
    }
    EXPECT_NEAR(squares, 1, 1e-5);
  }
  EXPECT_TRUE(x.RowColumns(300).empty());
}

TEST(LogCountRatioTest, IsThePapersFormula) {
  // p = (1+3, 1+0) / 5, q = (1+1, 1+2) / 5.
  const std::vector<float> ratio = LogCountRatio({3, 0}, {1, 2}, 1);
  EXPECT_NEAR(ratio[0], std::log(4.0 / 2), 1e-6);
  EXPECT_NEAR(ratio[1], std::log(1.0 / 3), 1e-6);
}

double Accuracy(Nbsvm& nbsvm, const LabeledTexts& reviews) {
  const std::vector<float> p = nbsvm.Predict(reviews.texts).value();
  double right = 0;
  for (size_t i = 0; i < p.size(); ++i) right += (p[i] > 0.5f) == (reviews.labels[i] == 1);
  return right / static_cast<double>(p.size());
}

TEST(NbsvmTest, LearnsAndIsTheSameOnAnyNumberOfThreads) {
  const LabeledTexts train = Synthetic(), test = Synthetic(false);
  NbsvmSettings settings;
  settings.batch_size = NbsvmBatchSize(300);
  const int threads = NumThreads();
  SetNumThreads(1);
  Nbsvm one = TrainNbsvm(train, settings, {.validation = &test}).value();
  SetNumThreads(2);
  std::vector<double> shares;
  Nbsvm two = TrainNbsvm(train, settings,
                         {.progress =
                              [&](absl::string_view what, double share) {
                                EXPECT_EQ(what, "Counting n-grams");
                                shares.push_back(share);
                              }})
                  .value();
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_GT(shares.size(), 2u);
  EXPECT_NEAR(shares.back(), 1, 1e-9);
  SetNumThreads(threads);
  const double accuracy = Accuracy(one, test);
  EXPECT_GT(accuracy, 0.75);
  EXPECT_GT(Accuracy(one, train), accuracy);
  EXPECT_NEAR(one.history["val_binary_accuracy"].back(), accuracy, 1e-6);
  EXPECT_EQ(WeightsSha256(one.model).value(), WeightsSha256(two.model).value());
  EXPECT_THAT(one.Predict({}).value(), ElementsAre());
  // Nothing known: what the labels' frequencies say.
  EXPECT_THAT(one.Predict({"", "qwertyuiop"}).value(), ElementsAre(0.5f, 0.5f));
}

TEST(NbsvmTest, TheFrozenRatioDoesNotMove) {
  const LabeledTexts train = Synthetic();
  NbsvmSettings settings;
  settings.batch_size = 16;
  const Nbsvm nbsvm = TrainNbsvm(train, settings).value();
  const NgramCounts counts =
      CountNgrams(train.texts, train.labels, settings.rule, settings.min_texts).value();
  const std::vector<float> ratio = LogCountRatio(counts.positive, counts.negative, 1);
  const NbsvmWeights weights = nbsvm.Weights().value();
  EXPECT_TRUE(std::equal(ratio.begin(), ratio.end(), weights.ratio.begin(), weights.ratio.end()));
  EXPECT_GT(*std::max_element(weights.kernel.begin(), weights.kernel.end()), 0);
}

TEST(NbsvmTest, OneLabelAloneIsAnError) {
  LabeledTexts train = Synthetic();
  std::fill(train.labels.begin(), train.labels.end(), 1);
  EXPECT_THAT(TrainNbsvm(train, {}).status().ToString(),
              HasSubstr("naive Bayes wants a label a text and texts of both labels, but was given "
                        "300 texts and 300 labels, 300 of them positive"));
}

}  // namespace
}  // namespace adjoint::apps::imdb
