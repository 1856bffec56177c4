#ifndef ADJOINT_CORE_IO_PROGRESS_H_
#define ADJOINT_CORE_IO_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace adjoint::io {

// Shows how far downloads and readers are, for their progress callbacks:
//
//   Downloading http://.../imdb.npz  12.3 of 17.5 MB (70 %), 0:02 left
//   Reading reviews  20,500 of 50,000 (41 %), 0:03 left
//
// in place on a terminal, elsewhere the first words alone, a line for each thing. Not thread-safe.
class ProgressMeter {
 public:
  enum class Unit { kBytes, kItems };
  struct Options {
    std::ostream* out;      // mostly std::cerr
    bool in_place = false;  // it is a terminal
    Unit unit = Unit::kBytes;
    // Seconds since any moment; a steady clock when not given.
    std::function<double()> now = {};
  };

  explicit ProgressMeter(Options options);
  ~ProgressMeter();
  ProgressMeter(const ProgressMeter&) = delete;
  ProgressMeter& operator=(const ProgressMeter&) = delete;

  // `what` is being done, so much of it, of so much in all (0: unknown). Another `what` than before
  // begins a new line. Redraws every 100 ms at most, and when all is done.
  void Update(absl::string_view what, int64_t done, int64_t total);

 private:
  void EndLine();
  std::string Line(int64_t done, int64_t total, double seconds) const;

  const Options options_;
  std::string what_;
  double begin_ = 0, drawn_ = 0;
  bool open_ = false;  // the line has no end yet
  size_t width_ = 0;   // of what is on it
};

// Whether standard error is a terminal.
bool StandardErrorIsTerminal();

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_PROGRESS_H_
