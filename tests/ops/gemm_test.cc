// Our own products under every plan, the table of plans, and the choice by timing.

#include <cmath>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/philox.h"
#include "core/tensor.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/autotune.h"
#include "ops/gemm/matmul.h"
#include "ops/gemm/plan.h"
#include "ops/matmul.h"
#include "tests/ops/run_kernel.h"

namespace adjoint {
namespace {

using ops::MatMulPlan;
using ops::MatMulShape;

Tensor Random(const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({DType::kF32, shape});
  PhiloxEngine engine({7, stream, 0});
  for (float& x : t.mutable_data<float>()) x = 2 * UniformFloat(engine()) - 1;
  return t;
}

ops::MatMulConfig ConfigOf(const MatMulShape& s) {
  ops::MatMulConfig config;
  config.transpose_lhs = s.transpose_lhs;
  config.transpose_rhs = s.transpose_rhs;
  config.lhs = {DType::kF32, s.transpose_lhs ? Shape{s.k, s.m} : Shape{s.m, s.k}};
  config.rhs = {DType::kF32, s.transpose_rhs ? Shape{s.n, s.k} : Shape{s.k, s.n}};
  config.out = {DType::kF32, Shape{s.m, s.n}};
  return config;
}

struct Operands {
  explicit Operands(const ops::MatMulConfig& config)
      : lhs(Random(config.lhs.shape, 1)),
        rhs(Random(config.rhs.shape, 2)),
        bias(Random({config.out.shape[1]}, 3)) {}
  std::vector<Tensor> All(bool with_bias) const {
    return with_bias ? std::vector<Tensor>{lhs, rhs, bias} : std::vector<Tensor>{lhs, rhs};
  }
  Tensor lhs, rhs, bias;
};

Tensor RunPlan(const ops::MatMulConfig& config, const MatMulPlan& plan,
               const std::vector<Tensor>& inputs) {
  auto kernel = ops::MakeMatMulKernel(config, plan);
  EXPECT_TRUE(kernel.ok() && *kernel != nullptr);
  return *testing::Prepared{"", *std::move(kernel), {config.out}}.Run(inputs);
}

// The product in double precision, without the bias.
std::vector<double> Exact(const MatMulShape& s, const Operands& x) {
  const auto lhs = x.lhs.data<float>();
  const auto rhs = x.rhs.data<float>();
  std::vector<double> sums;
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < s.k; ++l) {
        sum += static_cast<double>(lhs[s.transpose_lhs ? l * s.m + i : i * s.k + l]) *
               static_cast<double>(rhs[s.transpose_rhs ? j * s.k + l : l * s.n + j]);
      }
      sums.push_back(sum);
    }
  }
  return sums;
}

// The largest error, in units of the most that K roundings make.
double Error(const MatMulShape& s, const std::vector<double>& exact, const Tensor& got,
             const Tensor* bias = nullptr) {
  double worst = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double want = exact[i] + (bias == nullptr ? 0 : bias->ValueAt(i % s.n));
    worst = std::max(worst, std::abs(want - static_cast<double>(got.data<float>()[i])));
  }
  return worst / (0.5 * 1.2e-7 * 2 * static_cast<double>(s.k) + 1e-6);
}

// Every remainder of rows, columns and depth; vectors; single terms.
std::vector<MatMulShape> Shapes() {
  std::vector<MatMulShape> shapes;
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      for (const int64_t m : {1, 2, 7, 13, 50}) {
        for (const int64_t n : {1, 5, 16, 33, 70}) shapes.push_back({m, n, 19, ta, tb});
      }
      shapes.push_back({40, 50, 1, ta, tb});
      shapes.push_back({1, 200, 130, ta, tb});
      shapes.push_back({200, 1, 130, ta, tb});
      shapes.push_back({1, 1, 333, ta, tb});
      shapes.push_back({30, 65, 801, ta, tb});
      shapes.push_back({90, 170, 70, ta, tb});
    }
  }
  return shapes;
}

