#ifndef ADJOINT_OPTIM_PER_PARAMETER_H_
#define ADJOINT_OPTIM_PER_PARAMETER_H_

#include <vector>

#include "absl/types/span.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

// For authors of optimizers: a rule that updates each parameter from its own gradient and slots. A
// rule that does so element by element is, compiled, one kernel a parameter.
//
// Init lists all slots of parameter 0, then those of parameter 1, and so on. Update, given operands
// that do not agree with that or with each other, tells the builder and returns invalid vars.
class PerParameterOptimizer : public Optimizer {
 public:
  std::vector<SlotSpec> Init(absl::Span<const TensorSpec> params) const final;
  UpdateResult Update(absl::Span<const Var> grads, absl::Span<const Var> params,
                      absl::Span<const Var> slots, const Hyper& hyper) const final;
  // Of rules that update element by element, which others say are not.
  bool is_rowwise() const override { return true; }

 protected:
  struct Slot {
    const char* name;
    double initial = 0;
    bool scalar = false;  // f64[] rather than like the parameter
  };
  // The slots that every parameter has.
  virtual std::vector<Slot> Slots() const = 0;

  // What the parameters of one element type share: scalars of that type.
  virtual std::vector<Var> Scalars(const Hyper& hyper, DType dtype) const = 0;

  // The parameter's new value; replaces its slots' values, in the order of Slots, by new ones.
  virtual Var UpdateOne(Var grad, Var param, absl::Span<const Var> scalars,
                        absl::Span<Var> slots) const = 0;
};

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_PER_PARAMETER_H_
