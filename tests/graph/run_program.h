#ifndef ADJOINT_TESTS_GRAPH_RUN_PROGRAM_H_
#define ADJOINT_TESTS_GRAPH_RUN_PROGRAM_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "core/philox.h"
#include "graph/executable.h"
#include "gtest/gtest.h"

// What tests of passes compare: the same program, run with and without one.

namespace adjoint::graph {

// Uniform in +-range.
inline Tensor Random(DType dtype, const Shape& shape, uint64_t stream, double range) {
  Tensor t = Tensor::Empty({dtype, shape});
  PhiloxEngine engine({3, stream, 0});
  VisitFloating(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& x : t.mutable_data<T>()) x = static_cast<T>(range * (2 * UniformFloat(engine()) - 1));
  });
  return t;
}

struct Outcome {
  absl::Status status;
  std::vector<Tensor> outputs;
  std::vector<std::string> kernels;
};

inline Outcome RunProgram(const Program& program, const std::vector<Tensor>& inputs,
                          std::vector<std::string> disabled_passes, int threads = 1) {
  const int before = NumThreads();
  SetNumThreads(threads);
  CompileOptions options;
  options.passes.disabled = std::move(disabled_passes);
  Outcome outcome;
  const auto exe = Executable::Compile(program, options);
  EXPECT_TRUE(exe.ok()) << exe.status();
  for (const auto& step : (*exe)->Steps()) outcome.kernels.push_back(step.kernel);
  const auto workspace = (*exe)->NewWorkspace();
  outcome.status = (*exe)->Run(**workspace, inputs, nullptr, &outcome.outputs);
  SetNumThreads(before);
  return outcome;
}

// The largest difference, in parts of the largest element of a.
inline double Difference(const Tensor& a, const Tensor& b) {
  double difference = 0, largest = 1e-30;
  for (int64_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(a.ValueAt(i) - b.ValueAt(i)));
    largest = std::max(largest, std::abs(a.ValueAt(i)));
  }
  return difference / largest;
}

}  // namespace adjoint::graph

#endif  // ADJOINT_TESTS_GRAPH_RUN_PROGRAM_H_
