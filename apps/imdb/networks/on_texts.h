#ifndef ADJOINT_APPS_IMDB_NETWORKS_ON_TEXTS_H_
#define ADJOINT_APPS_IMDB_NETWORKS_ON_TEXTS_H_

#include "absl/status/status.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// The command train, and no command, for options.network "nbsvm": trains with validation and draws
// the charts, trains anew on all training reviews, evaluates that on the test reviews and saves it.
absl::Status RunTrainNbsvm(const Options& options);

// The command evaluate for a classifier that reads texts.
absl::Status RunEvaluateOnTexts(const Options& options, Classifier& classifier);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_ON_TEXTS_H_
