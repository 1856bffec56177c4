#ifndef ADJOINT_APPS_IMDB_COMMANDS_H_
#define ADJOINT_APPS_IMDB_COMMANDS_H_

#include "absl/status/status.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// Trains one network with validation, evaluates it on the test reviews and saves it, with charts.
absl::Status RunTrain(const Options& options);

// Loss and accuracy of the saved model on the test reviews.
absl::Status RunEvaluate(const Options& options);

// A line a review on standard output: probability that it is positive, a tab, the label.
absl::Status RunPredict(const Options& options);

// The probability of one review and what each of its words adds; --html writes that as a page.
absl::Status RunExplain(const Options& options);

// Serves a page and a JSON endpoint (apps/imdb/serve/api.h) on 127.0.0.1 until a signal stops it.
absl::Status RunServe(const Options& options);

// Trains the variants that the book's chapter suggests (apps/imdb/experiments.h).
absl::Status RunExperiments(const Options& options);

// A review of the data as words.
absl::Status RunDecode(const Options& options);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_COMMANDS_H_
