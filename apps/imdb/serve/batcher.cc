#include "apps/imdb/serve/batcher.h"

#include <bit>
#include <iterator>
#include <utility>

namespace adjoint::apps::imdb {

Batcher::Batcher(std::unique_ptr<Classifier> classifier, BatcherOptions options)
    : classifier_(std::move(classifier)),
      info_(classifier_->info()),
      options_(options),
      thread_([this] { Run(); }) {}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

absl::StatusOr<std::vector<float>> Batcher::Predict(std::vector<std::string> texts) {
  if (texts.empty()) return std::vector<float>();
  Job job;
  job.texts = std::move(texts);
  auto answer = job.probabilities.get_future();
  Put(std::move(job));
  return answer.get();
}

absl::StatusOr<Explanation> Batcher::Explain(std::string text) {
  Job job;
  job.texts.push_back(std::move(text));
  job.explanation = std::make_unique<std::promise<absl::StatusOr<Explanation>>>();
  auto answer = job.explanation->get_future();
  Put(std::move(job));
  return answer.get();
}

Batcher::Counts Batcher::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Batcher::Put(Job job) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  changed_.notify_all();
}

size_t Batcher::WaitingTexts() const {
  size_t texts = 0;
  for (const Job& job : waiting_) texts += job.texts.size();
  return texts;
}

std::vector<Batcher::Job> Batcher::TakeBatch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return over_ || !waiting_.empty(); });
  changed_.wait_for(lock, options_.wait,
                    [&] { return over_ || WaitingTexts() >= options_.max_texts; });
  std::vector<Job> batch;
  for (size_t texts = 0; !waiting_.empty(); waiting_.pop_front()) {
    texts += waiting_.front().texts.size();
    if (!batch.empty() && texts > options_.max_texts) break;
    batch.push_back(std::move(waiting_.front()));
  }
  return batch;
}

void Batcher::Run() {
  while (true) {
    std::vector<Job> batch = TakeBatch();
    if (batch.empty()) return;
    RunBatch(std::move(batch));
  }
}

void Batcher::RunBatch(std::vector<Job> jobs) {
  std::vector<std::string> texts;
  int64_t explained = 0;
  for (Job& job : jobs) {
    if (job.explanation != nullptr) {
      ++explained;
    } else {
      texts.insert(texts.end(), std::make_move_iterator(job.texts.begin()),
                   std::make_move_iterator(job.texts.end()));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    counts_.texts += static_cast<int64_t>(texts.size()) + explained;
    counts_.batches += (texts.empty() ? 0 : 1) + explained;
  }
  absl::StatusOr<std::vector<float>> all = std::vector<float>();
  if (!texts.empty()) {
    // The model is compiled for each size of a batch that it meets: so it meets few.
    texts.resize(std::bit_ceil(texts.size()));
    all = classifier_->Predict(texts);
  }
  auto at = all.ok() ? all->begin() : std::vector<float>::iterator();
  for (Job& job : jobs) {
    if (job.explanation != nullptr) {
      job.explanation->set_value(classifier_->Explain(job.texts[0]));
    } else if (!all.ok()) {
      job.probabilities.set_value(all.status());
    } else {
      const auto end = at + static_cast<std::ptrdiff_t>(job.texts.size());
      job.probabilities.set_value(std::vector<float>(at, end));
      at = end;
    }
  }
}

}  // namespace adjoint::apps::imdb
