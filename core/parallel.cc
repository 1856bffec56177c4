#include "core/parallel.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace adjoint {
namespace {

// How often a thread looks before it sleeps: some 50 microseconds. The small nodes between two
// large ones of a training step take less, and waking a thread costs as much; beside a busy process
// training is no slower for it.
constexpr int kSpins = 2048;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// The threads and the one job they work on.
//
// A worker joins by raising `participants_` and then looking whether the job is open; the owner
// closes the job and then waits until there are no participants. Both pairs are sequentially
// consistent, so a worker either sees the job closed or is waited for. The job's fields are written
// only while it is closed and nobody participates.
class Pool {
 public:
  explicit Pool(int workers) {
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { Work(); });
  }

  ~Pool() {
    stop_ = true;
    generation_.fetch_add(1);
    generation_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void Run(int64_t parts, absl::FunctionRef<void(int64_t)> fn) {
    job_ = &fn;
    parts_ = parts;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    generation_.fetch_add(1);
    generation_.notify_all();
    ClaimParts();
    open_.store(false);
    for (int spins = 0; participants_.load() != 0; ++spins) {
      if (spins < kSpins) {
        Pause();
        continue;
      }
      const int now = participants_.load();
      if (now != 0) participants_.wait(now);
    }
  }

 private:
  void ClaimParts() {
    for (int64_t part; (part = next_.fetch_add(1, std::memory_order_relaxed)) < parts_;) {
      (*job_)(part);
    }
  }

  void Work();

  std::vector<std::thread> workers_;
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> generation_{0};  // raised for every job; workers sleep on it
  std::atomic<int> participants_{0};
  std::atomic<bool> open_{false};
  const absl::FunctionRef<void(int64_t)>* job_ = nullptr;
  int64_t parts_ = 0;
  alignas(64) std::atomic<int64_t> next_{0};
};

// True on workers, and on a thread inside ParallelFor: there, parts run inline.
thread_local bool inside_pool = false;

void Pool::Work() {
  inside_pool = true;
  uint32_t seen = 0;
  while (true) {
    int spins = 0;
    while (generation_.load() == seen) {
      if (++spins < kSpins) {
        Pause();
      } else {
        generation_.wait(seen);
      }
    }
    seen = generation_.load();
    if (stop_) return;
    participants_.fetch_add(1);
    if (open_.load()) ClaimParts();
    if (participants_.fetch_sub(1) == 1) participants_.notify_all();
  }
}

struct Shared {
  std::mutex mutex;  // held by the thread that uses the pool
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::unique_ptr<Pool> pool;
};

// Never destroyed: workers may sleep until the process is gone.
Shared& GetShared() {
  static Shared* const shared = new Shared;
  return *shared;
}

}  // namespace

int NumThreads() { return GetShared().threads; }

void SetNumThreads(int n) {
  Shared& shared = GetShared();
  std::lock_guard<std::mutex> lock(shared.mutex);
  shared.threads = std::max(1, n);
  shared.pool.reset();
}

void ParallelFor(int64_t parts, absl::FunctionRef<void(int64_t part)> fn) {
  Shared& shared = GetShared();
  if (parts > 1 && !inside_pool && shared.threads > 1) {
    std::unique_lock<std::mutex> lock(shared.mutex, std::try_to_lock);
    if (lock.owns_lock()) {
      if (shared.pool == nullptr) shared.pool = std::make_unique<Pool>(shared.threads - 1);
      inside_pool = true;
      shared.pool->Run(parts, fn);
      inside_pool = false;
      return;
    }
  }
  for (int64_t part = 0; part < parts; ++part) fn(part);
}

void ParallelForRange(int64_t n, int64_t grain,
                      absl::FunctionRef<void(int64_t begin, int64_t end)> fn) {
  ParallelFor((n + grain - 1) / grain,
              [&](int64_t part) { fn(part * grain, std::min(n, (part + 1) * grain)); });
}

}  // namespace adjoint
