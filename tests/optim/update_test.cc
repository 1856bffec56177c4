// What updates do beyond their formulas: memory, element types, slots, odd gradients, mistakes.

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/gradients.h"
#include "gtest/gtest.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "optim/adagrad.h"
#include "optim/adam.h"
#include "optim/extended.h"
#include "optim/lbfgs.h"
#include "optim/optimizer.h"
#include "optim/rmsprop.h"
#include "optim/sgd.h"
#include "tests/optim/stepper.h"

namespace adjoint::optim {
namespace {

using ::adjoint::testing::Filled;
using ::adjoint::testing::Stepper;
using ::testing::ElementsAre;

TensorSpec F32(Shape shape) { return {DType::kF32, std::move(shape)}; }

std::vector<std::string> SlotNames(const Optimizer& optimizer) {
  std::vector<std::string> names;
  for (const SlotSpec& slot : optimizer.Init({F32({2}), {DType::kF64, Shape{3}}})) {
    names.push_back(
        absl::StrCat(slot.param, "/", slot.name, " ", slot.spec.ToString(), " = ", slot.initial));
  }
  return names;
}

TEST(OptimizerUpdateTest, SlotsAreThoseTheFormulaNeeds) {
  EXPECT_THAT(SlotNames(**MakeSgd()), ElementsAre());
  EXPECT_THAT(SlotNames(**MakeSgd({.momentum = 0.9})),
              ElementsAre("0/momentum f32[2] = 0", "1/momentum f64[3] = 0"));
  EXPECT_THAT(SlotNames(**MakeRmsProp()), ElementsAre("0/rms f32[2] = 0", "1/rms f64[3] = 0"));
  EXPECT_THAT(SlotNames(**MakeRmsProp({.momentum = 0.9, .centered = true})),
              ElementsAre("0/rms f32[2] = 0", "0/momentum f32[2] = 0", "0/mg f32[2] = 0",
                          "1/rms f64[3] = 0", "1/momentum f64[3] = 0", "1/mg f64[3] = 0"));
  EXPECT_THAT(SlotNames(**MakeAdam({.amsgrad = true})),
              ElementsAre("0/m f32[2] = 0", "0/v f32[2] = 0", "0/vhat f32[2] = 0", "1/m f64[3] = 0",
                          "1/v f64[3] = 0", "1/vhat f64[3] = 0"));
  EXPECT_THAT(SlotNames(**MakeAdagrad()),
              ElementsAre("0/accumulator f32[2] = 0.1", "1/accumulator f64[3] = 0.1"));
}

// Scalars, several element types and empty parameters in one update; every element moves alike.
TEST(OptimizerUpdateTest, ParametersOfAnyShapeAndFloatingType) {
  for (const char* name : {"sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax",
                           "nadam", "ftrl", "lion"}) {
    SCOPED_TRACE(name);
    auto optimizer = MakeOptimizer({name, {{"learning_rate", 0.125}}});
    ASSERT_TRUE(optimizer.ok()) << optimizer.status();
    std::vector<Tensor> params, grads;
    for (const TensorSpec& spec : {F32({}), TensorSpec{DType::kF64, Shape{}}, F32({1}), F32({3, 2}),
                                   TensorSpec{DType::kF64, Shape{2}}, F32({0, 4})}) {
      const int64_t size = Tensor::Empty(spec).size();
      params.push_back(Filled(spec, std::vector<double>(size, 1)));
      grads.push_back(Filled(spec, std::vector<double>(size, 0.5)));
    }
    auto stepper = Stepper::Create(**optimizer, params);
    ASSERT_TRUE(stepper.ok()) << stepper.status();
    EXPECT_EQ((*stepper)->executable().storage().in_place_variables,
              params.size() + (*stepper)->slots().size());
    for (int step = 0; step < 3; ++step) {
      ASSERT_TRUE((*stepper)->Step(grads, 0.125f, step).ok());
    }
    const double expected = (*stepper)->Param(1)[0];
    EXPECT_LT(expected, 1 - 1e-5);
    for (size_t p = 0; p < params.size(); ++p) {
      for (double x : (*stepper)->Param(p)) EXPECT_NEAR(x, expected, 1e-6) << p;
    }
    EXPECT_EQ((*stepper)->Param(3).size(), 6u);
    EXPECT_TRUE((*stepper)->Param(5).empty());
  }
}

// A gradient that never changes has no variance: rms - mg^2 is 0 up to rounding, of either sign.
TEST(OptimizerUpdateTest, CenteredRmsPropSurvivesAConstantGradient) {
  for (const RmsPropOptions& options :
       {RmsPropOptions{.centered = true}, RmsPropOptions{.rho = 0.5, .centered = true},
        RmsPropOptions{.momentum = 0.5, .epsilon = 1e-12, .centered = true}}) {
    auto optimizer = MakeRmsProp(options);
    ASSERT_TRUE(optimizer.ok());
    std::vector<double> gradient;
    for (int i = 0; i < 64; ++i) gradient.push_back(0.1 + 0.37 * i);
    const TensorSpec spec = F32({64});
    auto stepper = Stepper::Create(**optimizer, {Filled(spec, std::vector<double>(64, 0))});
    ASSERT_TRUE(stepper.ok()) << stepper.status();
    bool negative = false;
    for (int step = 0; step < 300; ++step) {
      ASSERT_TRUE((*stepper)->Step({Filled(spec, gradient)}, 1e-9f, step).ok());
      const std::vector<double> rms = (*stepper)->SlotOf(0, "rms"),
                                mg = (*stepper)->SlotOf(0, "mg");
      for (int i = 0; i < 64; ++i) {
        const float mean = static_cast<float>(mg[i]);
        negative |= static_cast<float>(rms[i]) - mean * mean < 0;
      }
      for (double x : (*stepper)->Param(0)) ASSERT_TRUE(std::isfinite(x)) << "step " << step;
    }
    EXPECT_TRUE(negative) << "the case that the max is for does not occur";
  }
}

TEST(OptimizerUpdateTest, ANaNGradientShowsInTheParameter) {
  for (const OptimizerConfig& config :
       {OptimizerConfig{"sgd", {}}, OptimizerConfig{"rmsprop", {{"centered", 1}}},
        OptimizerConfig{"adam", {{"amsgrad", 1}}}, OptimizerConfig{"adagrad", {}},
        OptimizerConfig{"adadelta", {}}, OptimizerConfig{"adamax", {}},
        OptimizerConfig{"nadam", {}}, OptimizerConfig{"ftrl", {}}, OptimizerConfig{"lion", {}},
        OptimizerConfig{"ftrl", {{"l1_regularization_strength", 0.5}}},
        OptimizerConfig{"sgd", {{"clipvalue", 0.5}}},
        OptimizerConfig{"sgd", {{"ema_momentum", 0.5}, {"ema_overwrite_frequency", 1}}}}) {
    auto stepper = Stepper::Create(**MakeOptimizer(config), {Filled(F32({2}), {1, 1})});
    ASSERT_TRUE(stepper.ok()) << stepper.status();
    ASSERT_TRUE((*stepper)->Step({Filled(F32({2}), {0, NAN})}, 0.1f, 0).ok());
    // FTRL makes parameters of its sums alone: a first gradient of 0 makes 0.
    EXPECT_EQ((*stepper)->Param(0)[0], config.name == "ftrl" ? 0 : 1) << config.name;
    EXPECT_TRUE(std::isnan((*stepper)->Param(0)[1])) << config.name;
  }
}

// What is clipped by a length that is not finite is NaN as a whole.
TEST(OptimizerUpdateTest, ClippingByNormShowsWhatIsNotFinite) {
  for (const OptimizerConfig& config :
       {OptimizerConfig{"sgd", {{"clipnorm", 0.5}}},
        OptimizerConfig{"sgd", {{"global_clipnorm", 1}}}, OptimizerConfig{"lamb", {}},
        OptimizerConfig{"lbfgs", {}}}) {
    for (double odd : {NAN, INFINITY}) {
      auto stepper = Stepper::Create(**MakeOptimizer(config), {Filled(F32({2}), {1, 1})});
      ASSERT_TRUE(stepper.ok()) << stepper.status();
      ASSERT_TRUE((*stepper)->Step({Filled(F32({2}), {0.5, odd})}, 0.1f, 0).ok());
      EXPECT_TRUE(std::isnan((*stepper)->Param(0)[1])) << config.name << " " << odd;
    }
  }
  // The greatest numbers of f32 have a length all the same.
  auto stepper =
      Stepper::Create(**MakeOptimizer({"sgd", {{"clipnorm", 1}}}), {Filled(F32({2}), {0, 0})});
  ASSERT_TRUE((*stepper)->Step({Filled(F32({2}), {3e38, -3e38})}, 1.0f, 0).ok());
  EXPECT_NEAR((*stepper)->Param(0)[1], std::sqrt(0.5), 1e-6);
}

// Between updates nothing but the sum of gradients changes; each update takes its mean.
TEST(OptimizerUpdateTest, AccumulationLeavesTheRestAsItIs) {
  auto optimizer =
      Extended(MakeSgd({.momentum = 0.5}), {.ema_momentum = 0.5, .gradient_accumulation_steps = 3});
  ASSERT_TRUE(optimizer.ok()) << optimizer.status();
  auto stepper = Stepper::Create(**optimizer, {Filled(F32({1}), {8})});
  ASSERT_TRUE(stepper.ok()) << stepper.status();
  const auto step = [&](double gradient, int64_t at) {
    EXPECT_TRUE((*stepper)->Step({Filled(F32({1}), {gradient})}, 1.0f, at).ok());
  };
  step(1, 0);
  step(2, 1);
  EXPECT_EQ((*stepper)->Param(0)[0], 8);
  EXPECT_EQ((*stepper)->SlotOf(0, "momentum")[0], 0);
  EXPECT_EQ((*stepper)->SlotOf(0, "accumulated")[0], 3);
  step(3, 2);
  EXPECT_EQ((*stepper)->Param(0)[0], 6);
  EXPECT_EQ((*stepper)->SlotOf(0, "momentum")[0], -2);
  EXPECT_EQ((*stepper)->SlotOf(0, "accumulated")[0], 0);
  EXPECT_EQ((*stepper)->SlotOf(0, kAverageSlot)[0], 7);
  step(3, 3);
  step(3, 4);
  EXPECT_EQ((*stepper)->Param(0)[0], 6);
  step(3, 5);
  EXPECT_EQ((*stepper)->Param(0)[0], 6 - 1 - 3);
  EXPECT_EQ((*stepper)->SlotOf(0, kAverageSlot)[0], 4.5);
}

// 30 steps on a narrow valley: w^T A w / 2 with a condition number of 100.
TEST(OptimizerUpdateTest, LbfgsFindsTheBottomOfAQuadratic) {
  auto stepper = Stepper::Create(
      **MakeLbfgs({.history_size = 4, .tolerance_change = 0}),
      {Filled({DType::kF64, Shape{2}}, {1, 1}), Filled({DType::kF64, Shape{}}, {-2})});
  ASSERT_TRUE(stepper.ok()) << stepper.status();
  for (int64_t step = 0; step < 30; ++step) {
    const std::vector<double> w = (*stepper)->Param(0), u = (*stepper)->Param(1);
    ASSERT_TRUE((*stepper)
                    ->Step({Filled({DType::kF64, Shape{2}}, {w[0], 100 * w[1]}),
                            Filled({DType::kF64, Shape{}}, {10 * u[0]})},
                           1.0f, step)
                    .ok());
  }
  EXPECT_LT(std::abs((*stepper)->Param(0)[0]), 1e-6);
  EXPECT_LT(std::abs((*stepper)->Param(0)[1]), 1e-6);
  EXPECT_LT(std::abs((*stepper)->Param(1)[0]), 1e-6);
}

// Without parameters there is nothing to do, and that is no error.
TEST(OptimizerUpdateTest, NoParameters) {
  for (const char* name : {"adam", "lamb", "lbfgs"}) {
    auto stepper = Stepper::Create(
        **MakeOptimizer({name, {{"global_clipnorm", 1}, {"ema_momentum", 0.5}}}), {});
    ASSERT_TRUE(stepper.ok()) << name << stepper.status();
    EXPECT_TRUE((*stepper)->Step({}, 0.1f, 0).ok()) << name;
  }
}

// f32 alone would compute 1 - beta_2^t with an error of 1e-5 at first. Whatever the gradient, the
// first step of Adam is the rate, nearly.
TEST(OptimizerUpdateTest, AdamCorrectsItsBiasPrecisely) {
  auto stepper = Stepper::Create(**MakeAdam({.epsilon = 0}), {Filled(F32({2}), {0, 0})});
  ASSERT_TRUE(stepper.ok()) << stepper.status();
  ASSERT_TRUE((*stepper)->Step({Filled(F32({2}), {0.3, -7})}, 0.5f, 0).ok());
  EXPECT_NEAR((*stepper)->Param(0)[0], -0.5, 3e-7);
  EXPECT_NEAR((*stepper)->Param(0)[1], 0.5, 3e-7);
  // After a million steps there is nothing left to correct.
  ASSERT_TRUE((*stepper)->Step({Filled(F32({2}), {0, 0})}, 0.5f, 1'000'000).ok());
  const double m = (*stepper)->SlotOf(0, "m")[0], v = (*stepper)->SlotOf(0, "v")[0];
  EXPECT_NEAR((*stepper)->Param(0)[0], -0.5 - 0.5 * m / std::sqrt(v), 1e-6 * m / std::sqrt(v));
}

// The gradient is the parameter itself, so that one kernel reads it twice and writes over it.
TEST(OptimizerUpdateTest, GradientsOfTheParametersThemselves) {
  auto optimizer = MakeAdam();
  auto g = std::make_shared<graph::Graph>();
  graph::Program program{.name = "bowl", .graph = g, .inputs = {}, .outputs = {}, .states = {}};
  const TensorSpec spec = F32({5});
  const Var w = g->Input("w", spec), m = g->Input("m", spec), v = g->Input("v", spec);
  const Hyper hyper{g->Input("learning_rate", F32({})), g->Input("step", {DType::kI64, Shape{}})};
  program.AddInput("learning_rate", hyper.learning_rate);
  const Var loss = 0.5 * ops::Sum(ops::Square(w));
  const UpdateResult result = (*optimizer)->Update(graph::Gradients(loss, {w}), {w}, {m, v}, hyper);
  ASSERT_TRUE(g->status().ok()) << g->status();
  program.AddOutput("loss", loss);
  program.states = {{"w", w, result.params[0]},
                    {"m", m, result.slots[0]},
                    {"v", v, result.slots[1]},
                    {"step", hyper.step, hyper.step + 1}};
  auto executable = graph::Executable::Compile(program);
  ASSERT_TRUE(executable.ok()) << executable.status();
  EXPECT_EQ((*executable)->storage().in_place_variables, 4);
  auto workspace = (*executable)->NewWorkspace();
  graph::VariableStore store;
  store.Set("w", Filled(spec, {1, -2, 0.5, 3, 0}));
  store.Set("m", Tensor::Zeros(spec));
  store.Set("v", Tensor::Zeros(spec));
  store.Set("step", Tensor::Scalar<int64_t>(0));
  std::vector<Tensor> outputs;
  for (int i = 0; i < 400; ++i) {
    const absl::Status status =
        (*executable)->Run(**workspace, {Tensor::Scalar(0.05f)}, &store, &outputs);
    ASSERT_TRUE(status.ok()) << status;
    if (i == 0) {
      EXPECT_FLOAT_EQ(outputs[0].item<float>(), 7.125f);
    }
  }
  EXPECT_LT(outputs[0].item<float>(), 1e-3);
  EXPECT_EQ(store.Get("step")->item<int64_t>(), 400);
}

// What Update says to operands that do not fit.
std::string UpdateError(const std::vector<TensorSpec>& grads, const std::vector<TensorSpec>& params,
                        const std::vector<TensorSpec>& slots, DType rate = DType::kF32,
                        DType step = DType::kI64) {
  graph::Graph g;
  const auto inputs = [&](absl::string_view name, const std::vector<TensorSpec>& specs) {
    std::vector<Var> vars;
    for (const TensorSpec& s : specs) vars.push_back(g.Input(name, s));
    return vars;
  };
  const Hyper hyper{g.Input("learning_rate", {rate, Shape{}}), g.Input("step", {step, Shape{}})};
  const UpdateResult result =
      (*MakeRmsProp())
          ->Update(inputs("grad", grads), inputs("param", params), inputs("slot", slots), hyper);
  EXPECT_EQ(result.params.size(), params.size());
  EXPECT_EQ(result.slots.size(), slots.size());
  for (Var v : result.params) EXPECT_FALSE(v.valid());
  return std::string(g.status().message());
}

TEST(OptimizerUpdateTest, RefusesOperandsThatDoNotFit) {
  const TensorSpec a = F32({2, 3}), row = F32({3});
  EXPECT_EQ(UpdateError({a}, {a, row}, {a, row}),
            "optimizer 'rmsprop': 1 gradients for 2 parameters");
  EXPECT_EQ(UpdateError({a, row}, {a, row}, {a}),
            "optimizer 'rmsprop': 1 slots for 2 parameters, which take 2");
  EXPECT_EQ(UpdateError({a, a}, {a, row}, {a, row}),
            "optimizer 'rmsprop': parameter 1 is f32[3], but its gradient is f32[2,3]");
  EXPECT_EQ(UpdateError({a, row}, {a, row}, {row, row}),
            "optimizer 'rmsprop': parameter 0 is f32[2,3], but its slot 'rms' is f32[3]");
  const TensorSpec integers{DType::kI32, Shape{4}};
  EXPECT_EQ(UpdateError({integers}, {integers}, {integers}),
            "optimizer 'rmsprop': parameter 0 is i32[4]; only f32 and f64 can be trained");
  EXPECT_EQ(UpdateError({a}, {a}, {a}, DType::kF64),
            "optimizer 'rmsprop': the learning rate is f64[]; it must be f32[]");
  EXPECT_EQ(UpdateError({a}, {a}, {a}, DType::kF32, DType::kI32),
            "optimizer 'rmsprop': the step is i32[]; it must be i64[]");
}

}  // namespace
}  // namespace adjoint::optim
