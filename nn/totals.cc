#include "nn/totals.h"

#include <algorithm>

#include "absl/types/span.h"

namespace adjoint::nn {

Totals::Totals(const std::vector<Reported>& reported) : reported_(reported) {
  size_t outputs = 0;
  for (const Reported& r : reported) {
    logs_.Set(r.name, 0);
    outputs += static_cast<size_t>(r.num_outputs);
  }
  sums_.resize(outputs);
}

void Totals::Clear() {
  for (std::vector<double>& sum : sums_) sum.clear();
  samples_ = 0;
}

void Totals::Add(const std::vector<Tensor>& outputs, int64_t samples) {
  size_t at = 0;
  for (const Reported& r : reported_) {
    for (int i = 0; i < r.num_outputs; ++i, ++at) {
      std::vector<double>& sum = sums_[at];
      const Tensor& output = outputs[at];
      sum.resize(static_cast<size_t>(output.size()));
      for (size_t j = 0; j < sum.size(); ++j) {
        const double value = output.ValueAt(static_cast<int64_t>(j));
        sum[j] += r.result == nullptr ? r.SumOverSamples(value, samples) : value;
      }
    }
  }
  samples_ += samples;
}

const Logs& Totals::Results() {
  size_t at = 0;
  for (const Reported& r : reported_) {
    const absl::Span<const std::vector<double>> sums =
        absl::MakeConstSpan(sums_).subspan(at, static_cast<size_t>(r.num_outputs));
    at += sums.size();
    if (samples_ == 0) {
      logs_.Set(r.name, 0);
    } else if (r.result != nullptr) {
      logs_.Set(r.name, r.result(sums));
    } else {
      logs_.Set(r.name, sums[0][0] / static_cast<double>(samples_));
    }
  }
  return logs_;
}

bool Totals::Restore(std::vector<std::vector<double>> sums, int64_t samples) {
  if (sums.size() != sums_.size() || samples < 0) return false;
  sums_ = std::move(sums);
  samples_ = samples;
  return true;
}

}  // namespace adjoint::nn
