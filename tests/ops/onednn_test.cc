// What the generic tests over samples do not see of the kernels made of oneDNN primitives: that the
// shapes that matter are fast ones, that threads leave no trace, that fusing changes no bit.

#include <omp.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/parallel.h"
#include "core/philox.h"
#include "gtest/gtest.h"
#include "ops/activations.h"
#include "ops/arithmetic.h"
#include "ops/matmul.h"
#include "tests/ops/run_kernel.h"

namespace adjoint {
namespace {

using testing::Prepare;
using testing::Prepared;

Tensor Random(DType dtype, const Shape& shape, uint64_t stream) {
  Tensor t = Tensor::Empty({dtype, shape});
  PhiloxEngine engine({7, stream, 0});
  VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& x : t.mutable_data<T>()) x = static_cast<T>(2 * UniformFloat(engine()) - 1);
  });
  return t;
}

Tensor ToF64(const Tensor& t) {
  Tensor out = Tensor::Empty({DType::kF64, t.shape()});
  for (int64_t i = 0; i < t.size(); ++i) out.mutable_data<double>()[i] = t.ValueAt(i);
  return out;
}

Attrs Flags(bool ta, bool tb) { return Attrs{{"transpose_a", ta}, {"transpose_b", tb}}; }

Attrs Fused(bool ta, bool tb, std::string activation) {
  Attrs attrs = Flags(ta, tb);
  attrs.Set("activation", std::move(activation));
  return attrs;
}

struct Case {
  Shape lhs, rhs;
  bool ta = false, tb = false;

  std::vector<Tensor> Operands(DType dtype = DType::kF32) const {
    return {Random(dtype, lhs, 1), Random(dtype, rhs, 2)};
  }
  std::string ToString() const {
    return lhs.ToString() + (ta ? "^T " : " ") + rhs.ToString() + (tb ? "^T" : "");
  }
};

// The products of training dense layers and their gradients, and batches.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto layer = [&](int64_t batch, int64_t in, int64_t out) {
    cases.push_back({{batch, in}, {in, out}});
    cases.push_back({{batch, in}, {batch, out}, true, false});
    cases.push_back({{batch, out}, {in, out}, false, true});
  };
  layer(512, 10000, 16);
  layer(512, 16, 16);
  layer(512, 16, 1);
  layer(272, 16, 1);
  layer(128, 784, 512);
  layer(32, 1024, 1024);
  layer(1, 1024, 1024);
  layer(7, 33, 1201);
  cases.push_back({{512, 512}, {512, 512}});
  cases.push_back({{500, 300}, {700, 500}, true, true});
  cases.push_back({{1201, 129}, {129, 66}});
  cases.push_back({{40, 30, 64}, {40, 64, 50}});  // small matrices, in runs
  cases.push_back({{64, 32, 64}, {64, 32, 48}, true, false});
  cases.push_back({{3, 200, 300}, {3, 300, 160}});  // each cut by itself
  cases.push_back({{6, 50, 64}, {64, 50}});         // one tall matrix
  cases.push_back({{2, 1, 40, 64}, {5, 64, 50}});   // broadcast both ways
  cases.push_back({{64, 50}, {6, 50, 70}});
  return cases;
}

TEST(OneDnnMatMul, TakesTheCasesThatMatterWithoutReferenceCode) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.ToString());
    const auto kernel = Prepare(ops::MatMulOp(), c.Operands(), Flags(c.ta, c.tb), {"simd"});
    ASSERT_TRUE(kernel.ok()) << kernel.status();
    EXPECT_EQ(kernel->name, "matmul/onednn");
    EXPECT_FALSE(kernel->kernel->implementation().empty());
    EXPECT_EQ(kernel->kernel->implementation().find("ref"), std::string::npos)
        << kernel->kernel->implementation();
  }
}

