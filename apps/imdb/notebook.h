#ifndef ADJOINT_APPS_IMDB_NOTEBOOK_H_
#define ADJOINT_APPS_IMDB_NOTEBOOK_H_

#include "absl/status/status.h"
#include "apps/imdb/options.h"

namespace adjoint::apps::imdb {

// Chapter 3.4 of the book, cell by cell, on standard output; charts, model and report in files.
absl::Status RunNotebook(const Options& options);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_NOTEBOOK_H_
