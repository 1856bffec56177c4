#include "nn/history.h"

#include <limits>
#include <utility>

namespace adjoint::nn {

void Logs::Set(absl::string_view name, double value) {
  for (Entry& entry : entries_) {
    if (entry.first == name) {
      entry.second = value;
      return;
    }
  }
  entries_.emplace_back(std::string(name), value);
}

std::optional<double> Logs::Find(absl::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  return std::nullopt;
}

double Logs::operator[](absl::string_view name) const {
  return Find(name).value_or(std::numeric_limits<double>::quiet_NaN());
}

void History::Append(const Logs& logs) {
  ++epochs_;
  for (const Logs::Entry& log : logs.entries()) {
    Entry* found = nullptr;
    for (Entry& entry : entries_) {
      if (entry.first == log.first) found = &entry;
    }
    if (found == nullptr) found = &entries_.emplace_back(log.first, std::vector<double>());
    found->second.push_back(log.second);
  }
}

History History::Of(std::vector<Entry> entries, int num_epochs) {
  History history;
  history.entries_ = std::move(entries);
  history.epochs_ = num_epochs;
  return history;
}

const std::vector<double>& History::operator[](absl::string_view name) const {
  static const std::vector<double>* const none = new std::vector<double>;
  for (const Entry& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  return *none;
}

}  // namespace adjoint::nn
