#ifndef ADJOINT_NN_HISTORY_H_
#define ADJOINT_NN_HISTORY_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace adjoint::nn {

// Named numbers in the order in which they are shown: "loss", the metrics, and in Fit their "val_"
// twins.
class Logs {
 public:
  using Entry = std::pair<std::string, double>;

  void Set(absl::string_view name, double value);
  std::optional<double> Find(absl::string_view name) const;
  bool Has(absl::string_view name) const { return Find(name).has_value(); }
  // The number; NaN when there is none of this name.
  double operator[](absl::string_view name) const;

  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry>& entries() { return entries_; }
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;
};

// What Fit returns: for each name a number an epoch.
class History {
 public:
  using Entry = std::pair<std::string, std::vector<double>>;

  void Append(const Logs& logs);
  // The numbers, none when there is no such name.
  const std::vector<double>& operator[](absl::string_view name) const;

  // In the order of the logs.
  const std::vector<Entry>& entries() const { return entries_; }
  // Epochs trained.
  int num_epochs() const { return epochs_; }

  // The history that these lists make.
  static History Of(std::vector<Entry> entries, int num_epochs);

 private:
  std::vector<Entry> entries_;
  int epochs_ = 0;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_HISTORY_H_
