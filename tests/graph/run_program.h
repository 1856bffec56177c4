#ifndef ADJOINT_TESTS_GRAPH_RUN_PROGRAM_H_
#define ADJOINT_TESTS_GRAPH_RUN_PROGRAM_H_

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/tensor.h"
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
  StoragePlan storage;
};

struct RunOptions {
  int threads = 1;
  std::vector<std::string> skip_kernels = {};
  VariableStore* variables = nullptr;
  bool may_fail = false;  // whether a run's error is for the test to look at
};

// Runs it without these passes.
inline Outcome RunProgram(const Program& program, const std::vector<Tensor>& inputs,
                          std::vector<std::string> disabled_passes, const RunOptions& run = {}) {
  const int before = NumThreads();
  SetNumThreads(run.threads);
  CompileOptions options;
  options.passes.disabled = std::move(disabled_passes);
  options.skip_kernels = run.skip_kernels;
  Outcome outcome;
  const auto exe = Executable::Compile(program, options);
  EXPECT_TRUE(exe.ok()) << exe.status();
  outcome.status = exe.status();
  if (exe.ok()) {
    for (const auto& step : (*exe)->Steps()) {
      outcome.kernels.push_back(step.kernel);
      if (absl::StrContains(step.kernel, "conv") && absl::StrContains(step.kernel, "/onednn")) {
        EXPECT_FALSE(step.implementation.empty()) << step.node;
      }
    }
    outcome.storage = (*exe)->storage();
    const auto workspace = (*exe)->NewWorkspace();
    EXPECT_TRUE(workspace.ok()) << workspace.status();
    outcome.status = (*exe)->Run(**workspace, inputs, run.variables, &outcome.outputs);
    EXPECT_TRUE(outcome.status.ok() || run.may_fail) << outcome.status;
  }
  SetNumThreads(before);
  return outcome;
}

// Fails the test where a run's outputs differ in a bit between one thread and two.
inline void ExpectBitsDoNotDependOnThreads(const Program& program,
                                           const std::vector<Tensor>& inputs) {
  const Outcome one = RunProgram(program, inputs, {});
  const Outcome two = RunProgram(program, inputs, {}, {.threads = 2});
  ASSERT_EQ(one.outputs.size(), two.outputs.size());
  for (size_t i = 0; i < one.outputs.size(); ++i) {
    EXPECT_TRUE(BitwiseEqual(one.outputs[i], two.outputs[i])) << "output " << i;
  }
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
