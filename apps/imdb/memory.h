#ifndef ADJOINT_APPS_IMDB_MEMORY_H_
#define ADJOINT_APPS_IMDB_MEMORY_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace adjoint::apps::imdb {

// An error when so many bytes are more than this process may hold: Linux promises memory that it
// does not have and ends the process when that is touched, which no Status could tell of.
// The message is "`what` takes 20.0 GB and this machine has 8.0; `advice`".
absl::Status CheckMemory(double bytes, absl::string_view what, absl::string_view advice);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_MEMORY_H_
