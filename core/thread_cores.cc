#include "core/thread_cores.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <cstdint>

namespace adjoint {

int ThisCore() { return sched_getcpu(); }

CoreSet CoresOf(pthread_t thread) {
  CoreSet cores;
  if (pthread_getaffinity_np(thread, sizeof cores.set_, &cores.set_) != 0) return CoreSet();
  return cores;
}

void SetCores(pthread_t thread, const CoreSet& cores) {
  if (cores.size() > 0) pthread_setaffinity_np(thread, sizeof cores.set_, &cores.set_);
}

int64_t ProcessorTime(pthread_t thread) {
  clockid_t clock;
  timespec time;
  if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return int64_t{1000000000} * time.tv_sec + time.tv_nsec;
}

}  // namespace adjoint