TEST(OneDnnMatMul, AgreesWithTheReferenceInDoublePrecision) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.ToString());
    const std::vector<Tensor> operands = c.Operands();
    const Attrs attrs = Flags(c.ta, c.tb);
    const auto fast = Prepare(ops::MatMulOp(), operands, attrs, {"simd"});
    ASSERT_TRUE(fast.ok()) << fast.status();
    const std::vector<Tensor> exact = {ToF64(operands[0]), ToF64(operands[1])};
    const auto reference = Prepare(ops::MatMulOp(), exact, attrs);
    ASSERT_TRUE(reference.ok()) << reference.status();
    ASSERT_EQ(reference->name, "matmul/reference");
    const auto got = fast->Run(operands);
    const auto want = reference->Run(exact);
    ASSERT_TRUE(got.ok() && want.ok()) << got.status() << want.status();
    const double k = c.lhs[c.lhs.rank() - (c.ta ? 2 : 1)];
    // Each of k roundings errs by at most half an ulp of a partial sum, which stays below
    // 2 sqrt(k) here: k terms of variance 1/9, the largest of some 100,000 sums. Errors of random
    // sign add up like sqrt(k) of them within a block of oneDNN's, of at most 400 or so terms.
    const double tolerance = 0.5 * 1.2e-7 * 2 * std::sqrt(k) * std::sqrt(std::min(k, 400.0)) + 1e-6;
    double worst = 0;
    for (int64_t i = 0; i < got->size(); ++i) {
      worst = std::max(worst, std::abs(got->ValueAt(i) - want->ValueAt(i)));
    }
    EXPECT_LT(worst, tolerance);
  }
}

TEST(OneDnnMatMul, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = NumThreads();
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.ToString());
    const std::vector<Tensor> operands = c.Operands();
    SetNumThreads(1);
    const auto one = Prepare(ops::MatMulOp(), operands, Flags(c.ta, c.tb), {"simd"})->Run(operands);
    for (int threads : {2, 3}) {
      SetNumThreads(threads);
      const auto more =
          Prepare(ops::MatMulOp(), operands, Flags(c.ta, c.tb), {"simd"})->Run(operands);
      EXPECT_TRUE(BitwiseEqual(*one, *more)) << threads << " threads";
    }
  }
  SetNumThreads(before);
}

TEST(OneDnnMatMul, CallersMayShareAKernel) {
  const Case c{{300, 400}, {400, 333}};
  const std::vector<Tensor> operands = c.Operands();
  const auto kernel = Prepare(ops::MatMulOp(), operands, Flags(false, false), {"simd"});
  ASSERT_TRUE(kernel.ok());
  const auto want = kernel->Run(operands);
  ASSERT_TRUE(want.ok());
  std::vector<int> wrong(3, 0);
  std::vector<std::thread> callers;
  for (int& count : wrong) {
    callers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto got = kernel->Run(operands);
        count += !got.ok() || !BitwiseEqual(*got, *want);
      }
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(wrong, std::vector<int>(3, 0));
}

TEST(OneDnnMatMul, LeavesOpenMpAsItWas) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(5);
  const Case c{{300, 400}, {400, 333}};
  const std::vector<Tensor> operands = c.Operands();
  const auto kernel = Prepare(ops::MatMulOp(), operands, Flags(false, false), {"simd"});
  EXPECT_EQ(omp_get_max_threads(), 5);
  ASSERT_TRUE(kernel->Run(operands).ok());
  EXPECT_EQ(omp_get_max_threads(), 5);
  omp_set_num_threads(before);
}

TEST(OneDnnMatMul, DeclinesWhatItCannotDo) {
  const auto name = [](DType dtype, Shape lhs, Shape rhs) {
    const std::vector<Tensor> operands = {Random(dtype, lhs, 1), Random(dtype, rhs, 2)};
    return Prepare(ops::MatMulOp(), operands, Flags(false, false))->name;
  };
  EXPECT_EQ(name(DType::kF64, {3, 4}, {4, 5}), "matmul/reference");
  EXPECT_EQ(name(DType::kI32, {3, 4}, {4, 5}), "matmul/reference");
  EXPECT_EQ(name(DType::kF32, {3, 0}, {0, 5}), "matmul/reference");
  EXPECT_EQ(name(DType::kF32, {0, 4}, {4, 5}), "matmul/reference");
}

Tensor Apply(const ops::OpDef& op, const std::vector<Tensor>& inputs) {
  return *Prepare(op, inputs, Attrs{})->Run(inputs);
}

