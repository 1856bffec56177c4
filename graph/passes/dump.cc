#include "graph/passes/dump.h"

#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "graph/dot.h"

namespace adjoint::graph {
namespace {

// Several threads may compile at once: their programs have names of their own, but those within
// the bodies of loops do not.
class Dumper {
 public:
  explicit Dumper(std::string path) : path_(std::move(path)) {}

  void Observe(absl::string_view pass, const Program& program) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const absl::Status status = Write(pass, program);
    if (status.ok() || warned_) return;
    warned_ = true;
    std::cerr << "dumping programs to " << path_ << ": " << status.message() << std::endl;
  }

 private:
  struct Seen {
    int programs = 0;
    int passes = 0;
    std::string text;  // of the last pass
  };

  absl::Status Write(absl::string_view pass, const Program& program) {
    Seen& seen = seen_[program.name];
    if (pass.empty()) {
      ADJOINT_RETURN_IF_ERROR(io::MakeFolders(path_));
      ++seen.programs;
      seen.passes = 0;
      seen.text.clear();
      pass = "built";
    } else {
      ++seen.passes;
    }
    const std::string name = absl::StrReplaceAll(program.name, {{"/", "_"}, {" ", "_"}});
    const std::string file = absl::StrCat(path_, "/", name, "_", seen.programs);
    std::string text = program.ToString();
    if (text == seen.text) return absl::OkStatus();
    ADJOINT_RETURN_IF_ERROR(
        io::WriteFileAtomically(absl::StrFormat("%s_%02d_%s.txt", file, seen.passes, pass), text));
    seen.text = std::move(text);
    return io::WriteFileAtomically(absl::StrCat(file, ".dot"), ToDot(program));
  }

  const std::string path_;
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // by the program's name
  bool warned_ = false;
};

}  // namespace

std::function<void(absl::string_view pass, const Program&)> DumpPrograms(const std::string& path) {
  return [dumper = std::make_shared<Dumper>(path)](absl::string_view pass, const Program& program) {
    dumper->Observe(pass, program);
  };
}

}  // namespace adjoint::graph
