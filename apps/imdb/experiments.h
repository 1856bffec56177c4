#ifndef ADJOINT_APPS_IMDB_EXPERIMENTS_H_
#define ADJOINT_APPS_IMDB_EXPERIMENTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// What the book suggests to try at the end of its chapter, and in the next one: the notebook's
// network with one thing changed.
struct Experiment {
  const char* name;
  // Of the command train: {"hidden", "16"}.
  std::vector<std::pair<std::string, std::string>> flags;

  // "imdb train --hidden=16 --epochs=20".
  std::string CommandLine(int epochs) const;
  // The options with these flags set.
  Options Apply(Options options) const;
};

// The first one is the notebook's network itself.
const std::vector<Experiment>& Experiments();

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_EXPERIMENTS_H_