TEST(FusedMatMul, GivesTheBitsOfTheSeparateOps) {
  using Skip = std::vector<std::string>;
  for (const Skip& skip : {Skip{}, Skip{"simd"}})
    for (const Case& c : Cases()) {
      SCOPED_TRACE(c.ToString());
      const std::vector<Tensor> operands = c.Operands();
      const Tensor product =
          *Prepare(ops::MatMulOp(), operands, Flags(c.ta, c.tb), skip)->Run(operands);
      const int64_t n = product.shape()[product.shape().rank() - 1];
      const Tensor bias = Random(DType::kF32, {n}, 3);
      const Tensor sum = Apply(ops::AddOp(), {product, bias});
      for (const ops::OpDef* activation : {&ops::ReluOp(), &ops::SigmoidOp(), &ops::GeluOp()}) {
        ASSERT_TRUE(ops::CanFuseActivation(*activation)) << activation->name;
        const auto fused = Prepare(ops::FusedMatMulOp(), {operands[0], operands[1], bias},
                                   Fused(c.ta, c.tb, activation->name), skip);
        ASSERT_TRUE(fused.ok()) << fused.status();
        EXPECT_NE(fused->name, "fused_matmul/reference");
        if (!skip.empty()) {
          EXPECT_EQ(fused->name, "fused_matmul/onednn");
        }
        const auto got = fused->Run({operands[0], operands[1], bias});
        ASSERT_TRUE(got.ok()) << got.status();
        EXPECT_TRUE(BitwiseEqual(*got, Apply(*activation, {sum}))) << activation->name;
      }
      const auto only_bias = Prepare(ops::FusedMatMulOp(), {operands[0], operands[1], bias},
                                     Fused(c.ta, c.tb, ""), skip);
      EXPECT_TRUE(BitwiseEqual(*only_bias->Run({operands[0], operands[1], bias}), sum));
      const auto only_relu =
          Prepare(ops::FusedMatMulOp(), operands, Fused(c.ta, c.tb, "relu"), skip);
      EXPECT_TRUE(BitwiseEqual(*only_relu->Run(operands), Apply(ops::ReluOp(), {product})));
    }
}

// relu(scale a b + bias + residual), and parts of it.
TEST(FusedMatMul, ScaleAndResidualGiveTheBitsOfTheSeparateOps) {
  using Skip = std::vector<std::string>;
  for (const Case& c : Cases()) {
    for (const Skip& skip : {Skip{}, Skip{"simd"}}) {
      SCOPED_TRACE(c.ToString());
      const std::vector<Tensor> operands = c.Operands();
      const Tensor product =
          *Prepare(ops::MatMulOp(), operands, Flags(c.ta, c.tb), skip)->Run(operands);
      const Tensor bias = Random(DType::kF32, {product.shape()[product.shape().rank() - 1]}, 3);
      const Tensor scale = Tensor::Of<float>({1, 1}, {0.3f});
      const Tensor residual = Random(DType::kF32, product.shape(), 4);
      for (const int parts : {1, 2, 3, 5, 6, 7}) {
        const bool has_scale = parts & 1, has_residual = parts & 2, has_bias = parts & 4;
        Attrs attrs = Fused(c.ta, c.tb, has_bias ? "relu" : "");
        std::vector<Tensor> inputs = operands;
        Tensor want = product;
        if (has_scale) want = Apply(ops::MulOp(), {want, scale});
        if (has_bias) {
          inputs.push_back(bias);
          want = Apply(ops::AddOp(), {want, bias});
        }
        if (has_scale) {
          inputs.push_back(scale);
          attrs.Set("scale", true);
        }
        if (has_residual) {
          inputs.push_back(residual);
          attrs.Set("residual", true);
          want = Apply(ops::AddOp(), {want, residual});
        }
        if (has_bias) want = Apply(ops::ReluOp(), {want});
        const auto fused = Prepare(ops::FusedMatMulOp(), inputs, attrs, skip);
        ASSERT_TRUE(fused.ok()) << fused.status();
        EXPECT_NE(fused->name, "fused_matmul/reference");
        if (!skip.empty()) {
          EXPECT_EQ(fused->name, "fused_matmul/onednn");
        }
        EXPECT_TRUE(BitwiseEqual(*fused->Run(inputs), want)) << parts;
      }
    }
  }
}

