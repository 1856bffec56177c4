#ifndef ADJOINT_OPS_FAIL_H_
#define ADJOINT_OPS_FAIL_H_

#include "absl/strings/string_view.h"
#include "ops/var.h"

namespace adjoint::ops {

// For functions that are compositions: tells x's builder that `function` refuses x, as "file:line:
// function(spec): rule", and returns a var that is not valid. Requires x.var.builder.
Var FailAt(const Operand& x, absl::string_view function, absl::string_view rule);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_FAIL_H_
