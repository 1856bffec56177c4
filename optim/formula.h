#ifndef ADJOINT_OPTIM_FORMULA_H_
#define ADJOINT_OPTIM_FORMULA_H_

namespace adjoint::optim {

// Whose formula an optimizer follows where the two differ; each optimizer's header says how. In a
// configuration it is the value "formula", 0 or 1.
enum class Formula { kKeras = 0, kPyTorch = 1 };

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_FORMULA_H_
