// Optimizers beside numbers that PyTorch and Keras' formulas gave (tests/golden/optimizers_*.py).

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "optim/optimizer.h"
#include "tests/optim/stepper.h"

namespace adjoint::optim {
namespace {

using Json = nlohmann::json;
using ::adjoint::testing::Filled;
using ::adjoint::testing::Stepper;

using Values = std::vector<double>;

struct Golden {
  std::string file;
  DType dtype;
  double tolerance;  // relative
  bool optimize;

  friend std::ostream& operator<<(std::ostream& out, const Golden& g) { return out << g.file; }
};

Json Read(const std::string& file) {
  std::ifstream in("tests/golden/" + file);
  return Json::parse(in, nullptr, /*allow_exceptions=*/false);
}

OptimizerConfig ConfigOf(const Json& j) {
  return {j["name"].get<std::string>(), j["values"].get<std::map<std::string, double>>()};
}

// |actual - expected| <= tolerance * scale, element by element.
void ExpectNear(const Values& actual, const Values& expected, const Values& scale, double tolerance,
                const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], tolerance * scale[i]) << what << ", element " << i;
  }
}

std::vector<Tensor> Tensors(const Json& golden, const Json& values, DType dtype) {
  std::vector<Tensor> tensors;
  for (size_t p = 0; p < values.size(); ++p) {
    const std::vector<int64_t> extents = golden["shapes"][p];
    const std::vector<Dim> dims(extents.begin(), extents.end());
    tensors.push_back(Filled({dtype, Shape(dims)}, values[p].get<Values>()));
  }
  return tensors;
}

// The largest magnitude of each element on its way, by which its rounding errors are measured: a
// sum of terms of both signs may end near 0.
Values Scale(const std::vector<Values>& on_the_way) {
  Values scale(on_the_way[0].size(), 0);
  for (const Values& values : on_the_way) {
    for (size_t i = 0; i < scale.size(); ++i) scale[i] = std::max(scale[i], std::abs(values[i]));
  }
  return scale;
}

Values ParamScale(const Json& golden, const Json& a_case, size_t p) {
  std::vector<Values> values{golden["start"][p]};
  for (const Json& step : a_case["steps"]) values.push_back(step[p]);
  return Scale(values);
}

Values SlotScale(const Json& a_case, size_t p, const std::string& slot) {
  std::vector<Values> values;
  for (const Json& step : a_case["slots"]) values.push_back(step[p][slot]);
  return Scale(values);
}

// Lengths are known only when all of a gradient has been read.
bool ClipsByNorm(const Json& a_case) {
  const Json& values = a_case["config"]["values"];
  return values.contains("clipnorm") || values.contains("global_clipnorm");
}