TEST(Gemm, EveryPlanIsRight) {
  for (const MatMulShape& s : Shapes()) {
    const ops::MatMulConfig config = ConfigOf(s);
    const Operands x(config);
    const std::vector<double> exact = Exact(s, x);
    ops::MatMulConfig with_bias = config;
    with_bias.bias = true;
    for (const MatMulPlan& plan : ops::CandidateMatMulPlans(s)) {
      if (plan.path != MatMulPlan::Path::kGemm) continue;
      EXPECT_LT(Error(s, exact, RunPlan(config, plan, x.All(false))), 1)
          << s.ToString() << " " << plan.ToString();
    }
    const MatMulPlan plan = ops::ChooseMatMulPlan(s);
    EXPECT_LT(Error(s, exact, RunPlan(with_bias, plan, x.All(true)), &x.bias), 1) << s.ToString();
  }
}

TEST(Gemm, OnlyTheDepthShowsInTheBits) {
  for (const MatMulShape& s :
       {MatMulShape{90, 170, 801}, MatMulShape{90, 170, 801, true, true},
        MatMulShape{12, 530, 70, false, true}, MatMulShape{451, 290, 403, false, true}}) {
    const ops::MatMulConfig config = ConfigOf(s);
    const Operands x(config);
    for (const MatMulPlan& plan : ops::CandidateMatMulPlans(s)) {
      if (plan.path != MatMulPlan::Path::kGemm) continue;
      MatMulPlan plain;
      plain.depth = plan.depth;
      EXPECT_TRUE(
          BitwiseEqual(RunPlan(config, plan, x.All(false)), RunPlan(config, plain, x.All(false))))
          << s.ToString() << " " << plan.ToString();
    }
  }
}

// A large product packs its right operand once for all threads; with rows_first each part packs its
// own.
TEST(Gemm, SharedPackingGivesTheSameBits) {
  for (const bool swap : {false, true}) {
    for (const MatMulShape& s :
         {MatMulShape{361, 270, 420}, MatMulShape{361, 370, 420, true, true}}) {
      ops::MatMulConfig config = ConfigOf(s);
      config.bias = true;
      const Attrs none;
      const DType f32[] = {DType::kF32};
      config.activation = ops::ReluOp().tile({f32, DType::kF32, 0, none});
      const Operands x(config);
      MatMulPlan plan;
      plan.swap = swap;
      MatMulPlan apart = plan;
      apart.rows_first = true;
      plan.pack_a = true;
      const Tensor shared = RunPlan(config, plan, x.All(true));
      EXPECT_TRUE(BitwiseEqual(shared, RunPlan(config, apart, x.All(true)))) << s.ToString();
      ops::MatMulConfig linear = config;
      linear.activation = {};
      const Tensor y = RunPlan(linear, plan, x.All(true));
      EXPECT_LT(Error(s, Exact(s, x), y, &x.bias), 1);
      for (int64_t i = 0; i < y.size(); i += 97) {
        EXPECT_EQ(shared.ValueAt(i), std::max(0.0, y.ValueAt(i)));
      }
    }
  }
}

// Packed once, when the kernel is made: a run reads only the copy.
TEST(Gemm, AConstantRightOperandIsPackedOnceWithTheSameBits) {
  std::vector<MatMulShape> shapes = Shapes();
  // Cut along columns; several blocks of depth and columns; shared by the threads.
  for (const MatMulShape& s :
       {MatMulShape{9, 700, 50}, MatMulShape{20, 1100, 801}, MatMulShape{361, 270, 420},
        MatMulShape{361, 370, 420, true, true}}) {
    shapes.push_back(s);
  }
  int packed = 0;
  for (const MatMulShape& s : shapes) {
    ops::MatMulConfig config = ConfigOf(s);
    config.bias = true;
    const Operands x(config);
    Operands without(config);
    for (float& v : without.rhs.mutable_data<float>()) v = 1e30f;
    for (const MatMulPlan& plan : ops::CandidateMatMulPlans(s)) {
      if (plan.path != MatMulPlan::Path::kGemm) continue;
      const Tensor want = RunPlan(config, plan, x.All(true));
      ops::MatMulConfig constant = config;
      constant.constant_rhs = x.rhs.raw();
      auto kernel = ops::MakeMatMulKernel(constant, plan);
      ASSERT_TRUE(kernel.ok() && *kernel != nullptr);
      const bool packs = (*kernel)->constant_bytes() > 0;
      EXPECT_EQ(packs, !plan.swap && (!ops::IsVectorProduct(s) || s.k == 1))
          << s.ToString() << plan.ToString();
      packed += packs;
      const testing::Prepared prepared{"", *std::move(kernel), {config.out}};
      EXPECT_TRUE(BitwiseEqual(want, *prepared.Run((packs ? without : x).All(true))))
          << s.ToString() << " " << plan.ToString();
    }
  }
  EXPECT_GT(packed, 100);
}

