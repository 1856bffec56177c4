#ifndef ADJOINT_DATASETS_IMDB_TEXTS_H_
#define ADJOINT_DATASETS_IMDB_TEXTS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/imdb.h"

namespace adjoint::datasets::imdb {

// The reviews of the Large Movie Review Dataset as they are: train and test, each with the texts of
// pos (label 1) and then of neg (label 0) in lexicographic order of their file names.
struct RawTexts {
  LabeledTexts train, test;
  std::vector<std::string> unlabeled;  // of train/unsup, in that order; where they are asked for
  std::string word_index;  // the bytes of an imdb_word_index.json in the archive; mostly empty
};

// From the folder that holds train/{pos,neg} and test/{pos,neg}. Files are those named *.txt.
// Errors name the folder or file; a part without any review is one, but for the reviews without
// labels in train/unsup, which are read where `unlabeled` is set. `progress`, if there is one, is
// called after every file with the share that is done.
absl::StatusOr<RawTexts> ReadTextFolder(const std::string& folder,
                                        const std::function<void(double share)>& progress = {},
                                        bool unlabeled = false);

// From a tar or tar.gz file with these folders at any depth.
absl::StatusOr<RawTexts> ReadTextArchive(const std::string& path,
                                         const std::function<void(double share)>& progress = {},
                                         bool unlabeled = false);

}  // namespace adjoint::datasets::imdb

#endif  // ADJOINT_DATASETS_IMDB_TEXTS_H_
