#ifndef ADJOINT_APPS_IMDB_PROGRESS_H_
#define ADJOINT_APPS_IMDB_PROGRESS_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace adjoint::apps::imdb {

// Tells on standard error how far a long step is and how much time it has left: on a terminal
// alone, in place, ten times a second; gone at the end. (What stays on the screen is
// io::ProgressMeter's.)
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `share` of the step is done, 0 to 1. `detail` stands before it.
  void Update(double share, absl::string_view detail = "");
  // Takes the line away, for others to be written; the next update draws it again.
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;

  const std::string what_;
  const bool terminal_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = {};
  bool open_ = false;  // something is on the line
};

// Called with what is being done, "Counting n-grams", and the share of it that is done, 0 to 1;
// from one thread at a time.
using StepProgress = std::function<void(absl::string_view what, double share)>;

// A Progress for each step of several, which goes when its step is done.
class StepsProgress {
 public:
  void Update(absl::string_view what, double share);
  // Takes the line away, for others to be written.
  void Hide() {
    if (progress_.has_value()) progress_->Clear();
  }

 private:
  std::string what_;
  std::optional<Progress> progress_;
};

// Shares of a part of a step, which begins at `begin` and is `size` of it, as those of the step.
// Null where `progress` is.
std::function<void(double share)> PartOfStep(const StepProgress& progress, absl::string_view what,
                                             double begin, double size);

// "42 s left", "3:20 left", "1:02:03 left".
std::string TimeLeft(double seconds);

}  // namespace adjoint::apps::imdb

#endif  // ADJOINT_APPS_IMDB_PROGRESS_H_
