#include "ops/fail.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ops/builder.h"

namespace adjoint::ops {

Var FailAt(const Operand& x, absl::string_view function, absl::string_view rule) {
  x.var.builder->Fail(absl::InvalidArgumentError(
      absl::StrCat(x.location.file_name(), ":", x.location.line(), ": ", function, "(",
                   x.var.spec().ToString(), "):\n  ", rule)));
  return Var{x.var.builder, -1, 0};
}

}  // namespace adjoint::ops
