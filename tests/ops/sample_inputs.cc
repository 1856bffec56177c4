#include "tests/ops/sample_inputs.h"

#include <cmath>

#include "core/philox.h"

namespace adjoint::testing {
namespace {

Tensor Draw(const SampleArg& arg, uint64_t stream) {
  const bool floating = IsFloating(arg.spec.dtype);
  Tensor t =
      Tensor::Empty({arg.spec.dtype == DType::kF32 ? DType::kF64 : arg.spec.dtype, arg.spec.shape});
  PhiloxEngine random({.seed = 5, .stream = stream});
  for (int64_t i = 0; i < t.size(); ++i) {
    const uint32_t high = random(), low = random();
    double value = arg.low + (arg.high - arg.low) * UniformDouble(high, low);
    if (!floating)
      value = std::floor(arg.low + (arg.high - arg.low + 1) * UniformDouble(high, low));
    if (arg.spec.dtype == DType::kBool) value = high & 1;
    if (!arg.values.empty()) value = arg.values[i];
    VisitDType(t.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      t.mutable_data<T>()[i] = static_cast<T>(value);
    });
  }
  return t;
}

Tensor ToF32(const Tensor& from) {
  if (from.dtype() != DType::kF64) return from;
  Tensor to = Tensor::Empty({DType::kF32, from.shape()});
  for (int64_t i = 0; i < from.size(); ++i) {
    to.mutable_data<float>()[i] = static_cast<float>(from.data<double>()[i]);
  }
  return to;
}

}  // namespace

std::vector<Tensor> InputsOf(const Sample& sample, DType floating) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < sample.args.size(); ++i) {
    Tensor t = Draw(sample.args[i], i);
    if (floating == DType::kF32) t = ToF32(t);
    inputs.push_back(t);
  }
  return inputs;
}

}  // namespace adjoint::testing
