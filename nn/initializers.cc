#include "nn/initializers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/philox.h"
#include "core/status_macros.h"
#include "nn/call_text.h"
#include "ops/random.h"

namespace adjoint::nn {
namespace {

struct Fans {
  double in = 1;
  double out = 1;
};

Fans FansOf(const Shape& shape) {
  const int rank = shape.rank();
  if (rank == 0) return {};
  if (rank == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  double field = 1;
  for (int axis = 0; axis < rank - 2; ++axis) field *= static_cast<double>(shape[axis]);
  return {field * static_cast<double>(shape[rank - 2]),
          field * static_cast<double>(shape[rank - 1])};
}

// Standard normal numbers by the transformation of Box and Muller, one of each pair.
class NormalSource {
 public:
  explicit NormalSource(PhiloxEngine& engine) : engine_(engine) {}

  double Next() {
    const double u = 1 - NextUniform();  // in (0, 1]
    const double v = NextUniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
  }
  double NextTruncated() {
    double x = Next();
    while (std::abs(x) > 2) x = Next();
    return x;
  }

 private:
  double NextUniform() {
    const uint32_t high = engine_();
    return UniformDouble(high, engine_());
  }

  PhiloxEngine& engine_;
};

// The deviation of a standard normal that is truncated at +-2.
constexpr double kTruncatedDeviation = 0.87962566103423978;

template <typename T>
void Fill(Tensor& tensor, const std::function<double()>& next) {
  for (T& element : tensor.mutable_data<T>()) element = static_cast<T>(next());
}

// A matrix with orthonormal columns, or rows where those are fewer, row by row: normal numbers made
// orthogonal by Gram and Schmidt's process, twice for the sake of rounding.
std::vector<double> Orthogonal(int64_t rows, int64_t columns, PhiloxEngine& engine) {
  const int64_t n = std::min(rows, columns), m = std::max(rows, columns);
  std::vector<std::vector<double>> basis;
  for (int64_t k = 0; k < n; ++k) {
    std::vector<double> v(m);
    for (double& x : v) x = NormalSource(engine).Next();
    for (int twice = 0; twice < 2; ++twice) {
      for (const std::vector<double>& u : basis) {
        const double along = std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
        for (int64_t i = 0; i < m; ++i) v[i] -= along * u[i];
      }
      const double norm = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
      for (double& x : v) x /= norm;
    }
    basis.push_back(std::move(v));
  }
  std::vector<double> matrix;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      matrix.push_back(rows >= columns ? basis[c][r] : basis[r][c]);
    }
  }
  return matrix;
}

// The elements of a list, one after the other.
std::function<double()> From(std::vector<double> elements) {
  return [elements = std::move(elements), next = size_t{0}]() mutable { return elements[next++]; };
}

absl::StatusOr<std::function<double()>> SourceFor(const CallText& call, const Shape& shape,
                                                  PhiloxEngine& engine) {
  const auto number = [&](size_t i, double fallback) {
    return i < call.numbers.size() ? call.numbers[i] : fallback;
  };
  const auto uniform = [&engine](double low, double high) {
    return [&engine, low, high] { return low + (high - low) * UniformFloat(engine()); };
  };
  const auto truncated = [&engine](double deviation) {
    return [&engine, scale = deviation / kTruncatedDeviation] {
      return scale * NormalSource(engine).NextTruncated();
    };
  };
  const Fans fans = FansOf(shape);
  const double mean_fan = std::max(1.0, (fans.in + fans.out) / 2);
  const double fan_in = std::max(1.0, fans.in);
  size_t takes = 0;
  std::function<double()> source;
  if (call.name == "zeros") {
    source = [] { return 0.0; };
  } else if (call.name == "ones") {
    source = [] { return 1.0; };
  } else if (call.name == "constant") {
    takes = 1;
    source = [value = number(0, 0)] { return value; };
  } else if (call.name == "random_uniform") {
    takes = 2;
    source = uniform(number(0, -0.05), number(1, 0.05));
  } else if (call.name == "random_normal") {
    takes = 2;
    source = [&engine, mean = number(0, 0), deviation = number(1, 0.05)] {
      return mean + deviation * NormalSource(engine).Next();
    };
  } else if (call.name == "glorot_uniform") {
    const double limit = std::sqrt(3 / mean_fan);
    source = uniform(-limit, limit);
  } else if (call.name == "glorot_normal") {
    source = truncated(std::sqrt(1 / mean_fan));
  } else if (call.name == "he_uniform") {
    const double limit = std::sqrt(6 / fan_in);
    source = uniform(-limit, limit);
  } else if (call.name == "he_normal") {
    source = truncated(std::sqrt(2 / fan_in));
  } else if (call.name == "orthogonal") {
    takes = 1;
    if (shape.rank() < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("initializer 'orthogonal' takes two axes or more, not ", shape.ToString()));
    }
    const int64_t columns = shape[shape.rank() - 1];
    std::vector<double> elements =
        Orthogonal(columns == 0 ? 0 : shape.NumElements() / columns, columns, engine);
    for (double& x : elements) x *= number(0, 1);
    source = From(std::move(elements));
  } else if (call.name == "unit_forget_bias") {
    const int64_t n = shape.NumElements();
    std::vector<double> elements(n, 0);
    std::fill(elements.begin() + n / 4, elements.begin() + n / 2, 1);
    source = From(std::move(elements));
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no initializer '", call.name,
        "'; there are zeros, ones, constant, random_uniform, random_normal, glorot_uniform, "
        "glorot_normal, he_uniform, he_normal, orthogonal, unit_forget_bias"));
  }
  if (call.numbers.size() > takes) {
    return absl::InvalidArgumentError(absl::StrCat("initializer '", call.name, "' takes ", takes,
                                                   " numbers, but was given ",
                                                   call.numbers.size()));
  }
  return source;
}

}  // namespace

absl::StatusOr<Tensor> Initializer::Draw(const TensorSpec& spec, uint64_t seed,
                                         absl::string_view path) const {
  if (!IsFloating(spec.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("initializer '", text_, "' draws floats, not ", spec.ToString()));
  }
  if (value_.has_value()) {
    if (value_->spec() == spec) return *value_;
    return absl::InvalidArgumentError(absl::StrCat("the tensor given is ",
                                                   value_->spec().ToString(),
                                                   ", but the variable is ", spec.ToString()));
  }
  ADJOINT_ASSIGN_OR_RETURN(const CallText call, ParseCall(text_));
  ADJOINT_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(spec));
  PhiloxEngine engine(RandomStream{
      .seed = seed, .stream = static_cast<uint64_t>(ops::RandomStreamFor(path, 0)), .step = 0});
  ADJOINT_ASSIGN_OR_RETURN(const std::function<double()> next, SourceFor(call, spec.shape, engine));
  if (spec.dtype == DType::kF64) {
    Fill<double>(tensor, next);
  } else {
    Fill<float>(tensor, next);
  }
  return tensor;
}

Initializer Constant(double value) { return FormatCall("constant", {value}); }
Initializer RandomUniform(double low, double high) {
  return FormatCall("random_uniform", {low, high});
}
Initializer RandomNormal(double mean, double deviation) {
  return FormatCall("random_normal", {mean, deviation});
}

}  // namespace adjoint::nn
