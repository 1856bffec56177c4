#ifndef ADJOINT_DATASETS_IMDB_FILES_H_
#define ADJOINT_DATASETS_IMDB_FILES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace adjoint::datasets::imdb {

struct DataFiles {
  enum class Kind { kNpz, kFolder, kTar };
  Kind kind = Kind::kNpz;
  std::string path;        // of the npz file, the aclImdb folder or the tar file
  std::string word_index;  // imdb_word_index.json; empty where there is none
};

struct FindOptions {
  bool download = true;
  std::function<void(absl::string_view url, int64_t received, int64_t total)> progress = {};
  // The raw texts where there are any, rather than the ids of imdb.npz.
  bool prefer_texts = false;
};

// Where the data are. `path` names the npz file, the tar or tar.gz file, the aclImdb folder, or a
// folder that holds imdb.npz, aclImdb, aclImdb_v1.tar.gz (the first of them that is there) or imdb/
// with one of them. When it is empty, the folders looked into are
//   $ADJOINT_DATA, ~/.cache/adjoint, ~/.keras/datasets
// and then imdb.npz and imdb_word_index.json are downloaded from Keras' address into
// ~/.cache/adjoint, their SHA-256 checked. $ADJOINT_DOWNLOAD_URL, where it is set, is the address
// of a folder to download from in place of Keras'.
//
// The word index lies beside the data, or in the aclImdb folder. For an npz file it is also looked
// for in the folders above and downloaded; failing that it stays empty.
//
// Errors: InvalidArgument when `path` is not empty and has nothing, saying what was looked for;
// NotFound when it is empty, nothing was found and nothing could be downloaded; DataLoss when what
// was downloaded has another SHA-256.
absl::StatusOr<DataFiles> FindData(const std::string& path, const FindOptions& options = {});

}  // namespace adjoint::datasets::imdb

#endif  // ADJOINT_DATASETS_IMDB_FILES_H_
