#include "apps/imdb/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace adjoint::apps::imdb {

std::string TimeLeft(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  if (whole < 60) return absl::StrFormat("%d s left", whole);
  if (whole < 3600) return absl::StrFormat("%d:%02d left", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d left", whole / 3600, whole % 3600 / 60, whole % 60);
}

Progress::Progress(std::string what)
    : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { Clear(); }

void Progress::Clear() {
  if (open_) std::cerr << "\r\x1b[K" << std::flush;
  open_ = false;
}

void Progress::Update(double share, absl::string_view detail) {
  using std::chrono::milliseconds;
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  const Clock::duration spent = now - start_;
  if (share < 1 && now - drawn_ < milliseconds(100)) return;
  if (spent < milliseconds(300)) return;
  drawn_ = now;
  std::string line = what_;
  if (!detail.empty()) absl::StrAppend(&line, "  ", detail);
  absl::StrAppendFormat(&line, "  %d %%", static_cast<int>(100 * share));
  if (share > 0 && share < 1) {
    const double seconds = std::chrono::duration<double>(spent).count();
    absl::StrAppend(&line, ", ", TimeLeft(seconds * (1 - share) / share));
  }
  // Erases what a longer line has left behind.
  std::cerr << "\r" << line << "\x1b[K" << std::flush;
  open_ = true;
}

void StepsProgress::Update(absl::string_view what, double share) {
  if (!progress_.has_value() || what != what_) {
    what_ = std::string(what);
    progress_.emplace(what_);
  }
  progress_->Update(share);
  if (share >= 1 - 1e-9) progress_.reset();  // sums of shares are rounded
}

std::function<void(double share)> PartOfStep(const StepProgress& progress, absl::string_view what,
                                             double begin, double size) {
  if (!progress) return nullptr;
  return [progress, what = std::string(what), begin, size](double share) {
    progress(what, begin + size * share);
  };
}

}  // namespace adjoint::apps::imdb
