#include <limits>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "optim/adagrad.h"
#include "optim/adam.h"
#include "optim/extended.h"
#include "optim/optimizer.h"
#include "optim/rmsprop.h"
#include "optim/schedule.h"
#include "optim/sgd.h"

namespace adjoint::optim {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::string ErrorOf(const absl::StatusOr<std::unique_ptr<Optimizer>>& made) {
  return made.ok() ? "no error" : std::string(made.status().message());
}

std::map<std::string, double> ValuesOf(absl::StatusOr<std::unique_ptr<Optimizer>> made) {
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? (*made)->Config().values : std::map<std::string, double>{};
}

TEST(OptimizerConfigTest, NamesHaveKerasDefaults) {
  EXPECT_THAT(ValuesOf(MakeOptimizer("sgd")),
              ElementsAre(Pair("dampening", 0), Pair("formula", 0), Pair("learning_rate", 0.01),
                          Pair("momentum", 0), Pair("nesterov", 0)));
  EXPECT_THAT(ValuesOf(MakeOptimizer("rmsprop")),
              ElementsAre(Pair("centered", 0), Pair("epsilon", 1e-7), Pair("formula", 0),
                          Pair("learning_rate", 0.001), Pair("momentum", 0), Pair("rho", 0.9)));
  EXPECT_THAT(ValuesOf(MakeOptimizer("adam")),
              ElementsAre(Pair("amsgrad", 0), Pair("beta_1", 0.9), Pair("beta_2", 0.999),
                          Pair("epsilon", 1e-7), Pair("formula", 0), Pair("learning_rate", 0.001)));
  EXPECT_THAT(ValuesOf(MakeOptimizer("adamw")),
              ElementsAre(Pair("amsgrad", 0), Pair("beta_1", 0.9), Pair("beta_2", 0.999),
                          Pair("epsilon", 1e-7), Pair("formula", 0), Pair("learning_rate", 0.001),
                          Pair("weight_decay", 0.004)));
  EXPECT_THAT(ValuesOf(MakeOptimizer("adadelta")),
              ElementsAre(Pair("epsilon", 1e-7), Pair("formula", 0), Pair("learning_rate", 0.001),
                          Pair("rho", 0.95)));
  EXPECT_THAT(ValuesOf(MakeOptimizer("adamax")),
              ElementsAre(Pair("beta_1", 0.9), Pair("beta_2", 0.999), Pair("epsilon", 1e-7),
                          Pair("formula", 0), Pair("learning_rate", 0.001)));
  EXPECT_THAT(
      ValuesOf(MakeOptimizer("nadam")),
      ElementsAre(Pair("beta_1", 0.9), Pair("beta_2", 0.999), Pair("epsilon", 1e-7),
                  Pair("formula", 0), Pair("learning_rate", 0.001), Pair("schedule_decay", 0.004)));
  EXPECT_THAT(
      ValuesOf(MakeOptimizer("ftrl")),
      ElementsAre(Pair("beta", 0), Pair("initial_accumulator_value", 0.1),
                  Pair("l1_regularization_strength", 0), Pair("l2_regularization_strength", 0),
                  Pair("l2_shrinkage_regularization_strength", 0), Pair("learning_rate", 0.001),
                  Pair("learning_rate_power", -0.5)));
  EXPECT_THAT(ValuesOf(MakeOptimizer("lion")),
              ElementsAre(Pair("beta_1", 0.9), Pair("beta_2", 0.99), Pair("learning_rate", 0.001)));
  EXPECT_THAT(
      ValuesOf(MakeOptimizer("adagrad")),
      ElementsAre(Pair("epsilon", 1e-7), Pair("formula", 0), Pair("initial_accumulator_value", 0.1),
                  Pair("learning_rate", 0.001), Pair("lr_decay", 0)));
}

TEST(OptimizerConfigTest, AFormulaBringsItsDefaults) {
  for (const char* name : {"sgd", "rmsprop", "adam", "adamw", "adagrad"}) {
    absl::StatusOr<std::unique_ptr<Optimizer>> object =
        name == std::string("sgd")       ? MakeSgd(SgdOptions::PyTorch())
        : name == std::string("rmsprop") ? MakeRmsProp(RmsPropOptions::PyTorch())
        : name == std::string("adam")    ? MakeAdam(AdamOptions::PyTorch())
        : name == std::string("adamw")   ? MakeAdamW(AdamWOptions::PyTorch())
                                         : MakeAdagrad(AdagradOptions::PyTorch());
    EXPECT_EQ(ValuesOf(MakeOptimizer({name, {{"formula", 1}}})), ValuesOf(std::move(object)));
  }
  EXPECT_THAT(ValuesOf(MakeOptimizer({"rmsprop", {{"formula", 1}, {"rho", 0.5}}})),
              ElementsAre(Pair("centered", 0), Pair("epsilon", 1e-8), Pair("formula", 1),
                          Pair("learning_rate", 0.01), Pair("momentum", 0), Pair("rho", 0.5)));
}

TEST(OptimizerConfigTest, AConfigurationMakesTheSameOptimizer) {
  const OptimizerConfig configs[] = {
      {"sgd", {{"momentum", 0.5}, {"nesterov", 1}, {"learning_rate", 0.125}}},
      {"sgd", {{"momentum", 0.5}, {"dampening", 0.25}, {"formula", 1}}},
      {"rmsprop", {{"centered", 1}, {"momentum", 0.25}, {"formula", 1}}},
      {"adam", {{"amsgrad", 1}, {"beta_1", 0.5}}},
      {"adamw", {{"weight_decay", 0.5}, {"formula", 1}}},
      {"adagrad", {{"initial_accumulator_value", 0.5}, {"epsilon", 0}}},
      {"adadelta", {{"rho", 0.5}, {"formula", 1}}},
      {"adamax", {{"beta_1", 0.5}, {"formula", 1}}},
      {"nadam", {{"schedule_decay", 0.5}, {"formula", 1}}},
      {"ftrl", {{"l1_regularization_strength", 0.5}, {"learning_rate_power", -0.25}}},
      {"lion", {{"beta_2", 0.5}, {"weight_decay", 0.25}}},
      {"lamb", {{"weight_decay", 0.25}}},
      {"lbfgs", {{"history_size", 3}, {"tolerance_change", 0.5}}},
      {"adam", {{"clipvalue", 0.5}, {"global_clipnorm", 2}}},
      {"sgd", {{"clipnorm", 0.5}, {"ema_momentum", 0.75}, {"ema_overwrite_frequency", 3}}},
      {"rmsprop", {{"gradient_accumulation_steps", 4}}}};
  for (const OptimizerConfig& config : configs) {
    auto first = MakeOptimizer(config);
    ASSERT_TRUE(first.ok()) << first.status();
    const OptimizerConfig whole = (*first)->Config();
    EXPECT_EQ(whole.name, config.name);
    for (const auto& [name, value] : config.values) EXPECT_EQ(whole.values.at(name), value);
    EXPECT_EQ((*first)->initial_learning_rate(), whole.values.at("learning_rate"));
    auto second = MakeOptimizer(whole);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ((*second)->Config().values, whole.values);
  }
}

TEST(OptimizerConfigTest, SchedulesAreKeptAsText) {
  auto made = MakeOptimizer({"adam", {}, "warm_up(10, 0, cosine_decay(0.5, 100))"});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->Config().schedule, "warm_up(10, 0, cosine_decay(0.5, 100, 0))");
  EXPECT_EQ((*made)->initial_learning_rate(), 0);
  EXPECT_DOUBLE_EQ((*made)->ScheduledRate(5).value(), 0.25);
  EXPECT_FALSE((*MakeAdam())->ScheduledRate(5).has_value());
  // A step of the schedule is an update.
  auto slow = Extended(MakeSgd(), {.gradient_accumulation_steps = 4,
                                   .schedule = StepDecay({1, /*step_size=*/2, 0.5})});
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_EQ((*slow)->ScheduledRate(7), 1.0);
  EXPECT_EQ((*slow)->ScheduledRate(8), 0.5);
  EXPECT_EQ(ErrorOf(MakeOptimizer({"adam", {}, "cosine_decay(0.5)"})),
            "optimizer 'adam': schedule 'cosine_decay': decay_steps is missing");
}

