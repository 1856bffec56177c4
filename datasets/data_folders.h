#ifndef ADJOINT_DATASETS_DATA_FOLDERS_H_
#define ADJOINT_DATASETS_DATA_FOLDERS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Where data sets lie on this machine, and how they come there. For the data sets' own files.

namespace adjoint::datasets {

using DownloadProgress =
    std::function<void(absl::string_view url, int64_t received, int64_t total)>;

bool IsFile(const std::string& path);
bool IsFolder(const std::string& path);

// ~/.cache/adjoint; empty without a home.
std::string CacheFolder();
// $ADJOINT_DATA, the cache, and ~/.keras/datasets; those that are set.
std::vector<std::string> KnownFolders();
// "none in /a, /b", or why there are none.
std::string LookedInto(const std::vector<std::string>& folders);

// A file of a data set at its publisher's.
struct RemoteFile {
  const char* name;
  const char* folder_url;  // without a slash at the end
  const char* sha256;
  int64_t max_bytes;
};
inline constexpr char kKerasUrl[] = "https://storage.googleapis.com/tensorflow/tf-keras-datasets";

// Downloads it into a folder and checks its hash; its path is the result. $ADJOINT_DOWNLOAD_URL,
// where it is set, is the address of a folder to download from in place of the publisher's.
absl::StatusOr<std::string> DownloadInto(const std::string& folder, const RemoteFile& file,
                                         const DownloadProgress& progress);

// Finds a data set whose files `look_into` finds in a folder; it gives paths, or none.
struct Search {
  std::string subject;     // "MNIST"
  std::string looked_for;  // "mnist.npz"
  std::function<std::vector<std::string>(const std::string& folder)> look_into;
  RemoteFile remote;
  bool download = true;
  DownloadProgress progress = {};
};

// In `path`, which may be a file itself; and without one in the known folders, and then at the
// publisher's. Errors: InvalidArgument when `path` has nothing; NotFound when nothing was found nor
// could be downloaded; DataLoss when what was downloaded has another hash.
absl::StatusOr<std::vector<std::string>> FindFiles(const std::string& path, const Search& search);

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_DATA_FOLDERS_H_
