#include "core/io/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace adjoint::io {
namespace {

constexpr double kInterval = 0.1;
// Before that an estimate says little.
constexpr double kMinSeconds = 0.5;

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressMeter::Options WithClock(ProgressMeter::Options options) {
  if (!options.now) options.now = SteadySeconds;
  return options;
}

std::string WithCommas(int64_t n) {
  std::string digits = absl::StrCat(n);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(i, ",");
  return digits;
}

std::string TimeText(double seconds) {
  const int64_t s = static_cast<int64_t>(seconds + 0.5);
  if (s >= 3600) return absl::StrFormat("%d:%02d:%02d", s / 3600, s % 3600 / 60, s % 60);
  return absl::StrFormat("%d:%02d", s / 60, s % 60);
}

}  // namespace

ProgressMeter::ProgressMeter(Options options) : options_(WithClock(std::move(options))) {}

ProgressMeter::~ProgressMeter() { EndLine(); }

void ProgressMeter::Update(absl::string_view what, int64_t done, int64_t total) {
  const double now = options_.now();
  const bool finished = total > 0 && done >= total;
  if (what != what_) {
    EndLine();
    what_ = std::string(what);
    begin_ = now;
    *options_.out << what_ << std::flush;
    width_ = what_.size();
    open_ = true;
    if (!options_.in_place) EndLine();
  } else if (!finished && now - drawn_ < kInterval) {
    return;
  }
  drawn_ = now;
  if (!options_.in_place) return;
  const std::string line = Line(done, total, now - begin_);
  // What a longer line left behind is overwritten.
  const size_t blanks = width_ > line.size() ? width_ - line.size() : 0;
  *options_.out << "\r" << line << std::string(blanks, ' ') << std::flush;
  width_ = line.size();
  open_ = true;
}

std::string ProgressMeter::Line(int64_t done, int64_t total, double seconds) const {
  const bool bytes = options_.unit == Unit::kBytes;
  const auto amount = [&](int64_t n) {
    return bytes ? absl::StrFormat("%.1f", static_cast<double>(n) / 1e6) : WithCommas(n);
  };
  const char* const unit = bytes ? " MB" : "";
  if (total <= 0) return absl::StrCat(what_, "  ", amount(done), unit);
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  std::string line = absl::StrCat(what_, "  ", amount(done), " of ", amount(total), unit,
                                  absl::StrFormat(" (%d %%)", static_cast<int>(100 * part)));
  if (part < 1 && part > 0 && seconds >= kMinSeconds) {
    absl::StrAppend(&line, ", ", TimeText(seconds * (1 - part) / part), " left");
  }
  return line;
}

void ProgressMeter::EndLine() {
  if (open_) *options_.out << std::endl;
  open_ = false;
}

bool StandardErrorIsTerminal() { return isatty(STDERR_FILENO) == 1; }

}  // namespace adjoint::io
