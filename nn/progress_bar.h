#ifndef ADJOINT_NN_PROGRESS_BAR_H_
#define ADJOINT_NN_PROGRESS_BAR_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "nn/history.h"

namespace adjoint::nn {

enum class Verbosity {
  kSilent = 0,
  kBar = 1,   // a bar that is redrawn in place on a terminal, and drawn once when full elsewhere
  kLine = 2,  // a line when all is done
};

// Shows how far a loop is, in Keras' words; without a known number of steps as the second line has
// it:
//
//   30/30 [==============================] - 0s 5ms/step - loss: 0.5084 - binary_accuracy: 0.7813
//       7/Unknown - 1s 5ms/step - loss: 0.5084
//
// (tensorflow/python/keras/utils/generic_utils.py, Progbar.) While an epoch that others follow
// goes on, the time that the whole training still takes follows its own:
//
//   12/30 [===========>..................] - ETA: 3s (run: 1:54) - loss: 0.5084
//
// and while it is validated how far that is:
//
//   30/30 [==============================] - validating, 12 of 40 - loss: 0.5084
//
// Redraws at most every 50 ms.
class ProgressBar {
 public:
  // The epochs that a bar's loop is one of.
  struct Run {
    int left = 0;              // epochs after this one
    double epoch_seconds = 0;  // what one took up to now, validation included; 0: not known
  };

  struct Options {
    std::ostream* out;
    Verbosity verbosity = Verbosity::kBar;
    bool in_place = false;  // `out` is a terminal
    Run run = {};
    // Seconds since any moment; a steady clock when not given.
    std::function<double()> now = {};
  };

  // The clock starts. `steps` is 0 when it is not known.
  ProgressBar(int64_t steps, Options options);

  // Seconds since the bar began.
  double Elapsed() const { return options_.now() - start_; }

  // True when it is time to redraw; costs a look at the clock. False unless in place.
  bool IsDue();
  // Redraws: `done` steps are done.
  void Update(int64_t done, const Logs& logs);
  // The same after all steps, while `done` of `all` batches, 0 if that is not known, are validated.
  void UpdateValidation(int64_t done, int64_t all, const Logs& logs);
  // Draws the full bar, or the line, and ends it. Once. `done` is how many steps there were, where
  // that was not known.
  void Finish(const Logs& logs, int64_t done = 0);

 private:
  std::string Line(int64_t done, const Logs& logs, bool finished, double now) const;
  void Draw(const std::string& line);

  int64_t steps_;
  const Options options_;
  double start_;
  double last_drawn_ = -1;
  size_t width_ = 0;  // of what is on the line
};

// Whether standard output is a terminal.
bool StandardOutputIsTerminal();

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_PROGRESS_BAR_H_
