#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "benchmarks/baselines/csr_loop.h"
#include "benchmarks/baselines/notebook.h"
#include "benchmarks/baselines/raw_onednn.h"
#include "gtest/gtest.h"

namespace adjoint::benchmarks {
namespace {

constexpr int64_t kCols = 300;

struct Reviews {
  std::vector<int32_t> row_offsets = {0};
  std::vector<int32_t> columns;
  std::vector<float> labels;

  CsrData View() const {
    return {static_cast<int64_t>(labels.size()), kCols, row_offsets.data(), columns.data(),
            labels.data()};
  }
};

// Rows of differing lengths, one of them empty; the label says whether columns below 30 outnumber
// those of 30 to 59.
Reviews MakeReviews(int64_t rows, uint64_t seed) {
  std::mt19937_64 random(seed);
  Reviews reviews;
  for (int64_t r = 0; r < rows; ++r) {
    std::set<int32_t> columns;
    if (r != rows / 2) {
      const bool positive = random() % 2 == 0;
      for (uint64_t i = 0, n = 3 + random() % 8; i < n; ++i) {
        columns.insert(static_cast<int32_t>(random() % 30 + (positive ? 0 : 30)));
      }
      for (uint64_t i = 0, n = random() % 60; i < n; ++i) {
        columns.insert(static_cast<int32_t>(random() % kCols));
      }
    }
    int balance = 0;
    for (int32_t column : columns) balance += column < 30 ? 1 : column < 60 ? -1 : 0;
    reviews.columns.insert(reviews.columns.end(), columns.begin(), columns.end());
    reviews.row_offsets.push_back(static_cast<int32_t>(reviews.columns.size()));
    reviews.labels.push_back(balance > 0 ? 1.0f : 0.0f);
  }
  return reviews;
}

// The same training in double precision, written for clarity: what both rivals must compute.
struct PlainNetwork {
  using Values = std::vector<double>;
  Values p[6], s[6], g[6];  // w1 b1 w2 b2 w3 b3

  explicit PlainNetwork(const NotebookWeights& w) {
    const std::vector<float>* from[] = {&w.w1, &w.b1, &w.w2, &w.b2, &w.w3, &w.b3};
    for (int i = 0; i < 6; ++i) {
      p[i].assign(from[i]->begin(), from[i]->end());
      s[i].assign(p[i].size(), 0.0);
      g[i] = s[i];
    }
  }

  // The loss of one row; adds scale times its gradient.
  double Row(const CsrData& data, int64_t row, double scale) {
    const int n = kHidden;
    Values h1 = p[1], h2 = p[3], d1(n), d2(n);
    double z = p[5][0];
    for (int32_t i = data.row_offsets[row]; i < data.row_offsets[row + 1]; ++i) {
      for (int j = 0; j < n; ++j) h1[j] += p[0][data.columns[i] * n + j];
    }
    for (double& h : h1) h = std::max(h, 0.0);
    for (int k = 0; k < n; ++k) {
      for (int j = 0; j < n; ++j) h2[j] += h1[k] * p[2][k * n + j];
    }
    for (double& h : h2) h = std::max(h, 0.0);
    for (int j = 0; j < n; ++j) z += h2[j] * p[4][j];
    const double y = data.labels[row];
    const double dz = (1.0 / (1.0 + std::exp(-z)) - y) * scale;
    g[5][0] += dz;
    for (int j = 0; j < n; ++j) {
      g[4][j] += dz * h2[j];
      d2[j] = h2[j] > 0 ? dz * p[4][j] : 0.0;
      g[3][j] += d2[j];
    }
    for (int k = 0; k < n; ++k) {
      for (int j = 0; j < n; ++j) {
        g[2][k * n + j] += h1[k] * d2[j];
        if (h1[k] > 0) d1[k] += p[2][k * n + j] * d2[j];
      }
      g[1][k] += d1[k];
    }
    for (int32_t i = data.row_offsets[row]; i < data.row_offsets[row + 1]; ++i) {
      for (int j = 0; j < n; ++j) g[0][data.columns[i] * n + j] += d1[j];
    }
    return std::log1p(std::exp(-std::abs(z))) + std::max(z, 0.0) - y * z;
  }

  void Update() {
    for (int i = 0; i < 6; ++i) {
      for (size_t j = 0; j < p[i].size(); ++j) {
        s[i][j] = 0.9 * s[i][j] + 0.1 * g[i][j] * g[i][j];
        p[i][j] -= 1e-3 * g[i][j] / (std::sqrt(s[i][j]) + 1e-7);
        g[i][j] = 0;
      }
    }
  }
};

std::vector<double> PlainLosses(const CsrData& data, const NotebookOptions& options) {
  PlainNetwork network(InitialWeights(data.cols, options.seed));
  EpochOrder order(data.rows, options.seed, options.shuffle);
  std::vector<double> losses;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const std::vector<int32_t>& rows = order.Next();
    double loss = 0;
    for (int64_t first = 0; first < data.rows; first += options.batch) {
      const int64_t n = std::min<int64_t>(options.batch, data.rows - first);
      for (int64_t i = first; i < first + n; ++i) loss += network.Row(data, rows[i], 1.0 / n);
      network.Update();
    }
    losses.push_back(loss / static_cast<double>(data.rows));
  }
  return losses;
}

void ExpectNear(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "epoch " << i;
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << "element " << i;
}

class BaselinesTest : public testing::Test {
 protected:
  BaselinesTest() { options_.batch = 64; }