// Of a batch of products only one matrix on the right is packed.
TEST(Gemm, ABatchSharesItsConstant) {
  for (const bool shares : {false, true}) {
    ops::MatMulConfig config;
    config.transpose_lhs = true;  // so that the rows of the batch are not one matrix's
    config.lhs = {DType::kF32, {3, 20, 30}};
    config.rhs = {DType::kF32, shares ? Shape{20, 40} : Shape{3, 20, 40}};
    config.out = {DType::kF32, {3, 30, 40}};
    const std::vector<Tensor> inputs = {Random(config.lhs.shape, 1), Random(config.rhs.shape, 2)};
    const Tensor want = RunPlan(config, {}, inputs);
    config.constant_rhs = inputs[1].raw();
    EXPECT_EQ((*ops::MakeMatMulKernel(config, {}))->constant_bytes() > 0, shares);
    EXPECT_TRUE(BitwiseEqual(want, RunPlan(config, {}, inputs)));
  }
}

// The gradient of the notebook's input. A bias of -0 changes no bit, and is added after the sums.
TEST(Gemm, LargeResultsAreWrittenPastTheCaches) {
  const MatMulShape s = {512, 10000, 16, false, true};
  ops::MatMulConfig config = ConfigOf(s);
  Operands x(config);
  for (float& b : x.bias.mutable_data<float>()) b = -0.0f;
  ops::MatMulConfig with_bias = config;
  with_bias.bias = true;
  const MatMulPlan plan;
  EXPECT_EQ((*ops::MakeMatMulKernel(config, plan))->implementation(),
            plan.ToString() + " streamed");
  EXPECT_EQ((*ops::MakeMatMulKernel(with_bias, plan))->implementation(), plan.ToString());
  EXPECT_TRUE(
      BitwiseEqual(RunPlan(config, plan, x.All(false)), RunPlan(with_bias, plan, x.All(true))));
}

TEST(Gemm, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = NumThreads();
  for (const MatMulShape& s :
       {MatMulShape{300, 410, 500}, MatMulShape{1, 1024, 1024}, MatMulShape{1024, 1, 1024},
        MatMulShape{700, 900, 1}, MatMulShape{512, 16, 3000}}) {
    const ops::MatMulConfig config = ConfigOf(s);
    const Operands x(config);
    const MatMulPlan plan;
    SetNumThreads(1);
    const Tensor one = RunPlan(config, plan, x.All(false));
    for (const int threads : {2, 3}) {
      SetNumThreads(threads);
      EXPECT_TRUE(BitwiseEqual(one, RunPlan(config, plan, x.All(false)))) << s.ToString();
    }
  }
  SetNumThreads(before);
}

// A kernel prepared for one thread has one buffer to pack into; more threads take turns.
TEST(Gemm, MoreThreadsThanItWasPreparedFor) {
  const int before = NumThreads();
  const MatMulShape s = {400, 410, 300};
  const ops::MatMulConfig config = ConfigOf(s);
  const Operands x(config);
  SetNumThreads(1);
  const testing::Prepared kernel{"", *ops::MakeMatMulKernel(config, {}), {config.out}};
  const Tensor one = *kernel.Run(x.All(false));
  SetNumThreads(4);
  EXPECT_TRUE(BitwiseEqual(one, *kernel.Run(x.All(false))));
  SetNumThreads(before);
}

TEST(Gemm, DeclinesOtherTypesAndEmptyProducts) {
  ops::MatMulConfig config = ConfigOf({3, 4, 5});
  config.lhs.dtype = config.rhs.dtype = config.out.dtype = DType::kF64;
  EXPECT_EQ(ops::MakeGemmMatMul(config, {}), nullptr);
  config = ConfigOf({3, 4, 0});
  EXPECT_EQ(ops::MakeGemmMatMul(config, {}), nullptr);
}

