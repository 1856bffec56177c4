#ifndef ADJOINT_CORE_STATUS_MACROS_H_
#define ADJOINT_CORE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expr`, an absl::Status, is not OK.
#define ADJOINT_RETURN_IF_ERROR(expr)                  \
  do {                                                 \
    absl::Status adjoint_status_ = (expr);             \
    if (!adjoint_status_.ok()) return adjoint_status_; \
  } while (false)

#define ADJOINT_MACRO_CONCAT_INNER_(a, b) a##b
#define ADJOINT_MACRO_CONCAT_(a, b) ADJOINT_MACRO_CONCAT_INNER_(a, b)

// ADJOINT_ASSIGN_OR_RETURN(auto x, F()): assigns the value of an absl::StatusOr, or returns its
// status from the enclosing function. A declaration with a comma in its type needs parentheses.
#define ADJOINT_ASSIGN_OR_RETURN(lhs, expr) \
  ADJOINT_ASSIGN_OR_RETURN_IMPL_(ADJOINT_MACRO_CONCAT_(adjoint_or_, __LINE__), lhs, expr)
#define ADJOINT_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                   \
  if (!tmp.ok()) return std::move(tmp).status();       \
  lhs = *std::move(tmp)

#endif  // ADJOINT_CORE_STATUS_MACROS_H_
