#ifndef ADJOINT_GRAPH_PASSES_DUMP_H_
#define ADJOINT_GRAPH_PASSES_DUMP_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "graph/program.h"

namespace adjoint::graph {

// For PassOptions::observe: writes every program that is compiled into the folder `path`, before
// the first pass and after each that changes it. The first program named "train" becomes the files
// "train_1_00_built.txt", "train_1_05_simplify.txt" and so on and, as it leaves the last pass, a
// picture for Graphviz, "train_1.dot"; the next, for another batch size perhaps, "train_2_...". The
// folder is made. What cannot be written is left out, with a line on standard error the first time.
std::function<void(absl::string_view pass, const Program&)> DumpPrograms(const std::string& path);

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_PASSES_DUMP_H_
