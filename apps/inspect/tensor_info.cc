#include "apps/inspect/tensor_info.h"

#include <algorithm>
#include <cmath>

namespace adjoint::apps::inspect {
namespace {

Stats StatsOf(const Tensor& tensor) {
  Stats stats;
  VisitDType(tensor.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    int64_t count = 0;
    double mean = 0, squares = 0;  // Welford's sums
    for (const T element : tensor.data<T>()) {
      const double x = static_cast<double>(element);
      if (!std::isfinite(x)) {
        ++stats.not_finite;
        continue;
      }
      stats.zeros += x == 0;
      stats.min = count == 0 ? x : std::min(stats.min, x);
      stats.max = count == 0 ? x : std::max(stats.max, x);
      ++count;
      const double before = x - mean;
      mean += before / static_cast<double>(count);
      squares += before * (x - mean);
    }
    stats.mean = mean;
    stats.std = count > 0 ? std::sqrt(squares / static_cast<double>(count)) : 0;
  });
  return stats;
}

}  // namespace

TensorInfo Describe(const std::string& name, const TensorSpec& spec) {
  const int64_t elements = spec.shape.NumElements();
  return {.name = name,
          .dtype = std::string(DTypeName(spec.dtype)),
          .shape = spec.shape.ToString(),
          .elements = elements,
          .bytes = elements * static_cast<int64_t>(DTypeSize(spec.dtype))};
}

TensorInfo Describe(const std::string& name, const Tensor& tensor, bool stats) {
  TensorInfo info = Describe(name, tensor.spec());
  if (stats) info.stats = StatsOf(tensor);
  return info;
}

}  // namespace adjoint::apps::inspect
