#include "graph/variables.h"

#include <atomic>

#include "absl/strings/str_cat.h"

namespace adjoint::graph {

VariableStore& VariableStore::operator=(const VariableStore& other) {
  Restore(other);
  return *this;
}

VariableStore& VariableStore::operator=(VariableStore&& other) noexcept {
  if (this == &other) return *this;
  tensors_ = std::move(other.tensors_);
  status_ = std::move(other.status_);
  other.tensors_.clear();
  other.status_ = absl::OkStatus();
  generation_ = NewGeneration();
  other.generation_ = NewGeneration();
  return *this;
}

uint64_t VariableStore::NewGeneration() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void VariableStore::Set(absl::string_view name, const Tensor& value) {
  tensors_.insert_or_assign(std::string(name), value.Clone());
  generation_ = NewGeneration();
}

void VariableStore::Erase(absl::string_view name) {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) return;
  tensors_.erase(it);
  generation_ = NewGeneration();
}

absl::StatusOr<Tensor> VariableStore::Get(absl::string_view name) const {
  if (!status_.ok()) return status_;
  const Tensor* tensor = Find(name);
  if (tensor == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no variable '", name, "'"));
  }
  return tensor->Clone();
}

const Tensor* VariableStore::Find(absl::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

Tensor* VariableStore::FindMutable(absl::string_view name) {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

std::vector<std::string> VariableStore::Names() const {
  std::vector<std::string> names;
  for (const auto& entry : tensors_) names.push_back(entry.first);
  return names;
}

int64_t VariableStore::TotalElements() const {
  int64_t n = 0;
  for (const auto& entry : tensors_) n += entry.second.size();
  return n;
}

void VariableStore::Poison(absl::Status error) {
  if (!status_.ok()) return;
  status_ = absl::Status(error.code(),
                         absl::StrCat("the variables are unusable since a step failed half-way: ",
                                      error.message(), "; restore them or build the model again"));
}

void VariableStore::Restore(const VariableStore& other) {
  if (this == &other) return;
  tensors_.clear();
  for (const auto& entry : other.tensors_) tensors_.emplace(entry.first, entry.second.Clone());
  status_ = other.status_;
  generation_ = NewGeneration();
}

}  // namespace adjoint::graph
