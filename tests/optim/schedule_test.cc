// Schedules beside numbers of Keras' formulas and of PyTorch (tests/golden/schedules.py).

#include "optim/schedule.h"

#include <cmath>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace adjoint::optim {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const Schedule& schedule) { return std::string(schedule.status().message()); }

TEST(ScheduleTest, AgreeWithKerasAndPyTorch) {
  std::ifstream in("tests/golden/schedules.json");
  const nlohmann::json golden = nlohmann::json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(golden.is_object());
  ASSERT_GE(golden["cases"].size(), 19u);
  for (const nlohmann::json& a_case : golden["cases"]) {
    const std::string text = a_case["schedule"];
    SCOPED_TRACE(text);
    const Schedule schedule = Schedule::Parse(text);
    ASSERT_TRUE(schedule.status().ok()) << schedule.status();
    const Schedule again = Schedule::Parse(schedule.ToString());
    ASSERT_TRUE(again.status().ok()) << schedule.ToString() << again.status();
    for (size_t i = 0; i < golden["steps"].size(); ++i) {
      const int64_t step = golden["steps"][i];
      const double rate = a_case["rates"][i];
      EXPECT_NEAR(schedule(step), rate, 1e-9 * std::abs(rate) + 1e-15) << "step " << step;
      EXPECT_EQ(schedule(step), again(step));
    }
  }
}

TEST(ScheduleTest, ObjectsAndTextsAreTheSame) {
  EXPECT_EQ(ExponentialDecay({.initial_learning_rate = 0.1, .decay_steps = 10, .decay_rate = 0.5})
                .ToString(),
            "exponential_decay(0.1, 10, 0.5, 0)");
  EXPECT_EQ(StepDecay({.initial_learning_rate = 0.1, .step_size = 5}).ToString(),
            "step_decay(0.1, 5, 0.1)");
  EXPECT_EQ(
      InverseTimeDecay(
          {.initial_learning_rate = 0.1, .decay_steps = 5, .decay_rate = 2, .staircase = true})
          .ToString(),
      "inverse_time_decay(0.1, 5, 2, 1)");
  EXPECT_EQ(PolynomialDecay({.initial_learning_rate = 0.1, .decay_steps = 5}).ToString(),
            "polynomial_decay(0.1, 5, 0.0001, 1, 0)");
  EXPECT_EQ(PiecewiseConstantDecay({.boundaries = {3, 5}, .values = {1, 0.5, 0.1}}).ToString(),
            "piecewise_constant_decay(3, 5, 1, 0.5, 0.1)");
  EXPECT_EQ(CosineDecay({.initial_learning_rate = 0.1, .decay_steps = 5}).ToString(),
            "cosine_decay(0.1, 5, 0)");
  EXPECT_EQ(CosineDecayRestarts({.initial_learning_rate = 0.1, .first_decay_steps = 5}).ToString(),
            "cosine_decay_restarts(0.1, 5, 2, 1, 0)");
  EXPECT_EQ(OneCycle({.max_learning_rate = 0.1, .total_steps = 50}).ToString(),
            "one_cycle(0.1, 50, 0.3, 25, 10000, 0)");
  EXPECT_EQ(WarmUp({.steps = 5}, 0.25).ToString(), "warm_up(5, 0, constant(0.25))");
  EXPECT_EQ(Schedule("0.5")(123), 0.5);
  EXPECT_EQ(Schedule(" warm_up( 4, 0 ,warm_up(2, 0.5, 1)) ")(5), 0.75);
}

TEST(ScheduleTest, Mistakes) {
  EXPECT_THAT(ErrorOf("cosine(0.1, 5)"),
              HasSubstr("there is no schedule 'cosine'; there are constant, exponential_decay"));
  EXPECT_EQ(ErrorOf("cosine_decay(0.1)"), "schedule 'cosine_decay': decay_steps is missing");
  EXPECT_EQ(ErrorOf("cosine_decay(0.1, 0)"),
            "schedule 'cosine_decay': decay_steps is 0; it must be a finite number above 0");
  EXPECT_EQ(ErrorOf("cosine_decay(nan, 2)"),
            "schedule 'cosine_decay': initial_learning_rate is nan; it must be a finite number, at "
            "least 0");
  EXPECT_EQ(ErrorOf("cosine_decay(1, 2, 0, 4)"),
            "schedule 'cosine_decay': takes at most 3 numbers, but was given 4");
  EXPECT_EQ(ErrorOf("cosine_decay(1, two)"),
            "schedule 'cosine_decay(1, two)': 'two' is not a number");
  EXPECT_EQ(ErrorOf("cosine_decay(1, 2"),
            "schedule 'cosine_decay(1, 2': wants its numbers in parentheses after the name");
  EXPECT_EQ(ErrorOf("cosine_decay"),
            "schedule 'cosine_decay': wants its numbers in parentheses after the name");
  EXPECT_EQ(ErrorOf("warm_up(1, 0)"),
            "schedule 'warm_up': wants the schedule that follows as its last argument");
  EXPECT_EQ(ErrorOf("warm_up(1, 0, step_decay(1))"), "schedule 'step_decay': step_size is missing");
  EXPECT_EQ(ErrorOf("piecewise_constant_decay(1, 2)"),
            "schedule 'piecewise_constant_decay': wants n boundaries and n + 1 values, but was "
            "given 2 numbers");
  EXPECT_EQ(ErrorOf("piecewise_constant_decay(2, 1, 0.1, 0.1, 0.1)"),
            "schedule 'piecewise_constant_decay': boundaries must ascend, but 1 follows 2");
  EXPECT_FALSE(PiecewiseConstantDecay({.boundaries = {1, 2}, .values = {}}).status().ok());
  EXPECT_FALSE(PiecewiseConstantDecay({.boundaries = {}, .values = {1, 2, 3}}).status().ok());
  EXPECT_FALSE(Schedule(-1.0).status().ok());
  EXPECT_THAT(ErrorOf(std::string(20000, '(')), HasSubstr("20000 characters is too long"));
}

}  // namespace
}  // namespace adjoint::optim
