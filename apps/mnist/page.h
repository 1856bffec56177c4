#ifndef ADJOINT_APPS_MNIST_PAGE_H_
#define ADJOINT_APPS_MNIST_PAGE_H_

#include <string>

#include "apps/chart.h"
#include "apps/mnist/digits.h"
#include "apps/mnist/mistakes.h"
#include "apps/mnist/options.h"
#include "nn/history.h"
#include "nn/model.h"

namespace adjoint::apps::mnist {

// A training and what came of it. Borrowed.
struct RunSummary {
  const Options* options = nullptr;
  const DigitData* data = nullptr;
  const nn::Model* model = nullptr;
  const nn::History* history = nullptr;
  const Judgement* judgement = nullptr;  // on the test images
  double test_loss = 0;
  double train_seconds = 0;
};

// The run as a page of its own: settings, curves, confusion matrix, mistakes, the network.
std::string RunPage(const RunSummary& run);

// The curve of "loss" or "accuracy", with validation where there was one.
Chart ChartOf(const nn::History& history, const std::string& name);

}  // namespace adjoint::apps::mnist

#endif  // ADJOINT_APPS_MNIST_PAGE_H_