TEST(FusedMatMul, ReferenceAgreesWithTheSeparateOps) {
  for (DType dtype : {DType::kF32, DType::kF64}) {
    const std::vector<Tensor> inputs = {Random(dtype, {2, 5, 7}, 1), Random(dtype, {7, 4}, 2),
                                        Random(dtype, {4}, 3)};
    const auto product =
        Prepare(ops::MatMulOp(), {inputs[0], inputs[1]}, Flags(false, false), {"simd", "onednn"})
            ->Run({inputs[0], inputs[1]});
    const Tensor want = Apply(ops::GeluOp(), {Apply(ops::AddOp(), {*product, inputs[2]})});
    const auto fused =
        Prepare(ops::FusedMatMulOp(), inputs, Fused(false, false, "gelu"), {"simd", "onednn"});
    EXPECT_EQ(fused->name, "fused_matmul/reference");
    EXPECT_TRUE(BitwiseEqual(*fused->Run(inputs), want)) << DTypeName(dtype);

    const Tensor scale = Random(dtype, {}, 4), residual = Random(dtype, {2, 5, 4}, 5);
    const Tensor sum = Apply(ops::AddOp(), {Apply(ops::MulOp(), {*product, scale}), inputs[2]});
    Attrs attrs = Fused(false, false, "relu");
    attrs.Set("scale", true);
    attrs.Set("residual", true);
    const std::vector<Tensor> all = {inputs[0], inputs[1], inputs[2], scale, residual};
    const auto whole = Prepare(ops::FusedMatMulOp(), all, attrs, {"simd", "onednn"});
    ASSERT_TRUE(whole.ok()) << whole.status();
    EXPECT_TRUE(BitwiseEqual(*whole->Run(all),
                             Apply(ops::ReluOp(), {Apply(ops::AddOp(), {sum, residual})})))
        << DTypeName(dtype);
  }
}

TEST(FusedMatMul, KeepsNaN) {
  Tensor lhs = Random(DType::kF32, {4, 8}, 1);
  lhs.mutable_data<float>()[8] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<Tensor> inputs = {lhs, Random(DType::kF32, {8, 3}, 2)};
  for (const std::vector<std::string>& skip :
       {std::vector<std::string>{}, {"simd"}, {"simd", "onednn"}}) {
    const auto got =
        Prepare(ops::FusedMatMulOp(), inputs, Fused(false, false, "relu"), skip)->Run(inputs);
    ASSERT_TRUE(got.ok());
    for (int64_t i = 0; i < got->size(); ++i) EXPECT_EQ(std::isnan(got->ValueAt(i)), i / 3 == 1);
  }
}

TEST(FusedMatMul, RefusesWhatItCannotApply) {
  const std::vector<Tensor> inputs = {Random(DType::kF32, {4, 8}, 1),
                                      Random(DType::kF32, {8, 3}, 2), Random(DType::kF32, {4}, 3)};
  const auto bias = Prepare(ops::FusedMatMulOp(), inputs, Fused(false, false, ""));
  EXPECT_EQ(bias.status().message(), "the bias must be f32[3], but is f32[4]");
  const auto unknown =
      Prepare(ops::FusedMatMulOp(), {inputs[0], inputs[1]}, Fused(false, false, "add"));
  EXPECT_EQ(unknown.status().message(), "activation 'add' cannot be fused");
  Attrs attrs = Fused(false, false, "");
  attrs.Set("scale", true);
  const auto scale = Prepare(ops::FusedMatMulOp(), inputs, attrs);
  EXPECT_EQ(scale.status().message(), "the scale must be one number of type f32, but is f32[4]");
  attrs.Set("residual", true);
  const auto missing = Prepare(ops::FusedMatMulOp(), inputs, attrs);
  EXPECT_EQ(missing.status().message(), "the attributes speak of 4 inputs, and there are 3");
  Attrs residual_only = Fused(false, false, "");
  residual_only.Set("residual", true);
  const auto residual = Prepare(ops::FusedMatMulOp(), inputs, residual_only);
  EXPECT_EQ(residual.status().message(), "the residual must be f32[4,3], but is f32[4]");
}

}  // namespace
}  // namespace adjoint
