#include "ops/arithmetic.h"
#include "ops/iota.h"
#include "ops/linalg.h"
#include "ops/shape_ops.h"
#include "tests/ops/golden_cases.h"

namespace adjoint::testing {
namespace {

using ops::DepthOrder;
using ops::Operand;
using ops::PadMode;
using ops::Var;
using Vars = absl::Span<const Var>;
using Result = std::vector<Var>;

GoldenBuild One(std::function<Var(Vars)> fn) {
  return [fn = std::move(fn)](Vars v) { return Result{fn(v)}; };
}

GoldenBuild Pad(std::vector<int64_t> before, std::vector<int64_t> after, PadMode mode,
                double value = 0) {
  return One([=](Vars v) { return ops::Pad(v[0], before, after, mode, value); });
}

Var Lengths(Var like, std::initializer_list<int64_t> values) {
  return ops::Constant(*like.builder, Tensor::Vector<int64_t>(values));
}

}  // namespace

GoldenBuild GoldenEinsum(std::string equation) {
  return One([equation](Vars v) {
    return ops::Einsum(equation, std::vector<Operand>(v.begin(), v.end()));
  });
}

std::map<std::string, GoldenBuild> NumPyCases() {
  return {
      {"pad constant [1, 0, 2] [0, 3, 1]", Pad({1, 0, 2}, {0, 3, 1}, PadMode::kConstant, 1.5)},
      {"pad edge [2, 0] [1, 5]", Pad({2, 0}, {1, 5}, PadMode::kEdge)},
      {"pad reflect [7, 2] [5, 6]", Pad({7, 2}, {5, 6}, PadMode::kReflect)},
      {"pad wrap [1, 3] [2, 2]", Pad({1, 3}, {2, 2}, PadMode::kWrap)},
      {"pad wrap [1, 9] [4, 2]", Pad({1, 9}, {4, 2}, PadMode::kWrap)},
      {"tile", One([](Vars v) {
         return ops::Tiled(v[0], {2, 1, 3});
       })},
      {"repeat", One([](Vars v) { return ops::Repeat(v[0], 3, 1); })},
      {"repeat each", One([](Vars v) {
         return ops::Repeat(v[0], {2, 0, 1}, 1);
       })},
      {"flip", One([](Vars v) {
         return ops::Flip(v[0], {0, 2});
       })},
      {"roll", One([](Vars v) {
         return ops::Roll(v[0], {-1, 5}, {1, 2});
       })},
      {"stack", One([](Vars v) {
         return ops::Stack({v[0], v[1]}, 1);
       })},
      {"unstack", [](Vars v) { return ops::Unstack(v[0], 1); }},
      {"split", [](Vars v) { return ops::Split(v[0], 2, 2); }},
      {"split sizes",
       [](Vars v) {
         return ops::SplitSizes(v[0], {1, 0, 3}, 2);
       }},
      {"swap axes", One([](Vars v) { return ops::SwapAxes(v[0], 0, -1); })},
      {"move axes", One([](Vars v) {
         return ops::MoveAxes(v[0], {0, 2}, {2, 1});
       })},
      {"expand", One([](Vars v) {
         return ops::Expand(v[0], {2, 1, 3, 1});
       })},
      {"flatten", One([](Vars v) { return ops::Flatten(v[0], 2); })},
      {"depth to space dcr", One([](Vars v) { return ops::DepthToSpace(v[0], 2); })},
      {"depth to space crd",
       One([](Vars v) { return ops::DepthToSpace(v[0], 2, DepthOrder::kCRD); })},
      {"space to depth", One([](Vars v) { return ops::SpaceToDepth(v[0], 2); })},
      {"reverse sequence", One([](Vars v) {
         return ops::ReverseSequence(v[0], Lengths(v[0], {2, 3}));
       })},
      {"triu", One([](Vars v) { return ops::Triu(v[0], 1); })},
      {"tril", One([](Vars v) { return ops::Tril(v[0], -1); })},
      {"diagonal", One([](Vars v) { return ops::Diagonal(v[0], 1, 0, 2); })},
      {"trace", One([](Vars v) { return ops::Trace(v[0], -1, 1, 2); })},
      {"diag", One([](Vars v) { return ops::Diag(v[0], -1); })},
      {"eye", One([](Vars v) { return ops::Eye(*v[0].builder, 3, 4, -1, v[0].dtype()); })},
      {"range", One([](Vars v) { return ops::Range(*v[0].builder, 1, -2, -0.75, v[0].dtype()); })},
      {"linspace",
       One([](Vars v) { return ops::Linspace(*v[0].builder, -1, 2, 6, v[0].dtype()); })},
      {"matmul vectors", One([](Vars v) { return ops::MatMul(v[0], v[1]); })},
      {"matmul vector batch", One([](Vars v) { return ops::MatMul(v[0], v[1]); })},
      {"matmul batch vector", One([](Vars v) { return ops::MatMul(v[0], v[1]); })},
      {"dot", One([](Vars v) { return ops::Dot(v[0], v[1]); })},
      {"inner", One([](Vars v) { return ops::Inner(v[0], v[1]); })},
      {"outer", One([](Vars v) { return ops::Outer(v[0], v[1]); })},
      {"vdot", One([](Vars v) { return ops::VDot(v[0], v[1]); })},
      {"tensordot", One([](Vars v) {
         return ops::Tensordot(v[0], v[1], {1, 2}, {1, 0});
       })},
      {"gemm", One([](Vars v) {
         return ops::Gemm(v[0], v[1], v[2],
                          {.alpha = 0.5, .beta = -2, .transpose_a = true, .transpose_b = true});
       })},
      {"det", One([](Vars v) { return ops::Det(v[0]); })},
      {"slogdet",
       [](Vars v) {
         const ops::SignAndLog both = ops::SlogDet(v[0]);
         return Result{both.sign, both.log};
       }},
      {"solve", One([](Vars v) { return ops::Solve(v[0], v[1]); })},
      {"inverse", One([](Vars v) { return ops::Inverse(v[0]); })},
      {"cholesky", One([](Vars v) { return ops::Cholesky(v[0]); })},
  };
}

}  // namespace adjoint::testing
