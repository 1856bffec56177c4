#ifndef ADJOINT_APPS_IMDB_REPORT_H_
#define ADJOINT_APPS_IMDB_REPORT_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "nn/history.h"
#include "nn/model.h"

namespace adjoint::apps::imdb {

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// What --report_json writes. What a command does not do stays 0, empty or null.
struct Report {
  Stopwatch since_start;
  nn::History history;
  std::optional<nn::Logs> evaluation;
  struct Seconds {
    double load = 0, vectorize = 0, train = 0, retrain = 0, evaluate = 0;
  } seconds;
  std::map<std::string, int64_t> kernels;  // times run, by name
  std::string source;
  bool synthetic = false;
  int64_t train_samples = 0, test_samples = 0;
  std::string weights_sha256;

  void AddKernels(const nn::Model& model);
  std::string ToJson() const;
};

// Writes the file whole or not at all; nothing when `path` is empty.
absl::Status WriteReport(const Report& report, const std::string& path);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_REPORT_H_
