#include "core/parallel.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/thread_cores.h"

namespace adjoint {
namespace {

// How often a worker looks for work before it sleeps: some 25 microseconds, and some 100 while
// another process is at work on a core, when a worker that wakes up waits in the line for one.
constexpr int kWorkerSpins = 2048;
constexpr int kWorkerSpinsCrowded = 8192;

// How often the owner of a job looks whether the workers are done before it looks at the workers,
// then between two such looks, and how often it looks at them so before it sleeps in between. Some
// 25, 15 and 900 microseconds.
constexpr int kOwnerSpins = 2048;
constexpr int kSpinsALook = 1024;
constexpr int kLooksAwake = 64;

// What shows that another process is at work on a core: a worker that came to a job on its owner's
// core, or had to wait for one twice within a while, or so many jobs in a row that none came to.
// That it is gone: nothing of this for a longer while.
constexpr absl::Duration kCrowdedAgain = absl::Milliseconds(50);
constexpr int kCrowdedMissed = 16;
constexpr absl::Duration kCrowdedLast = absl::Milliseconds(250);

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
// next milliseconds. So a worker that waits for a core when the owner has nothing left to do is
// moved to the owner's, and while there are signs of such a process, workers keep off their owner's
// core as long as it computes.
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
    PlaceWorkers();
    job_ = &fn;
    parts_ = parts;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    generation_.fetch_add(1);
    generation_.notify_all();
    ClaimParts();
    open_.store(false);
    WaitForWorkers();
    LookForSigns();
  }

 private:
  static constexpr int kNone = -1, kMoved = -2, kAway = -3;

  struct Worker {
    std::thread thread;
    std::atomic<bool> working{false};
    std::atomic<int> core{kAway};    // on which it came to the job
    std::atomic<bool> moved{false};  // to the owner's core, where it sleeps as soon as it is done
    int64_t processor_time = 0;      // when the owner last looked
  };

  // Of another process, after a job. A worker on this thread's core is none where it was moved.
  void LookForSigns() {
    const int core = ThisCore();
    bool came = false, shared = false;
    for (Worker& worker : workers_) {
      const int on = worker.core.exchange(kAway, std::memory_order_relaxed);
      came = came || on != kAway;
      shared = shared || (on == core && core >= 0);
    }
    missed_ = came ? 0 : missed_ + 1;
    shared = shared && cores_for_all_ && kept_off_ != kMoved;
    if (missed_ < kCrowdedMissed && !shared) return;
    missed_ = 0;
    crowded_ = true;
    last_sign_ = absl::Now();
  }

  void ClaimParts() {
    for (int64_t part; (part = next_.fetch_add(1, std::memory_order_relaxed)) < parts_;) {
      (*job_)(part);
    }
  }

  // While it is crowded and there are cores for all, on other cores than this thread's; else
  // wherever the kernel wants them.
  void PlaceWorkers() {
    if (crowded_ && absl::Now() - last_sign_ > kCrowdedLast) crowded_ = false;
    const int off = crowded_ ? ThisCore() : kNone;
    if (off == kept_off_) return;
    kept_off_ = off;
    CoreSet cores = CoresOf(pthread_self());
    if (cores.size() > workers_.size()) cores.Remove(off);
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
    if (any) {
      kept_off_ = kMoved;
      const absl::Time now = absl::Now();
      if (now - last_sign_ < kCrowdedAgain) crowded_ = true;
      last_sign_ = now;
    }
    return any;
  }

  void Work(Worker& self);

  std::vector<Worker> workers_;
  const bool cores_for_all_ = std::thread::hardware_concurrency() > workers_.size();
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> generation_{0};  // raised for every job; workers sleep on it
  std::atomic<int> participants_{0};
  std::atomic<bool> open_{false};
  const absl::FunctionRef<void(int64_t)>* job_ = nullptr;
  int64_t parts_ = 0;
  std::atomic<bool> crowded_{false};  // written by the owner
  int missed_ = 0;                    // jobs in a row that no worker came to
  absl::Time last_sign_ = absl::InfinitePast();
  // Where the workers are: off this core, anywhere, or on one that an owner moved some to.
  int kept_off_ = kNone;
  alignas(64) std::atomic<int64_t> next_{0};
};

// True on workers, and on a thread inside ParallelFor: there, parts run inline.
thread_local bool inside_pool = false;

void Pool::Work(Worker& self) {
  inside_pool = true;
  uint32_t seen = 0;
  while (true) {
    int spins = self.moved.exchange(false) ? 0 : crowded_ ? kWorkerSpinsCrowded : kWorkerSpins;
    while (generation_.load() == seen) {
      if (spins > 0) {
        --spins;
        Pause();
      } else {
        generation_.wait(seen);
      }
    }
    seen = generation_.load();
    if (stop_) return;
    self.working = true;
    participants_.fetch_add(1);
    if (open_.load()) {
      self.core.store(ThisCore(), std::memory_order_relaxed);
      ClaimParts();
    }
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
