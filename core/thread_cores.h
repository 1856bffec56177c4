#ifndef ADJOINT_CORE_THREAD_CORES_H_
#define ADJOINT_CORE_THREAD_CORES_H_

#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <cstdint>

namespace adjoint {

// A set of the machine's cores, by the kernel's numbers below CPU_SETSIZE.
class CoreSet {
 public:
  CoreSet() = default;
  static CoreSet Only(int core) {
    CoreSet only;
    if (core >= 0) CPU_SET(core, &only.set_);
    return only;
  }

  size_t size() const { return CPU_COUNT(&set_); }
  bool Contains(int core) const { return core >= 0 && CPU_ISSET(core, &set_); }
  void Remove(int core) {
    if (core >= 0) CPU_CLR(core, &set_);
  }

 private:
  friend CoreSet CoresOf(pthread_t thread);
  friend void SetCores(pthread_t thread, const CoreSet& cores);

  cpu_set_t set_ = {};
};

// The core this thread runs on, or -1 if the kernel does not say.
int ThisCore();

// The cores that `thread` may use; empty if the kernel does not say.
CoreSet CoresOf(pthread_t thread);

// Lets `thread` use these cores alone; if it runs on or waits for another, it is moved at once.
// Does nothing where `cores` is empty or the kernel refuses (a sandbox may).
void SetCores(pthread_t thread, const CoreSet& cores);

// Nanoseconds that a core has worked for `thread`. They stand still while it sleeps and while it
// waits for a core. 0 if the kernel does not say.
int64_t ProcessorTime(pthread_t thread);

}  // namespace adjoint

#endif  // ADJOINT_CORE_THREAD_CORES_H_
