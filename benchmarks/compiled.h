#ifndef ADJOINT_BENCHMARKS_COMPILED_H_
#define ADJOINT_BENCHMARKS_COMPILED_H_

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/philox.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/executable.h"
#include "graph/program.h"

namespace adjoint::benchmarks {

// f32 numbers uniform in [-1, 1).
inline Tensor Random(const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  PhiloxEngine engine({1, stream, 0});
  for (float& x : t.mutable_data<float>()) x = 2 * UniformFloat(engine()) - 1;
  return t;
}

// A compiled program with its workspace and operands: what is left to measure is Run().
class Compiled {
 public:
  static absl::StatusOr<Compiled> Create(const graph::Program& program, std::vector<Tensor> inputs,
                                         const graph::CompileOptions& options = {}) {
    Compiled c;
    ADJOINT_ASSIGN_OR_RETURN(c.executable_, graph::Executable::Compile(program, options));
    ADJOINT_ASSIGN_OR_RETURN(c.workspace_, c.executable_->NewWorkspace());
    c.inputs_ = std::move(inputs);
    ADJOINT_RETURN_IF_ERROR(c.Run());
    return c;
  }

  absl::Status Run() { return executable_->Run(*workspace_, inputs_, nullptr, &outputs_); }

  const std::vector<Tensor>& outputs() const { return outputs_; }
  int num_steps() const { return executable_->num_steps(); }

  // "fused_matmul/onednn relu/simd": the kernels in the order they run.
  std::string Kernels() const {
    std::string text;
    for (const graph::Executable::Step& step : executable_->Steps()) {
      text += (text.empty() ? "" : " ") + step.kernel;
    }
    return text;
  }

 private:
  Compiled() = default;

  std::shared_ptr<const graph::Executable> executable_;
  std::unique_ptr<graph::Workspace> workspace_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
};

// The largest difference of two f32 tensors of one size, relative to the largest element.
inline double RelativeDifference(const Tensor& a, const Tensor& b) {
  double difference = 0, largest = 1e-30;
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.data<float>()[i];
    const double y = b.data<float>()[i];
    difference = std::max(difference, std::abs(x - y));
    largest = std::max(largest, std::abs(x));
  }
  return difference / largest;
}

}  // namespace adjoint::benchmarks

#endif  // ADJOINT_BENCHMARKS_COMPILED_H_
