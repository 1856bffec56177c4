#ifndef ADJOINT_OPS_AUTOTUNE_H_
#define ADJOINT_OPS_AUTOTUNE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ops/gemm/plan.h"
#include "ops/kernel.h"
#include "ops/matmul_config.h"

namespace adjoint::ops {

// Makes the kernel of a plan. Null where neither library takes the config (element types other than
// f32, no elements).
absl::StatusOr<std::unique_ptr<Kernel>> MakeMatMulKernel(const MatMulConfig& config,
                                                         const MatMulPlan& plan);

// Chooses kernels of matrix products by timing them on this machine, as it is now. A plan decides
// the order of sums, so bits may then differ from run to run; to have them repeat, save the choices
// and load them. Without an autotuner the choice is ChooseMatMulPlan()'s, which nothing but the
// shape decides.
//
//   Autotuner tuner;
//   AutotuneScope scope(&tuner);
//   auto executable = Executable::Compile(program);  // times what it has not met before
//   std::string choices = tuner.ToText();
//
// Not thread-safe.
class Autotuner {
 public:
  // A timing: the plans tried and the microseconds a call of each takes, best first.
  struct Timing {
    MatMulShape shape;
    std::vector<std::pair<MatMulPlan, double>> plans;

    // "512x10000x16: gemm pack_b depth=400 1210.3 us; by default onednn 1402.0 us".
    std::string ToString() const;
  };

  // `measure` false: shapes that were not loaded get the default plan.
  explicit Autotuner(bool measure = true) : measure_(measure) {}

  // Called after each timing, to print it.
  void set_observer(std::function<void(const Timing&)> observer) {
    observer_ = std::move(observer);
  }

  // The plan for products of this shape: the one known, else the fastest of those worth timing,
  // some tens of milliseconds.
  absl::StatusOr<MatMulPlan> Choose(const MatMulShape& shape);

  // The choices known, as lines of text that begin with one that names the format; and back: adds
  // those of a text of this CPU's instruction set. A text with a mistake adds nothing; the error
  // names its line.
  std::string ToText() const;
  absl::Status AddText(absl::string_view text);

 private:
  bool measure_;
  std::function<void(const Timing&)> observer_;
  std::map<std::string, std::pair<MatMulShape, MatMulPlan>> plans_;
};

// While it lives, kernels that are prepared on this thread ask `tuner`, which is borrowed. Scopes
// nest; null: no tuner.
class AutotuneScope {
 public:
  explicit AutotuneScope(Autotuner* tuner);
  ~AutotuneScope();
  AutotuneScope(const AutotuneScope&) = delete;
  AutotuneScope& operator=(const AutotuneScope&) = delete;

  static Autotuner* Current();

 private:
  Autotuner* const saved_;
};

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_AUTOTUNE_H_