  // 1000 and 150 rows: the last batches are smaller.
  const Reviews train_ = MakeReviews(1000, 1);
  const Reviews validation_ = MakeReviews(150, 2);
  NotebookOptions options_;
};

TEST_F(BaselinesTest, AgreeWithEachOtherAndWithThePlainNetwork) {
  options_.epochs = 3;
  const CsrData train = train_.View(), validation = validation_.View();
  const std::vector<double> plain = PlainLosses(train, options_);
  const auto dense_train = Densify(train);
  const auto dense_validation = Densify(validation);
  ASSERT_TRUE(dense_train.ok() && dense_validation.ok());
  for (int threads : {1, 2, 3}) {
    SCOPED_TRACE(threads);
    options_.threads = threads;
    const NotebookResult loop = TrainCsrLoop(train, &validation, options_);
    const auto onednn = TrainRawOneDnn(*dense_train, &*dense_validation, options_);
    ASSERT_TRUE(onednn.ok()) << onednn.status();
    ExpectNear(loop.loss, plain, 1e-4);
    ExpectNear(onednn->loss, plain, 1e-4);
    ExpectNear(loop.val_loss, onednn->val_loss, 1e-4);
    // One row of 150 may fall on the other side of one half.
    ExpectNear(loop.val_accuracy, onednn->val_accuracy, 0.01);
    ExpectNear(loop.accuracy, onednn->accuracy, 0.003);
    ExpectNear(loop.weights.w1, onednn->weights.w1, 1e-3f);
    ExpectNear(loop.weights.b1, onednn->weights.b1, 1e-3f);
    ExpectNear(loop.weights.w2, onednn->weights.w2, 1e-3f);
    ExpectNear(loop.weights.b2, onednn->weights.b2, 1e-3f);
    ExpectNear(loop.weights.w3, onednn->weights.w3, 1e-3f);
    ExpectNear(loop.weights.b3, onednn->weights.b3, 1e-3f);
  }
}

TEST_F(BaselinesTest, Learn) {
  options_.epochs = 20;
  const CsrData train = train_.View(), validation = validation_.View();
  const auto dense_train = Densify(train);
  const auto dense_validation = Densify(validation);
  ASSERT_TRUE(dense_train.ok() && dense_validation.ok());
  const auto onednn = TrainRawOneDnn(*dense_train, &*dense_validation, options_);
  ASSERT_TRUE(onednn.ok()) << onednn.status();
  for (const NotebookResult& result : {TrainCsrLoop(train, &validation, options_), *onednn}) {
    ASSERT_EQ(result.loss.size(), 20u);
    EXPECT_GT(result.loss.front(), 0.6);
    EXPECT_LT(result.loss.back(), 0.4 * result.loss.front());
    EXPECT_LT(result.val_loss.back(), 0.6 * result.val_loss.front());
    EXPECT_GT(result.val_accuracy.back(), 0.9);
    EXPECT_GT(result.seconds, 0.0);
  }
}

TEST_F(BaselinesTest, ShuffleIsAPermutationThatDiffersByEpochAndSeed) {
  EpochOrder order(1000, 1, true), other(1000, 2, true), fixed(1000, 1, false);
  const std::vector<int32_t> first = order.Next();
  const std::vector<int32_t> second = order.Next();
  EXPECT_NE(first, second);
  EXPECT_NE(first, other.Next());
  std::vector<int32_t> sorted = second;
  std::sort(sorted.begin(), sorted.end());
  for (int32_t i = 0; i < 1000; ++i) EXPECT_EQ(sorted[i], i);
  EXPECT_EQ(fixed.Next(), sorted);
}

TEST_F(BaselinesTest, WithoutShufflingOrValidation) {
  options_.epochs = 2;
  options_.shuffle = false;
  const CsrData train = train_.View();
  const auto dense = Densify(train);
  ASSERT_TRUE(dense.ok());
  const NotebookResult loop = TrainCsrLoop(train, nullptr, options_);
  const auto onednn = TrainRawOneDnn(*dense, nullptr, options_);
  ASSERT_TRUE(onednn.ok()) << onednn.status();
  ExpectNear(loop.loss, PlainLosses(train, options_), 1e-4);
  ExpectNear(loop.loss, onednn->loss, 1e-4);
  EXPECT_TRUE(loop.val_loss.empty());
  EXPECT_TRUE(onednn->val_loss.empty());
}

TEST_F(BaselinesTest, TheLoopRepeatsItsBits) {
  options_.epochs = 2;
  const CsrData train = train_.View();
  const NotebookResult a = TrainCsrLoop(train, nullptr, options_);
  const NotebookResult b = TrainCsrLoop(train, nullptr, options_);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.weights.w1, b.weights.w1);
}

}  // namespace
}  // namespace adjoint::benchmarks
