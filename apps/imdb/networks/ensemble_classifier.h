#ifndef ADJOINT_APPS_IMDB_NETWORKS_ENSEMBLE_CLASSIFIER_H_
#define ADJOINT_APPS_IMDB_NETWORKS_ENSEMBLE_CLASSIFIER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/networks/ensemble.h"

namespace adjoint::apps::imdb {

// The section that only files with an ensemble have.
inline constexpr char kEnsembleSection[] = "imdb.ensemble";

// Writes the section: with it the model file is all that a prediction needs.
absl::Status AttachVocabularies(const std::string& source, bool synthetic, Ensemble& ensemble);

// Errors: the section is missing, damaged, or does not fit the network.
absl::StatusOr<std::unique_ptr<Classifier>> LoadEnsemble(nn::Model model);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_ENSEMBLE_CLASSIFIER_H_
