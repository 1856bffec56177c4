#ifndef ADJOINT_APPS_IMDB_FLAGS_H_
#define ADJOINT_APPS_IMDB_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// A flag of the command line.
struct Flag {
  const char* name;   // without dashes
  const char* type;   // "N"; empty for a switch, which has no value
  const char* group;  // of the general flags: where it stands in the help
  const char* help;
  std::vector<Command> commands = {};  // that have it; empty for general ones
};

// All of them, in the order of the help.
const std::vector<Flag>& Flags();

struct CommandText {
  Command command;
  const char* name;
  const char* help;
  std::string footer = {};  // behind its flags
};
const std::vector<CommandText>& Commands();

// What stands before and behind the general flags.
extern const char kDescription[];
extern const char kFooter[];
extern const char kCommandFooter[];

// An error of the user's, with the hint where to read on.
absl::Status UsageError(absl::string_view message);

// Sets what the flag means. Errors: a value that it cannot have.
absl::Status ReadFlag(const std::string& name, const std::string& text, Options* options);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_FLAGS_H_