TEST(MatMulPlan, TextAndBack) {
  for (const MatMulPlan& plan : ops::CandidateMatMulPlans({100, 200, 3000, true, false})) {
    const auto again = MatMulPlan::Parse(plan.ToString());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->ToString(), plan.ToString());
  }
  EXPECT_EQ(MatMulPlan::Parse("mkl").status().message(),
            "a plan begins with 'onednn' or 'gemm', but this one is 'mkl'");
  EXPECT_EQ(MatMulPlan::Parse("gemm depth=4").status().message(),
            "'depth=4' in the plan 'gemm depth=4' is none of swap, pack_a, pack_b, rows_first and "
            "depth=8 .. 4096");
  EXPECT_EQ(MatMulPlan::Parse("onednn swap").status().message(),
            "nothing may follow 'onednn' in a plan, but this one is 'onednn swap'");
}

TEST(MatMulPlan, SmallProductsNeedNoLibrary) {
  for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512}) {
    for (const MatMulShape& s : {MatMulShape{16, 16, 16}, MatMulShape{1, 1024, 1024, false, true},
                                 MatMulShape{33, 20, 70, true, true}}) {
      EXPECT_EQ(ops::ChooseMatMulPlan(s, isa).path, MatMulPlan::Path::kGemm) << s.ToString();
    }
  }
}

TEST(Autotuner, TimesSavesAndLoads) {
  const std::vector<Tensor> operands = {Random({24, 40}, 1), Random({40, 36}, 2)};
  const Attrs flags{{"transpose_a", false}, {"transpose_b", false}};
  ops::Autotuner tuner;
  std::vector<std::string> seen;
  tuner.set_observer(
      [&](const ops::Autotuner::Timing& timing) { seen.push_back(timing.ToString()); });
  {
    const ops::AutotuneScope scope(&tuner);
    ASSERT_TRUE(testing::Prepare(ops::MatMulOp(), operands, flags).ok());
    ASSERT_TRUE(testing::Prepare(ops::MatMulOp(), operands, flags).ok());
  }
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].rfind("24x40x36: ", 0), 0u) << seen[0];
  const std::string text = tuner.ToText();
  EXPECT_EQ(text.rfind("adjoint kernel choices 1\nmatmul ", 0), 0u) << text;
  ops::Autotuner again(/*measure=*/false);
  ASSERT_TRUE(again.AddText(text).ok());
  EXPECT_EQ(again.ToText(), text);
}

TEST(Autotuner, LoadedChoicesAreTaken) {
  const std::vector<Tensor> operands = {Random({24, 40}, 1), Random({40, 36}, 2)};
  const Attrs flags{{"transpose_a", false}, {"transpose_b", false}};
  EXPECT_EQ(testing::Prepare(ops::MatMulOp(), operands, flags)->name, "matmul/simd");
  ops::Autotuner tuner(/*measure=*/false);
  ASSERT_TRUE(tuner
                  .AddText(std::string("adjoint kernel choices 1\nmatmul ") +
                           IsaName(CurrentIsa()) + " 24x40x36 onednn\n")
                  .ok());
  const ops::AutotuneScope scope(&tuner);
  EXPECT_EQ(testing::Prepare(ops::MatMulOp(), operands, flags)->name, "matmul/onednn");
}

TEST(Autotuner, RefusesADamagedFileByLine) {
  ops::Autotuner tuner;
  EXPECT_EQ(tuner.AddText("hello").message(),
            "kernel choices: the first line must be 'adjoint kernel choices 1', but is 'hello'");
  EXPECT_EQ(tuner.AddText("adjoint kernel choices 1\nmatmul avx2 3x4 onednn").message(),
            "kernel choices: line 2 must be like 'matmul avx2 512x10000^Tx16 onednn', but is "
            "'matmul avx2 3x4 onednn'");
  EXPECT_EQ(tuner.AddText("adjoint kernel choices 1\n\nmatmul avx2 3x4x5 mkl").message(),
            "kernel choices: line 3: a plan begins with 'onednn' or 'gemm', but this one is 'mkl'");
  EXPECT_EQ(tuner.ToText(), "adjoint kernel choices 1\n");
}

}  // namespace
}  // namespace adjoint