TEST(OptimizerConfigTest, ErrorsOfExtensions) {
  EXPECT_EQ(ErrorOf(Extended(MakeAdam(), {.clipnorm = -1})),
            "optimizer 'adam': clipnorm is -1; it must be a finite number, at least 0");
  EXPECT_EQ(ErrorOf(Extended(MakeAdam(), {.clipnorm = 1, .global_clipnorm = 1})),
            "optimizer 'adam': both clipnorm and global_clipnorm are given; give one of them");
  EXPECT_EQ(ErrorOf(Extended(MakeAdamW(), {.weight_decay = 0.1})),
            "optimizer 'adamw': it has a weight_decay of its own; set that one");
  EXPECT_EQ(ErrorOf(Extended(MakeSgd(), {.ema_overwrite_frequency = 2})),
            "optimizer 'sgd': ema_overwrite_frequency is given without ema_momentum");
  EXPECT_EQ(ErrorOf(Extended(MakeSgd(), {.gradient_accumulation_steps = 0})),
            "optimizer 'sgd': gradient_accumulation_steps is 0; it must be at least 1");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"sgd", {{"gradient_accumulation_steps", 1.5}}})),
            "optimizer 'sgd': gradient_accumulation_steps is 1.5; it must be a whole number up to "
            "1e9");
  EXPECT_EQ(ErrorOf(Extended(MakeAdam({.beta_1 = 2}), {.clipnorm = 1})),
            "optimizer 'adam': beta_1 is 2; it must be at least 0 and less than 1");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"lbfgs", {{"history_size", 0.5}}})),
            "optimizer 'lbfgs': history_size is 0.5; it must be a whole number from 1 to 100");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"ftrl", {{"learning_rate_power", 0.5}}})),
            "optimizer 'ftrl': learning_rate_power is 0.5; it must be a finite number, at most 0");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"ftrl", {{"initial_accumulator_value", 0}}})),
            "optimizer 'ftrl': initial_accumulator_value, l2_regularization_strength and beta are "
            "all 0, which divides 0 by 0 where a gradient is 0; one of them must be above 0");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"adamax", {{"epsilon", 0}}})),
            "optimizer 'adamax': epsilon is 0; it must be a finite number above 0");
}

