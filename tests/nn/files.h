#ifndef ADJOINT_TESTS_NN_FILES_H_
#define ADJOINT_TESTS_NN_FILES_H_

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace adjoint::nn {

// An empty folder of the test program's own.
inline std::string Folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/folder." + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Names, sorted.
inline std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace adjoint::nn

#endif  // ADJOINT_TESTS_NN_FILES_H_
