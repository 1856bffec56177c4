#ifndef ADJOINT_APPS_IMDB_SERVE_BATCHER_H_
#define ADJOINT_APPS_IMDB_SERVE_BATCHER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/imdb/classifier.h"

namespace adjoint::apps::imdb {

struct BatcherOptions {
  size_t max_texts = 256;
  // How long the first text of a batch waits for others.
  std::chrono::microseconds wait = std::chrono::milliseconds(2);
};

// Runs a classifier for many threads: one thread of its own takes what has come together and runs
// it as one batch. Thread-safe.
class Batcher {
 public:
  // `classifier` is used by the batcher alone as long as this lives.
  explicit Batcher(std::unique_ptr<Classifier> classifier, BatcherOptions options = {});
  // Answers what is waiting. Requires that nobody asks any more.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // As the classifier's; they return when the batch has run. Requires texts.size() <= max_texts.
  absl::StatusOr<std::vector<float>> Predict(std::vector<std::string> texts);
  absl::StatusOr<Explanation> Explain(std::string text);

  const ClassifierInfo& info() const { return info_; }
  const BatcherOptions& options() const { return options_; }

  struct Counts {
    int64_t texts = 0;    // predicted or explained
    int64_t batches = 0;  // runs of the model
  };
  Counts counts() const;

 private:
  // One call of Predict, or of Explain: then `explanation` is set.
  struct Job {
    std::vector<std::string> texts;
    std::promise<absl::StatusOr<std::vector<float>>> probabilities;
    std::unique_ptr<std::promise<absl::StatusOr<Explanation>>> explanation;
  };

  void Put(Job job);
  void Run();
  // Waits; empty when it is over.
  std::vector<Job> TakeBatch();
  void RunBatch(std::vector<Job> jobs);
  size_t WaitingTexts() const;  // requires mutex_

  const std::unique_ptr<Classifier> classifier_;
  const ClassifierInfo info_;
  const BatcherOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;  // guarded by mutex_
  bool over_ = false;        // guarded by mutex_
  Counts counts_;            // guarded by mutex_
  std::thread thread_;       // last: it uses all the others
};

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_SERVE_BATCHER_H_
