#ifndef ADJOINT_APPS_IMDB_NETWORKS_ON_TEXTS_H_
#define ADJOINT_APPS_IMDB_NETWORKS_ON_TEXTS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// Whether the network reads texts as they are written: "nbsvm" and "ensemble".
bool ReadsTexts(absl::string_view network);

// The command train, and no command, for such a network: trains on all training reviews, saves the
// model, evaluates it on the test reviews and writes report.html. "nbsvm" is first trained with
// validation, and its charts are drawn; "ensemble" also learns from the reviews without labels.
absl::Status RunTrainOnTexts(const Options& options);

// The command evaluate for a classifier that reads texts.
absl::Status RunEvaluateOnTexts(const Options& options, Classifier& classifier);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_ON_TEXTS_H_
