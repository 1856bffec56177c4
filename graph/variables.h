#ifndef ADJOINT_GRAPH_VARIABLES_H_
#define ADJOINT_GRAPH_VARIABLES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::graph {

// Named tensors: the only mutable state. Executables update them in place, so the store holds each
// buffer alone: what goes in and comes out is copied. Not thread-safe; programs that only read may
// share it.
class VariableStore {
 public:
  // Adds or replaces.
  void Set(absl::string_view name, const Tensor& value);
  bool Has(absl::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  void Erase(absl::string_view name);

  // A copy of the value. Errors: no such variable; the store is poisoned.
  absl::StatusOr<Tensor> Get(absl::string_view name) const;

  // The tensor itself, null when there is none: its elements change when a program runs, and the
  // pointer is valid until the variable is set again or erased.
  const Tensor* Find(absl::string_view name) const;
  Tensor* FindMutable(absl::string_view name);

  // In lexicographic order.
  std::vector<std::string> Names() const;
  int64_t TotalElements() const;

  // Raised when the set of variables or one of their buffers changes; not when a program writes
  // elements.
  uint64_t generation() const { return generation_; }

  // A program failed after it had begun to write: values are unusable, and every later use is
  // refused with this error until Restore.
  void Poison(absl::Status error);
  const absl::Status& status() const { return status_; }

  // Replaces everything by copies of the other store's variables and lifts a poisoning.
  void Restore(const VariableStore& other);

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  uint64_t generation_ = 0;
  absl::Status status_;
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_VARIABLES_H_
