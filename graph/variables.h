#ifndef ADJOINT_GRAPH_VARIABLES_H_
#define ADJOINT_GRAPH_VARIABLES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::graph {

// Named tensors: the only mutable state. Executables update them in place, so the store holds each
// buffer alone: what goes in and comes out is copied, and a copy of a store has tensors of its own.
// Not thread-safe; programs that only read may share it.
class VariableStore {
 public:
  VariableStore() = default;
  VariableStore(const VariableStore& other) { Restore(other); }
  VariableStore& operator=(const VariableStore& other);
  VariableStore(VariableStore&& other) noexcept { *this = std::move(other); }
  VariableStore& operator=(VariableStore&& other) noexcept;

  // Adds or replaces.
  void Set(absl::string_view name, const Tensor& value);
  bool Has(absl::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  void Erase(absl::string_view name);

  // A copy of the value. Errors: no such variable; the store is poisoned.
  absl::StatusOr<Tensor> Get(absl::string_view name) const;

  // The tensor itself, null when there is none: its elements change when a program runs, and the
  // pointer is valid until the variable is set again or erased. Elements may be written through it;
  // another tensor may not be assigned, for executables keep the address of the elements.
  const Tensor* Find(absl::string_view name) const;
  Tensor* FindMutable(absl::string_view name);

  // In lexicographic order.
  std::vector<std::string> Names() const;
  int64_t TotalElements() const;

  // Changes when the set of variables or one of their buffers does, not when a program writes
  // elements. No two stores of a process ever have the same, not even at the same address.
  uint64_t generation() const { return generation_; }

  // A program failed after it had begun to write: values are unusable, and every later use is
  // refused with this error until Restore.
  void Poison(absl::Status error);
  const absl::Status& status() const { return status_; }

  // Replaces everything by copies of the other store's variables and lifts a poisoning.
  void Restore(const VariableStore& other);

 private:
  static uint64_t NewGeneration();

  std::map<std::string, Tensor, std::less<>> tensors_;
  uint64_t generation_ = NewGeneration();
  absl::Status status_;
};

}  // namespace adjoint::graph

#endif  // ADJOINT_GRAPH_VARIABLES_H_
