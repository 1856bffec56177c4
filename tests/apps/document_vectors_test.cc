#include "apps/imdb/networks/document_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/philox.h"
#include "datasets/synthetic_reviews.h"
#include "gmock/gmock.h"
#include "graph/function.h"
#include "gtest/gtest.h"

namespace adjoint::apps::imdb {
namespace {

using datasets::imdb::LabeledTexts;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Rows = std::vector<std::vector<double>>;

double Dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void AddTo(std::vector<double>& a, double c, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += c * b[i];
}

void Normalize(std::vector<double>& a) {
  const double length = std::sqrt(Dot(a, a));
  for (double& v : a) v /= length;
}

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

Rows RowsOf(const Tensor& t) {
  const int64_t n = t.shape().dim(0).value(), k = t.shape().dim(1).value();
  Rows rows(static_cast<size_t>(n));
  for (int64_t i = 0; i < n * k; ++i) rows[i / k].push_back(t.ValueAt(i));
  return rows;
}

Tensor RandomUnitRows(int64_t n, int64_t k, uint64_t seed) {
  PhiloxEngine random({.seed = seed});
  Tensor t = Tensor::Empty({DType::kF32, Shape{n, k}});
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> row;
    for (int64_t j = 0; j < k; ++j) row.push_back(UniformFloat(random()) - 0.5);
    Normalize(row);
    for (int64_t j = 0; j < k; ++j) {
      t.mutable_data<float>()[i * k + j] = static_cast<float>(row[j]);
    }
  }
  return t;
}

// Texts of 7 n-grams; one has none.
CsrMatrix Places() { return CsrMatrix::Create(7, {0, 3, 4, 4, 7}, {0, 2, 5, 2, 1, 2, 6}).value(); }

// The formulas of document_vector_layer.h, one text and one n-gram after the other.
std::vector<double> PlainVector(absl::Span<const int32_t> has, const Rows& ngrams,
                                const Rows& drawn, const DocumentVectorRule& rule, int steps) {
  std::vector<double> d(ngrams[0].size());
  if (has.empty()) return d;
  for (const int32_t w : has) AddTo(d, 1, ngrams[w]);
  Normalize(d);
  const double n = static_cast<double>(has.size());
  for (int step = 0; step < steps; ++step) {
    std::vector<double> g(d.size());
    for (const int32_t w : has) {
      AddTo(g, rule.alpha / n * Logistic(-rule.alpha * Dot(d, ngrams[w])), ngrams[w]);
    }
    for (const std::vector<double>& w : drawn) {
      AddTo(g,
            -rule.negatives * rule.alpha / static_cast<double>(drawn.size()) *
                Logistic(rule.alpha * Dot(d, w)),
            w);
    }
    AddTo(g, -Dot(g, d), d);
    AddTo(d, rule.step_size, g);
    Normalize(d);
  }
  return d;
}

TEST(DocumentVectorTest, IsThePlainFormula) {
  const Tensor ngrams = RandomUnitRows(7, 5, 1), drawn = RandomUnitRows(3, 5, 2);
  const DocumentVectorRule rule = {.units = 5, .steps = 3};
  const CsrMatrix x = Places();
  const auto g = std::make_shared<graph::Graph>();
  graph::Program program{.name = "vectors", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  const ops::CsrVar csr = g->CsrInput("x", 4, 7);
  program.AddInput("x", csr);
  program.AddOutput("vectors",
                    DocumentVectorsOf(csr, g->Constant(ngrams), g->Constant(drawn), rule));
  std::vector<Tensor> inputs, outputs;
  graph::AppendFeed(x, &inputs);
  const auto function = graph::Function::Create(program);
  ASSERT_TRUE(function.ok()) << function.status();
  ASSERT_TRUE((*function)->Run(inputs, nullptr, &outputs).ok());
  const Rows got = RowsOf(outputs[0]);
  for (int64_t row = 0; row < 4; ++row) {
    const std::vector<double> want =
        PlainVector(x.RowColumns(row), RowsOf(ngrams), RowsOf(drawn), rule, rule.steps);
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[row][i], want[i], 2e-6) << row;
  }
}

TEST(LearnNgramsTest, IsThePlainFormula) {
  const CsrMatrix x = Places();
  DocumentVectorSettings settings;
  settings.rule.units = 5;
  const std::vector<int64_t> drawn = {2, 6, 2};
  Tensor ngrams = RandomUnitRows(7, 5, 3);
  Tensor squares = Tensor::Of<float>({7, 1}, {0.5f, 0, 1, 2, 0, 0, 0});
  const Rows before = RowsOf(ngrams), sums = RowsOf(squares);
  const absl::Status learnt = LearnNgrams(x, drawn, 0.3, settings, &ngrams, &squares);
  ASSERT_TRUE(learnt.ok()) << learnt;
  const Rows after = RowsOf(ngrams), sums_after = RowsOf(squares);

  Rows documents;
  double all = 0;
  for (int64_t row = 0; row < 4; ++row) {
    documents.push_back(PlainVector(x.RowColumns(row), before, {before[2], before[6], before[2]},
                                    settings.rule, settings.steps));
    all += static_cast<double>(x.RowColumns(row).size());
  }
  for (int32_t w = 0; w < 7; ++w) {
    double count = 0;
    for (const int32_t column : x.columns().data<int32_t>()) count += column == w;
    std::vector<double> g(5);
    for (int64_t row = 0; row < 4; ++row) {
      const absl::Span<const int32_t> has = x.RowColumns(row);
      const double alpha = settings.rule.alpha, cosine = Dot(before[w], documents[row]);
      if (std::find(has.begin(), has.end(), w) != has.end()) {
        AddTo(g, alpha * Logistic(-alpha * cosine), documents[row]);
      }
      AddTo(g,
            -settings.rule.negatives * count * static_cast<double>(has.size()) / all * alpha *
                Logistic(alpha * cosine),
            documents[row]);
    }
    AddTo(g, -Dot(g, before[w]), before[w]);
    const double sum = sums[w][0] + Dot(g, g);
    std::vector<double> want = before[w];
    if (count > 0) {
      AddTo(want, 0.3 / std::sqrt(sum), g);
      Normalize(want);
    }
    EXPECT_NEAR(sums_after[w][0], count > 0 ? sum : sums[w][0], 1e-4) << w;
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(after[w][i], want[i], 5e-6) << w;
  }
}

LabeledTexts Synthetic(bool train, int size) {
  const datasets::ReviewCorpus corpus = datasets::SyntheticReviews(7, size, size);
  LabeledTexts texts;
  for (const datasets::TextReview& review : train ? corpus.train : corpus.test) {
    texts.texts.push_back(review.text);
    texts.labels.push_back(static_cast<uint8_t>(review.label));
  }
  return texts;
}

DocumentVectorSettings Small() {
  DocumentVectorSettings settings;
  settings.rule.units = 16;
  settings.min_texts = 3;
  settings.batch_size = 32;
  settings.drawn = 64;
  return settings;
}

TEST(TrainDocumentVectorsTest, IsTheSameOnAnyNumberOfThreads) {
  const LabeledTexts labeled = Synthetic(true, 200), unlabeled = Synthetic(false, 300);
  const int threads = NumThreads();
  std::string told;
  std::map<std::string, double> shares;  // of each step, the last
  bool ascend = true;
  SetNumThreads(1);
  const DocumentVectors one =
      TrainDocumentVectors(unlabeled.texts, labeled, Small(),
                           {.tell = [&](const std::string& line) { told += line; },
                            .progress =
                                [&](absl::string_view what, double share) {
                                  double& last = shares[std::string(what)];
                                  ascend = ascend && share >= last;
                                  last = share;
                                }})
          .value();
  SetNumThreads(2);
  const DocumentVectors two = TrainDocumentVectors(unlabeled.texts, labeled, Small()).value();
  SetNumThreads(threads);
  EXPECT_TRUE(ascend);
  EXPECT_THAT(shares, ElementsAre(Pair("Counting n-grams", DoubleNear(1, 1e-9)),
                                  Pair("Learning", DoubleNear(1, 1e-9))));
  EXPECT_THAT(told, HasSubstr("Epoch 4/4"));
  const auto bytes = [](const Tensor& t) {
    return std::string(static_cast<const char*>(t.raw()), static_cast<size_t>(t.bytes()));
  };
  EXPECT_EQ(bytes(one.ngrams), bytes(two.ngrams));
  EXPECT_EQ(bytes(one.drawn), bytes(two.drawn));
  // Texts of one label are nearer to each other than to those of the other.
  const Rows vectors = RowsOf(VectorsOf(labeled.texts, one).value());
  double same = 0, other = 0;
  for (size_t i = 0; i < vectors.size(); ++i) {
    EXPECT_NEAR(Dot(vectors[i], vectors[i]), 1, 1e-5);
    for (size_t j = 0; j < i; ++j) {
      (labeled.labels[i] == labeled.labels[j] ? same : other) += Dot(vectors[i], vectors[j]);
    }
  }
  EXPECT_GT(same, 1.02 * other);
}

TEST(TrainDocumentVectorsTest, NothingThatTellsLabelsApartIsAnError) {
  LabeledTexts labeled = Synthetic(true, 50);
  DocumentVectorSettings settings = Small();
  settings.least_ratio = 50;
  EXPECT_THAT(
      TrainDocumentVectors(Synthetic(false, 50).texts, labeled, settings).status().ToString(),
      HasSubstr("tells the labels of 50 apart"));
}

TEST(VectorsOfTest, ATextsVectorDoesNotDependOnTheOthers) {
  const LabeledTexts labeled = Synthetic(true, 100);
  const DocumentVectors vectors = TrainDocumentVectors(labeled.texts, labeled, Small()).value();
  const Rows together = RowsOf(VectorsOf(labeled.texts, vectors).value());
  const Rows alone =
      RowsOf(VectorsOf(absl::MakeConstSpan(labeled.texts).subspan(7, 1), vectors).value());
  for (size_t i = 0; i < alone[0].size(); ++i) EXPECT_NEAR(alone[0][i], together[7][i], 1e-6);
  const Rows unknown = RowsOf(VectorsOf({"qwertyuiop"}, vectors).value());
  EXPECT_EQ(Dot(unknown[0], unknown[0]), 0);
}

}  // namespace
}  // namespace adjoint::apps::imdb
