#ifndef ADJOINT_APPS_IMDB_NETWORKS_TEXTS_H_
#define ADJOINT_APPS_IMDB_NETWORKS_TEXTS_H_

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/imdb/options.h"
#include "datasets/imdb.h"

namespace adjoint::apps::imdb {

// The reviews as they were written, for networks that read more than a set of words.
struct TextCorpus {
  datasets::imdb::LabeledTexts train, test;
  std::vector<std::string> unlabeled;  // where they were asked for
  std::string source;                  // "IMDB reviews (/data/aclImdb_v1.tar.gz)"
  bool synthetic = false;              // the built-in reviews
  // Off where the reviews were put together from the ids of an npz file: words alone, in small
  // letters.
  bool punctuation = true;
};

// Loads what options.data names; the raw texts where a folder has both them and imdb.npz. Where it
// names nothing, nothing is found and nothing can be downloaded, the result is the synthetic
// corpus. Tells `out` what it does, in a line each. Errors besides those of reading: an npz file
// without word index; training or test reviews that are too few, or training reviews of one label
// alone; no reviews without labels, where `unlabeled` asks for them.
absl::StatusOr<TextCorpus> LoadTexts(const Options& options, std::ostream& out,
                                     bool unlabeled = false);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NETWORKS_TEXTS_H_
