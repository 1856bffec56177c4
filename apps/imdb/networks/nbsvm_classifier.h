#ifndef ADJOINT_APPS_IMDB_NETWORKS_NBSVM_CLASSIFIER_H_
#define ADJOINT_APPS_IMDB_NETWORKS_NBSVM_CLASSIFIER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/networks/nbsvm.h"
#include "apps/imdb/options.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

// The section that only files with an NB-SVM have.
inline constexpr char kNgramSection[] = "imdb.ngrams";

// Writes the section: with it the model file is all that a prediction needs.
absl::Status AttachNgrams(const std::string& source, bool synthetic, Nbsvm& nbsvm);

// Errors: the section is missing, damaged, or does not fit the network.
absl::StatusOr<std::unique_ptr<Classifier>> LoadNbsvm(nn::Model model);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_NBSVM_CLASSIFIER_H_
