#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "datasets/dataset_node.h"

namespace adjoint::datasets {
namespace {

// A thread that fills a queue, from the first Next on. The last thing it puts there is the end, or
// an error.
class PrefetchIterator final : public DatasetIterator {
 public:
  using Result = absl::StatusOr<std::optional<Element>>;

  PrefetchIterator(IteratorPtr from, int64_t capacity)
      : from_(std::move(from)), capacity_(static_cast<size_t>(capacity)) {}

  ~PrefetchIterator() override {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    room_.notify_one();
    thread_.join();
  }

  Result Next() override {
    if (!thread_.joinable()) thread_ = std::thread([this] { Fill(); });
    std::unique_lock<std::mutex> lock(mutex_);
    filled_.wait(lock, [this] { return !queue_.empty(); });
    if (IsLast(queue_.front())) return queue_.front();  // and stays
    Result result = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    room_.notify_one();
    return result;
  }
  absl::StatusOr<int64_t> Skip(int64_t n) override {
    return thread_.joinable() ? DatasetIterator::Skip(n) : from_->Skip(n);
  }

 private:
  static bool IsLast(const Result& result) { return !result.ok() || !result->has_value(); }

  void Fill() {
    while (true) {
      Result result = Make();
      const bool last = IsLast(result);
      std::unique_lock<std::mutex> lock(mutex_);
      room_.wait(lock, [this] { return stop_ || queue_.size() < capacity_; });
      if (stop_) return;
      queue_.push_back(std::move(result));
      lock.unlock();
      filled_.notify_one();
      if (last) return;
    }
  }

  // What a user's function throws is an error there, and must not end the process here.
  Result Make() {
    try {
      return from_->Next();
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("a function of the dataset threw: ", error.what()));
    }
  }

  const IteratorPtr from_;  // of the thread alone, once there is one
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable filled_, room_;
  std::deque<Result> queue_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

class PrefetchNode final : public Dataset::Node {
 public:
  PrefetchNode(NodePtr from, int64_t capacity) : from_(std::move(from)), capacity_(capacity) {}
  absl::StatusOr<IteratorPtr> Iterate(int64_t epoch) const override {
    ADJOINT_ASSIGN_OR_RETURN(IteratorPtr from, from_->Iterate(epoch));
    return std::make_unique<PrefetchIterator>(std::move(from), capacity_);
  }
  int64_t size() const override { return from_->size(); }
  Dataset::Unit unit() const override { return from_->unit(); }

 private:
  const NodePtr from_;
  const int64_t capacity_;
};

}  // namespace

NodePtr MakePrefetchNode(NodePtr from, int64_t buffer_size) {
  return std::make_shared<PrefetchNode>(std::move(from), buffer_size);
}

}  // namespace adjoint::datasets
