#ifndef ADJOINT_CORE_CHECK_H_
#define ADJOINT_CORE_CHECK_H_

#include "absl/strings/string_view.h"

namespace adjoint {

// Writes the message to standard error and aborts. For broken invariants of the program alone;
// what a user or a file can cause is an absl::Status.
[[noreturn]] void Die(const char* file, int line, absl::string_view message);

}  // namespace adjoint

// `message` is evaluated only when `condition` is false.
#define ADJOINT_CHECK(condition, message)            \
  do {                                               \
    if (__builtin_expect(!(condition), 0)) {         \
      ::adjoint::Die(__FILE__, __LINE__, (message)); \
    }                                                \
  } while (false)

#endif  // ADJOINT_CORE_CHECK_H_
