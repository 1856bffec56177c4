#include "graph/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/philox.h"
#include "core/status_macros.h"
#include "graph/executable.h"
#include "graph/gradients.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"

namespace adjoint::graph {
namespace {

Tensor RandomLike(const TensorSpec& spec, PhiloxEngine* random) {
  Tensor t = Tensor::Empty(spec);
  for (double& v : t.mutable_data<double>()) {
    const uint32_t high = (*random)(), low = (*random)();
    v = 2 * UniformDouble(high, low) - 1;
  }
  return t;
}

// <r, vars> for constant random r of the vars' specs.
Var RandomProjection(Graph* graph, absl::Span<const Var> vars, PhiloxEngine* random) {
  Var sum = graph->Constant(Tensor::Scalar<double>(0));
  for (Var v : vars) {
    if (v.dtype() != DType::kF64) continue;
    sum = ops::Add(sum, ops::Sum(ops::Mul(v, graph->Constant(RandomLike(v.spec(), random)))));
  }
  return sum;
}

class Checker {
 public:
  Checker(const std::function<std::vector<Var>(absl::Span<const Var>)>& build,
          absl::Span<const Tensor> inputs, const GradientCheckOptions& options)
      : build_(build), inputs_(inputs), options_(options) {}

  absl::Status CheckOrder(int order) {
    ADJOINT_RETURN_IF_ERROR(Compile(order));
    PhiloxEngine random({.seed = options_.seed, .stream = 2, .step = uint64_t(order)});
    ADJOINT_ASSIGN_OR_RETURN(const std::vector<Tensor> here, Evaluate(inputs_));
    for (int direction = 0; direction < options_.directions; ++direction) {
      double derivative = 0;
      std::vector<Tensor> ahead(inputs_.begin(), inputs_.end()), behind = ahead;
      for (size_t k = 0; k < varied_.size(); ++k) {
        const Tensor along = RandomLike(inputs_[varied_[k]].spec(), &random);
        const Tensor gradient = here[k + 1];
        Tensor plus = ahead[varied_[k]].Clone(), minus = plus.Clone();
        for (int64_t i = 0; i < along.size(); ++i) {
          const double v = along.data<double>()[i];
          derivative += v * gradient.data<double>()[i];
          plus.mutable_data<double>()[i] += options_.step * v;
          minus.mutable_data<double>()[i] -= options_.step * v;
        }
        ahead[varied_[k]] = plus;
        behind[varied_[k]] = minus;
      }
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<Tensor> after, Evaluate(ahead));
      ADJOINT_ASSIGN_OR_RETURN(const std::vector<Tensor> before, Evaluate(behind));
      const double difference =
          (after[0].item<double>() - before[0].item<double>()) / (2 * options_.step);
      const double error = std::abs(difference - derivative);
      // A NaN on either side is an error too.
      if (!(error <= options_.tolerance * std::max(1.0, std::abs(derivative)))) {
        return absl::InternalError(
            absl::StrCat("the derivative of order ", order, " in direction ", direction, " is ",
                         derivative, " by the gradient rules, but ", difference,
                         " by central differences (step ", options_.step, ")"));
      }
    }
    return absl::OkStatus();
  }

 private:
  // A program whose outputs are a scalar function, the projection of the derivative of order
  // `order` - 1, and its gradients by the inputs that vary.
  absl::Status Compile(int order) {
    auto graph = std::make_shared<Graph>();
    std::vector<Var> vars, xs;
    varied_.clear();
    for (size_t i = 0; i < inputs_.size(); ++i) {
      vars.push_back(graph->Input(absl::StrCat("input", i), inputs_[i].spec()));
      if (inputs_[i].dtype() != DType::kF64) continue;
      varied_.push_back(static_cast<int>(i));
      xs.push_back(vars.back());
    }
    if (xs.empty()) return absl::InvalidArgumentError("no input is f64: nothing to differentiate");
    PhiloxEngine random({.seed = options_.seed, .stream = 1});
    const std::vector<Var> outputs = build_(vars);
    ADJOINT_RETURN_IF_ERROR(graph->status());
    if (std::none_of(outputs.begin(), outputs.end(),
                     [](Var v) { return v.dtype() == DType::kF64; })) {
      return absl::InvalidArgumentError("no output is f64: there is nothing to check");
    }
    Var scalar = RandomProjection(graph.get(), outputs, &random);
    std::vector<Var> gradients = Gradients(scalar, xs);
    for (int k = 1; k < order; ++k) {
      scalar = RandomProjection(graph.get(), gradients, &random);
      gradients = Gradients(scalar, xs);
    }
    ADJOINT_RETURN_IF_ERROR(graph->status());
    Program program{
        .name = "gradient_check", .graph = graph, .inputs = {}, .outputs = {}, .states = {}};
    for (size_t i = 0; i < vars.size(); ++i) program.AddInput(absl::StrCat("input", i), vars[i]);
    program.AddOutput("scalar", scalar);
    for (Var g : gradients) program.AddOutput("gradient", g);
    ADJOINT_ASSIGN_OR_RETURN(executable_, Executable::Compile(program));
    ADJOINT_ASSIGN_OR_RETURN(workspace_, executable_->NewWorkspace());
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Tensor>> Evaluate(absl::Span<const Tensor> inputs) {
    std::vector<Tensor> outputs;
    ADJOINT_RETURN_IF_ERROR(executable_->Run(*workspace_, inputs, nullptr, &outputs));
    return outputs;
  }

  const std::function<std::vector<Var>(absl::Span<const Var>)>& build_;
  const absl::Span<const Tensor> inputs_;
  const GradientCheckOptions& options_;
  std::vector<int> varied_;  // indices of the f64 inputs
  std::shared_ptr<const Executable> executable_;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace

absl::Status CheckGradients(const std::function<std::vector<Var>(absl::Span<const Var>)>& build,
                            absl::Span<const Tensor> inputs, const GradientCheckOptions& options) {
  Checker checker(build, inputs, options);
  for (int order = 1; order <= options.order; ++order) {
    ADJOINT_RETURN_IF_ERROR(checker.CheckOrder(order));
  }
  return absl::OkStatus();
}

}  // namespace adjoint::graph
