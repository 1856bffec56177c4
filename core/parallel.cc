#include "core/parallel.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/thread_cores.h"

namespace adjoint {
namespace {

// How often a worker looks for work before it sleeps: some 100 microseconds. What one thread does
// between two large nodes of a training step takes less, and waking a worker costs as much: on an
// idle machine the way to its core, beside a busy process a place in the line for one.
constexpr int kWorkerSpins = 8192;

// How often the owner of a job looks whether the workers are done before it looks at the workers,
// then between two such looks, and how often it looks at them so before it sleeps in between. Some
// 25, 15 and 900 microseconds.
constexpr int kOwnerSpins = 2048;
constexpr int kSpinsALook = 1024;
constexpr int kLooksAwake = 64;

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
//
// Where another process keeps a core busy, the kernel's scheduler alone would give the job little
// more than one core: it wakes a worker on its owner's core, where it waits for as long as the
// owner computes, and lets the owner wait for a worker whose core the other process has for the
// next milliseconds. So workers keep off their owner's core while it computes, and a worker that
// waits for a core when the owner has nothing left to do is moved to the owner's.
class Pool {
 public:
  explicit Pool(int workers) : workers_(workers) {
    for (Worker& worker : workers_) worker.thread = std::thread([&] { Work(worker); });
  }

  ~Pool() {
    stop_ = true;
    generation_.fetch_add(1);
    generation_.notify_all();
    for (Worker& worker : workers_) worker.thread.join();
  }

  void Run(int64_t parts, absl::FunctionRef<void(int64_t)> fn) {
    KeepOffThisCore();
    job_ = &fn;
    parts_ = parts;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    generation_.fetch_add(1);
    generation_.notify_all();
    ClaimParts();
    open_.store(false);
    WaitForWorkers();
  }

 private:
  struct Worker {
    std::thread thread;
    std::atomic<bool> working{false};
    std::atomic<bool> moved{false};  // to the owner's core, where it sleeps as soon as it is done
    int64_t processor_time = 0;      // when the owner last looked
  };

  void ClaimParts() {
    for (int64_t part; (part = next_.fetch_add(1, std::memory_order_relaxed)) < parts_;) {
      (*job_)(part);
    }
  }

  // Lets no worker use the core that this thread computes on, where there are cores for all.
  void KeepOffThisCore() {
    const int core = ThisCore();
    if (core == kept_off_) return;
    kept_off_ = core;
    CoreSet cores = CoresOf(pthread_self());
    if (cores.size() > workers_.size()) cores.Remove(core);
    for (Worker& worker : workers_) SetCores(worker.thread.native_handle(), cores);
  }

  void WaitForWorkers() {
    if (SpinUntilAlone(kOwnerSpins)) return;
    for (int look = 0;; ++look) {
      for (Worker& worker : workers_) {
        if (!worker.working) continue;
        worker.processor_time = ProcessorTime(worker.thread.native_handle());
      }
      if (look >= kLooksAwake) std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (SpinUntilAlone(kSpinsALook)) return;
      if (MoveWaitingWorkersHere()) break;
    }
    for (int now; (now = participants_.load()) != 0;) participants_.wait(now);
  }

  bool SpinUntilAlone(int spins) {
    for (; spins > 0; --spins) {
      if (participants_.load() == 0) return true;
      Pause();
    }
    return participants_.load() == 0;
  }

  // Moves the workers whose processor time has stood still, and says whether there were any.
  bool MoveWaitingWorkersHere() {
    bool any = false;
    for (Worker& worker : workers_) {
      const pthread_t thread = worker.thread.native_handle();
      if (!worker.working || ProcessorTime(thread) != worker.processor_time) continue;
      worker.moved = any = true;
      SetCores(thread, CoreSet::Only(ThisCore()));
    }
    if (any) kept_off_ = -1;
    return any;
  }

  void Work(Worker& self);

  std::vector<Worker> workers_;
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> generation_{0};  // raised for every job; workers sleep on it
  std::atomic<int> participants_{0};
  std::atomic<bool> open_{false};
  const absl::FunctionRef<void(int64_t)>* job_ = nullptr;
  int64_t parts_ = 0;
  int kept_off_ = -1;  // the core that no worker may use, of its owner; -1: they may use all
  alignas(64) std::atomic<int64_t> next_{0};
};

// True on workers, and on a thread inside ParallelFor: there, parts run inline.
thread_local bool inside_pool = false;

void Pool::Work(Worker& self) {
  inside_pool = true;
  uint32_t seen = 0;
  while (true) {
    int spins = self.moved.exchange(false) ? kWorkerSpins : 0;
    while (generation_.load() == seen) {
      if (++spins < kWorkerSpins) {
        Pause();
      } else {
        generation_.wait(seen);
      }
    }
    seen = generation_.load();
    if (stop_) return;
    self.working = true;
    participants_.fetch_add(1);
    if (open_.load()) ClaimParts();
    self.working = false;
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