TEST(OptimizerConfigTest, LetterCaseOfNamesDoesNotMatter) {
  auto made = MakeOptimizer("RMSprop");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->Config().name, "rmsprop");
}

TEST(OptimizerConfigTest, ErrorsSayWhatThereIsAndWhatIsAllowed) {
  EXPECT_EQ(
      ErrorOf(MakeOptimizer("adamm")),
      "there is no optimizer 'adamm'; there are sgd, rmsprop, adam, adamw, adagrad, adadelta, "
      "adamax, nadam, ftrl, lion, lamb, lbfgs");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"rmsprop", {{"alpha", 0.9}}})),
            "optimizer 'rmsprop' has no value 'alpha'; it has learning_rate, rho, momentum, "
            "epsilon, centered, formula");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"adam", {{"rho", 0.1}}})),
            "optimizer 'adam' has no value 'rho'; it has learning_rate, beta_1, beta_2, "
            "epsilon, amsgrad, formula");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"adam", {{"beta_2", 1}}})),
            "optimizer 'adam': beta_2 is 1; it must be at least 0 and less than 1");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"sgd", {{"momentum", 1.5}}})),
            "optimizer 'sgd': momentum is 1.5; it must be at least 0 and at most 1");
  EXPECT_EQ(ErrorOf(MakeSgd({.learning_rate = -0.1})),
            "optimizer 'sgd': learning_rate is -0.1; it must be a finite number, at least 0");
  EXPECT_EQ(ErrorOf(MakeAdamW({.weight_decay = std::numeric_limits<double>::infinity()})),
            "optimizer 'adamw': weight_decay is inf; it must be a finite number, at least 0");
  EXPECT_EQ(ErrorOf(MakeRmsProp({.epsilon = std::numeric_limits<double>::quiet_NaN()})),
            "optimizer 'rmsprop': epsilon is nan; it must be a finite number, at least 0");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"sgd", {{"nesterov", 2}}})),
            "optimizer 'sgd': nesterov is 2; it must be 0 or 1");
  EXPECT_EQ(ErrorOf(MakeOptimizer({"sgd", {{"formula", 0.5}}})),
            "optimizer 'sgd': formula is 0.5; it must be 0 (Keras') or 1 (PyTorch's)");
  EXPECT_EQ(ErrorOf(MakeSgd({.momentum = 0.9, .dampening = 0.5})),
            "optimizer 'sgd': dampening is 0.5, which Keras' formula does not know; leave it 0 or "
            "choose PyTorch's formula");
  EXPECT_EQ(ErrorOf(MakeSgd({.nesterov = true, .formula = Formula::kPyTorch})),
            "optimizer 'sgd': nesterov with momentum 0 and dampening 0; PyTorch's formula takes it "
            "with momentum above 0 and without dampening");
  EXPECT_EQ(ErrorOf(MakeAdagrad({.lr_decay = 0.5})),
            "optimizer 'adagrad': lr_decay is 0.5, which Keras' formula does not know; leave it 0 "
            "or choose PyTorch's formula");
  EXPECT_EQ(ErrorOf(MakeAdagrad({.initial_accumulator_value = 0, .epsilon = 0})),
            "optimizer 'adagrad': initial_accumulator_value and epsilon are both 0, which divides "
            "0 by 0 where a gradient is 0; one of them must be above 0");
}

}  // namespace
}  // namespace adjoint::optim
