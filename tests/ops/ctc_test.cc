#include "ops/ctc.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "graph/executable.h"
#include "graph/gradient_check.h"
#include "graph/gradients.h"
#include "graph/graph.h"
#include "gtest/gtest.h"
#include "ops/softmax.h"
#include "tests/ops/run_kernel.h"

namespace adjoint::ops {
namespace {

using adjoint::testing::Prepare;

struct Problem {
  Tensor x, labels, inputs, lengths;  // x: of log-probabilities, f64

  absl::StatusOr<Tensor> Loss(int64_t blank = 0, bool zero_infinity = false) const {
    const std::vector<Tensor> operands = {x, labels, inputs, lengths};
    auto prepared =
        Prepare(CtcLossOp(), operands, {{"blank", blank}, {"zero_infinity", zero_infinity}});
    if (!prepared.ok()) return prepared.status();
    return prepared->Run(operands);
  }
};

Problem MakeProblem(int64_t steps, std::vector<int32_t> labels, int64_t classes) {
  Problem p;
  p.x = Tensor::Empty({DType::kF64, {steps, 1, classes}});
  for (int64_t t = 0; t < steps; ++t) {
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += 1.5 + std::sin(static_cast<double>(3 * t + 5 * k));
    for (int64_t k = 0; k < classes; ++k) {
      p.x.mutable_data<double>()[t * classes + k] =
          std::log((1.5 + std::sin(static_cast<double>(3 * t + 5 * k))) / sum);
    }
  }
  const int64_t n = static_cast<int64_t>(labels.size());
  p.labels = Tensor::Of<int32_t>({1, n}, labels);
  p.inputs = Tensor::Of<int32_t>({1}, {static_cast<int32_t>(steps)});
  p.lengths = Tensor::Of<int32_t>({1}, {static_cast<int32_t>(n)});
  return p;
}

// The sum over all paths, each read as Graves reads it.
double ByEnumeration(const Problem& p, int32_t blank) {
  const int64_t steps = p.x.shape()[0], classes = p.x.shape()[2];
  const std::vector<int32_t> want(p.labels.data<int32_t>().begin(), p.labels.data<int32_t>().end());
  int64_t paths = 1;
  for (int64_t t = 0; t < steps; ++t) paths *= classes;
  double total = 0;
  for (int64_t path = 0; path < paths; ++path) {
    std::vector<int32_t> read;
    int64_t rest = path;
    int32_t previous = -1;
    double log = 0;
    for (int64_t t = 0; t < steps; ++t) {
      const int32_t k = static_cast<int32_t>(rest % classes);
      rest /= classes;
      log += p.x.data<double>()[t * classes + k];
      if (k != previous && k != blank) read.push_back(k);
      previous = k;
    }
    if (read == want) total += std::exp(log);
  }
  return -std::log(total);
}

TEST(CtcTest, IsTheSumOverAllPaths) {
  for (const auto& labels :
       std::vector<std::vector<int32_t>>{{}, {1}, {2, 1}, {1, 1}, {2, 2, 1}, {1, 2, 1, 2, 1}}) {
    const Problem p = MakeProblem(5, labels, 3);
    EXPECT_NEAR(p.Loss()->item<double>(), ByEnumeration(p, 0), 1e-12) << labels.size();
  }
  const Problem p = MakeProblem(4, {0, 1}, 3);
  EXPECT_NEAR(p.Loss(2)->item<double>(), ByEnumeration(p, 2), 1e-12);
}

TEST(CtcTest, ImpossibleSequences) {
  const Problem p = MakeProblem(2, {1, 1}, 3);
  EXPECT_EQ(p.Loss()->item<double>(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(p.Loss(0, true)->item<double>(), 0);
}

TEST(CtcTest, MistakesInValues) {
  const auto message = [](Problem p, void (*change)(Problem&)) {
    change(p);
    return std::string(p.Loss().status().message());
  };
  const Problem p = MakeProblem(4, {1, 2}, 3);
  EXPECT_EQ(message(p,
                    [](Problem& q) {
                      q.labels = Tensor::Of<int32_t>({1, 2}, {1, 3});
                    }),
            "ctc_loss: label 3 of sample 0 is outside 0..2");
  EXPECT_EQ(message(p,
                    [](Problem& q) {
                      q.labels = Tensor::Of<int32_t>({1, 2}, {0, 1});
                    }),
            "ctc_loss: label 0 of sample 0 is outside the classes other than the blank");
  EXPECT_EQ(message(p, [](Problem& q) { q.inputs = Tensor::Of<int32_t>({1}, {5}); }),
            "ctc_loss: the input length 5 of sample 0 is outside 0..4");
  EXPECT_EQ(message(p, [](Problem& q) { q.lengths = Tensor::Of<int32_t>({1}, {-1}); }),
            "ctc_loss: the label length -1 of sample 0 is outside 0..2");
}

// Of the log-probabilities as they are, and behind a softmax.
TEST(CtcTest, GradientAgreesWithDifferences) {
  for (bool softmax : {false, true}) {
    const Problem p = MakeProblem(5, {2, 2, 1}, 3);
    const auto build = [&](absl::Span<const Var> x) {
      Builder& b = *x[0].builder;
      const Var y = softmax ? LogSoftmax(x[0]) : x[0];
      return std::vector<Var>{
          CtcLoss(y, Constant(b, p.labels), Constant(b, p.inputs), Constant(b, p.lengths))};
    };
    const absl::Status status = graph::CheckGradients(build, {p.x}, {.order = 1});
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(CtcTest, HasNoSecondDerivative) {
  const Problem p = MakeProblem(4, {1, 2}, 3);
  graph::Graph g;
  const Var x = g.Input("x", p.x.spec());
  const Var loss = CtcLoss(x, Constant(g, p.labels), Constant(g, p.inputs), Constant(g, p.lengths));
  const Var wanted[] = {x};
  const Var first = graph::Gradients(loss, wanted)[0];
  ASSERT_TRUE(g.status().ok()) << g.status();
  graph::Gradients(first, wanted);
  EXPECT_NE(g.status().message().find("ctc_loss_gradient has no gradient with respect to"),
            absl::string_view::npos)
      << g.status();
}

}  // namespace
}  // namespace adjoint::ops
