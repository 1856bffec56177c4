#ifndef ADJOINT_DATASETS_TEXT_FOLDER_H_
#define ADJOINT_DATASETS_TEXT_FOLDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace adjoint::datasets {

struct TextFolderOptions {
  // Folders that are classes, in the order of their labels; all of them, in lexicographic order,
  // when empty. aclImdb/train has "unsup" beside "neg" and "pos".
  std::vector<std::string> classes = {};
  // Of file names: others are left aside.
  std::string suffix = ".txt";
  int64_t max_file_bytes = 1 << 20;
  int64_t max_bytes = int64_t{2} << 30;  // of all texts together
  // Called now and then with the files read and all files.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

struct TextFolder {
  std::vector<std::string> texts;
  std::vector<int32_t> labels;       // positions in `classes`
  std::vector<std::string> classes;  // names of folders
};

// Reads a folder with a folder for each class, and in it a file for each text, as Keras'
// text_dataset_from_directory has it. Texts of one class follow each other, in lexicographic order
// of their files' names. Errors name the folder or file: no such folder, no classes, a class
// without texts, a file or all of them beyond their limit.
absl::StatusOr<TextFolder> ReadTextFolder(const std::string& folder,
                                          const TextFolderOptions& options = {});

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_TEXT_FOLDER_H_