class GoldenTest : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, Agrees) {
  const Golden& param = GetParam();
  const Json golden = Read(param.file);
  ASSERT_TRUE(golden.is_object()) << param.file << " is missing or damaged";
  ASSERT_GE(golden["cases"].size(), 22u);
  for (const Json& a_case : golden["cases"]) {
    SCOPED_TRACE(golden["source"].get<std::string>() + ": " + a_case["name"].get<std::string>());
    auto optimizer = MakeOptimizer(ConfigOf(a_case["config"]));
    ASSERT_TRUE(optimizer.ok()) << optimizer.status();
    const std::vector<double> rates = a_case["learning_rates"];
    EXPECT_EQ(static_cast<float>((*optimizer)->initial_learning_rate()), rates[0]);

    graph::CompileOptions options;
    options.optimize = param.optimize;
    auto stepper =
        Stepper::Create(**optimizer, Tensors(golden, golden["start"], param.dtype), options);
    ASSERT_TRUE(stepper.ok()) << stepper.status();
    const size_t num_params = golden["start"].size();
    const std::string name = a_case["config"]["name"];
    if (param.optimize && name != "lbfgs") {
      const graph::StoragePlan& storage = (*stepper)->executable().storage();
      EXPECT_EQ(storage.in_place_variables, num_params + (*stepper)->slots().size());
      EXPECT_TRUE(storage.copies.empty());
      if (name != "lamb" && !ClipsByNorm(a_case)) {
        // Lion's slot does not depend on what it does to the parameter, nor the other way around.
        EXPECT_EQ((*stepper)->num_wide_steps(), name == "lion" ? 2 : 1)
            << "one step for all parameters";
      }
    }

    for (size_t step = 0; step < rates.size(); ++step) {
      const absl::Status status =
          (*stepper)->Step(Tensors(golden, golden["gradients"][step], param.dtype),
                           static_cast<float>(rates[step]), static_cast<int64_t>(step));
      ASSERT_TRUE(status.ok()) << status;
      for (size_t p = 0; p < num_params; ++p) {
        const std::string where = absl::StrCat("step ", step, ", parameter ", p);
        Values scale = ParamScale(golden, a_case, p);
        // There every element's way depends on the inner products of all.
        if (name == "lbfgs")
          scale.assign(scale.size(), *std::max_element(scale.begin(), scale.end()));
        ExpectNear((*stepper)->Param(p), a_case["steps"][step][p], scale, param.tolerance, where);
        const Json& slots = a_case["slots"][step][p];
        if (name == "lbfgs") continue;  // PyTorch keeps its state in another form
        EXPECT_EQ((*stepper)->slots().size(), num_params * slots.size());
        for (const auto& [name, expected] : slots.items()) {
          ExpectNear((*stepper)->SlotOf(p, name), expected, SlotScale(a_case, p, name),
                     param.tolerance, absl::StrCat(where, ", slot ", name));
        }
      }
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<Golden>& info) {
  return absl::StrCat(info.param.file == "optimizers_torch.json" ? "PyTorch" : "Keras",
                      info.param.dtype == DType::kF64 ? "F64" : "F32",
                      info.param.optimize ? "" : "Unoptimized");
}

INSTANTIATE_TEST_SUITE_P(
    All, GoldenTest,
    ::testing::Values(Golden{"optimizers_torch.json", DType::kF64, 1e-12, true},
                      Golden{"optimizers_torch.json", DType::kF32, 1e-6, true},
                      Golden{"optimizers_torch.json", DType::kF32, 1e-6, false},
                      Golden{"optimizers_keras.json", DType::kF64, 1e-12, true},
                      Golden{"optimizers_keras.json", DType::kF32, 1e-6, true},
                      Golden{"optimizers_keras.json", DType::kF32, 1e-6, false}),
    NameOf);

// With all values of a PyTorch case written out, so that the formula alone changes, Keras' formula
// gives other parameters: the numbers can tell the formulas apart.
TEST(GoldenFilesTest, TellTheFormulasApart) {
  const Json golden = Read("optimizers_torch.json");
  int compared = 0;
  for (const Json& a_case : golden["cases"]) {
    const std::string name = a_case["name"];
    if (name != "sgd, momentum" && name != "sgd, nesterov" && name != "rmsprop, momentum" &&
        name != "rmsprop, centered, momentum" && name != "adam" && name != "adamw") {
      continue;
    }
    ++compared;
    auto pytorch = MakeOptimizer(ConfigOf(a_case["config"]));
    ASSERT_TRUE(pytorch.ok());
    OptimizerConfig config = (*pytorch)->Config();
    config.values["formula"] = 0;
    auto keras = MakeOptimizer(config);
    ASSERT_TRUE(keras.ok()) << keras.status();
    auto stepper = Stepper::Create(**keras, Tensors(golden, golden["start"], DType::kF64));
    ASSERT_TRUE(stepper.ok()) << stepper.status();
    const std::vector<double> rates = a_case["learning_rates"];
    for (size_t step = 0; step < rates.size(); ++step) {
      ASSERT_TRUE((*stepper)
                      ->Step(Tensors(golden, golden["gradients"][step], DType::kF64),
                             static_cast<float>(rates[step]), static_cast<int64_t>(step))
                      .ok());
    }
    double apart = 0;
    for (size_t p = 0; p < golden["start"].size(); ++p) {
      const Values ours = (*stepper)->Param(p), theirs = a_case["steps"].back()[p];
      const Values scale = ParamScale(golden, a_case, p);
      for (size_t i = 0; i < ours.size(); ++i) {
        if (scale[i] > 0) apart = std::max(apart, std::abs(ours[i] - theirs[i]) / scale[i]);
      }
    }
    EXPECT_GT(apart, 1e-5) << name;
  }
  EXPECT_EQ(compared, 6);
}

}  // namespace
}  // namespace adjoint::optim
