#include "nn/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace adjoint::nn {
namespace {

constexpr int kWidth = 30;
constexpr double kInterval = 0.05;

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressBar::Options WithClock(ProgressBar::Options options) {
  if (!options.now) options.now = SteadySeconds;
  return options;
}

std::string EtaText(double seconds) {
  const int64_t s = static_cast<int64_t>(seconds);
  if (s > 3600) return absl::StrFormat("%d:%02d:%02d", s / 3600, s % 3600 / 60, s % 60);
  if (s > 60) return absl::StrFormat("%d:%02d", s / 60, s % 60);
  return absl::StrFormat("%ds", s);
}

std::string StepTimeText(double seconds) {
  if (seconds >= 1 || seconds == 0) return absl::StrFormat("%.0fs/step", seconds);
  if (seconds >= 1e-3) return absl::StrFormat("%.0fms/step", seconds * 1e3);
  return absl::StrFormat("%.0fus/step", seconds * 1e6);
}

std::string LogText(const Logs& logs) {
  std::string text;
  for (const auto& [name, value] : logs.entries()) {
    absl::StrAppend(&text, " - ", name, ": ");
    if (std::abs(value) > 1e-3 || std::isnan(value)) {
      absl::StrAppendFormat(&text, "%.4f", value);
    } else {
      absl::StrAppendFormat(&text, "%.4e", value);
    }
  }
  return text;
}

std::string BarText(int64_t done, int64_t steps) {
  const int filled = static_cast<int>(kWidth * static_cast<double>(done) / steps);
  std::string bar(kWidth, '.');
  for (int i = 0; i < filled; ++i) bar[i] = '=';
  if (filled > 0 && done < steps) bar[filled - 1] = '>';
  return bar;
}

}  // namespace

ProgressBar::ProgressBar(int64_t steps, Options options)
    : steps_(steps), options_(WithClock(std::move(options))), start_(options_.now()) {}

bool ProgressBar::IsDue() {
  if (!options_.in_place || options_.verbosity != Verbosity::kBar) return false;
  return options_.now() - last_drawn_ >= kInterval;
}

void ProgressBar::Update(int64_t done, const Logs& logs) {
  if (!options_.in_place || options_.verbosity != Verbosity::kBar) return;
  const double now = options_.now();
  last_drawn_ = now;
  Draw(Line(done, logs, /*finished=*/false, now));
}

void ProgressBar::UpdateValidation(int64_t done, int64_t all, const Logs& logs) {
  if (!options_.in_place || options_.verbosity != Verbosity::kBar) return;
  last_drawn_ = options_.now();
  const std::string steps = absl::StrCat(steps_);
  Draw(absl::StrCat(steps_ == 0 ? "" : absl::StrCat(steps, "/", steps, " [", BarText(1, 1), "] - "),
                    "validating, ", done, all == 0 ? "" : absl::StrCat(" of ", all),
                    LogText(logs)));
}

void ProgressBar::Finish(const Logs& logs, int64_t done) {
  if (options_.verbosity == Verbosity::kSilent) return;
  if (steps_ == 0) steps_ = std::max<int64_t>(done, 1);
  const double now = options_.now();
  if (options_.verbosity == Verbosity::kLine) {
    *options_.out << steps_ << "/" << steps_ << absl::StrFormat(" - %.0fs", now - start_)
                  << LogText(logs) << "\n"
                  << std::flush;
    return;
  }
  Draw(Line(steps_, logs, /*finished=*/true, now));
  *options_.out << "\n" << std::flush;
}

std::string ProgressBar::Line(int64_t done, const Logs& logs, bool finished, double now) const {
  const double per_step = (now - start_) / static_cast<double>(done > 0 ? done : 1);
  if (steps_ == 0) {
    return absl::StrCat(absl::StrFormat("%7d/Unknown - %.0fs ", done, now - start_),
                        StepTimeText(per_step), LogText(logs));
  }
  const std::string steps = absl::StrCat(steps_);
  std::string line =
      absl::StrFormat("%*d/%s [%s]", steps.size(), done, steps, BarText(done, steps_));
  if (finished) {
    absl::StrAppendFormat(&line, " - %.0fs %s", now - start_, StepTimeText(per_step));
  } else {
    const double left = per_step * static_cast<double>(steps_ - done);
    absl::StrAppend(&line, " - ETA: ", EtaText(left));
    if (options_.run.left > 0) {
      // Epochs like the last one, or, in the first, like what is seen of it.
      const double gone = now - start_;
      const double epoch =
          options_.run.epoch_seconds > 0 ? options_.run.epoch_seconds : gone + left;
      absl::StrAppend(
          &line, " (run: ", EtaText(std::max(left, epoch - gone) + epoch * options_.run.left), ")");
    }
  }
  return absl::StrCat(line, LogText(logs));
}

void ProgressBar::Draw(const std::string& line) {
  if (!options_.in_place) {
    *options_.out << line;
    return;
  }
  // What a longer line left behind is overwritten.
  const size_t blanks = width_ > line.size() ? width_ - line.size() : 0;
  *options_.out << "\r" << line << std::string(blanks, ' ') << std::flush;
  width_ = line.size();
}

bool StandardOutputIsTerminal() { return isatty(STDOUT_FILENO) == 1; }

}  // namespace adjoint::nn
