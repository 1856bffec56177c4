#ifndef ADJOINT_OPTIM_ROW_UPDATES_H_
#define ADJOINT_OPTIM_ROW_UPDATES_H_

#include "absl/types/span.h"
#include "ops/row_updates.h"
#include "optim/optimizer.h"

namespace adjoint::optim {

// A gradient of a parameter: of all of it, or of some of its rows (ops/row_updates.h).
struct Gradient {
  Var whole = {};
  ops::RowGradient rows = {};  // where `whole` is not valid

  bool is_of_rows() const { return !whole.valid(); }
};

// optimizer.Update for gradients of both kinds. Of a parameter whose gradient is of rows, these
// rows and those of its slots that are like the parameter are read and written, and nothing else:
// what Update makes of them as parameters of that many rows. Requires optimizer.is_rowwise() where
// there is such a gradient.
UpdateResult Update(const Optimizer& optimizer, absl::Span<const Gradient> grads,
                    absl::Span<const Var> params, absl::Span<const Var> slots, const Hyper& hyper);

}  // namespace adjoint::optim

#endif  // ADJOINT_OPTIM_ROW_UPDATES_H_
