#include "ops/autotune.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/philox.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "ops/gemm/matmul.h"
#include "ops/onednn/matmul.h"

namespace adjoint::ops {
namespace {

constexpr char kHeader[] = "adjoint kernel choices 1";
constexpr double kRoundSeconds = 1e-3;  // of one plan in one round, about
constexpr int kMinRounds = 3;
constexpr int kMaxRounds = 12;
constexpr double kShapeSeconds = 1;  // after the first calls, unless kMinRounds take longer
// The plan taken by default keeps its place unless another is this much faster.
constexpr double kClearly = 1.03;
// Plans this much slower than the best, in a first call or after a round, are timed no more.
constexpr double kHopelessAtFirst = 1.6;
constexpr double kHopeless = 1.25;

thread_local Autotuner* current = nullptr;

Tensor Noise(Shape shape, uint64_t stream) {
  Tensor t = Tensor::Empty({DType::kF32, std::move(shape)});
  PhiloxEngine engine({1, stream, 0});
  for (float& x : t.mutable_data<float>()) x = UniformFloat(engine()) - 0.5f;
  return t;
}

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A kernel with what a run of it needs.
struct Contender {
  MatMulPlan plan;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<KernelState> state;
  Tensor scratch;
  int64_t calls = 1;  // a round
  double seconds = INFINITY;

  absl::Status Run(const void* const* in, void* const* out) {
    return kernel->Run({in, out, scratch.mutable_raw(), state.get()});
  }
};

// "512x10000^Tx16".
bool ParseShape(absl::string_view text, MatMulShape* shape) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, 'x');
  if (parts.size() != 3) return false;
  absl::string_view k = parts[1], n = parts[2];
  shape->transpose_lhs = absl::ConsumeSuffix(&k, "^T");
  shape->transpose_rhs = absl::ConsumeSuffix(&n, "^T");
  return absl::SimpleAtoi(parts[0], &shape->m) && absl::SimpleAtoi(k, &shape->k) &&
         absl::SimpleAtoi(n, &shape->n) && shape->m > 0 && shape->k > 0 && shape->n > 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kernel>> MakeMatMulKernel(const MatMulConfig& config,
                                                         const MatMulPlan& plan) {
  if (plan.path == MatMulPlan::Path::kOneDnn) return onednn::MakeMatMul(config);
  return MakeGemmMatMul(config, plan);
}

std::string Autotuner::Timing::ToString() const {
  const MatMulPlan usual = ChooseMatMulPlan(shape);
  std::string text = absl::StrFormat("%s: %s %.1f us", shape.ToString(), plans[0].first.ToString(),
                                     plans[0].second);
  for (const auto& [plan, time] : plans) {
    if (plan == usual && &plan != &plans[0].first) {
      absl::StrAppendFormat(&text, "; by default %s %.1f us", plan.ToString(), time);
    }
  }
  return text;
}

absl::StatusOr<MatMulPlan> Autotuner::Choose(const MatMulShape& shape) {
  const auto known = plans_.find(shape.ToString());
  if (known != plans_.end()) return known->second.second;
  if (!measure_) return ChooseMatMulPlan(shape);

  MatMulConfig config;
  config.transpose_lhs = shape.transpose_lhs;
  config.transpose_rhs = shape.transpose_rhs;
  config.lhs = {DType::kF32,
                shape.transpose_lhs ? Shape{shape.k, shape.m} : Shape{shape.m, shape.k}};
  config.rhs = {DType::kF32,
                shape.transpose_rhs ? Shape{shape.n, shape.k} : Shape{shape.k, shape.n}};
  config.out = {DType::kF32, Shape{shape.m, shape.n}};
  const Tensor lhs = Noise(config.lhs.shape, 1), rhs = Noise(config.rhs.shape, 2);
  Tensor result = Tensor::Zeros(config.out);
  const void* const in[] = {lhs.raw(), rhs.raw()};
  void* const out[] = {result.mutable_raw()};

  std::vector<Contender> contenders;
  for (const MatMulPlan& plan : CandidateMatMulPlans(shape)) {
    ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, MakeMatMulKernel(config, plan));
    if (kernel == nullptr) continue;
    Contender c;
    c.plan = plan;
    c.state = kernel->MakeState();
    c.scratch = Tensor::Empty({DType::kU8, Shape{static_cast<int64_t>(kernel->scratch_bytes())}});
    c.kernel = std::move(kernel);
    ADJOINT_RETURN_IF_ERROR(c.Run(in, out));
    const double begin = Seconds();
    ADJOINT_RETURN_IF_ERROR(c.Run(in, out));
    c.seconds = std::max(Seconds() - begin, 1e-8);
    c.calls = std::clamp<int64_t>(static_cast<int64_t>(kRoundSeconds / c.seconds), 1, 2000);
    contenders.push_back(std::move(c));
  }
  if (contenders.empty()) return ChooseMatMulPlan(shape);
  const MatMulPlan usual = ChooseMatMulPlan(shape);
  const auto drop = [&](double hopeless) {
    double best = INFINITY;
    for (const Contender& c : contenders) best = std::min(best, c.seconds);
    contenders.erase(std::remove_if(contenders.begin(), contenders.end(),
                                    [&](const Contender& c) {
                                      return c.seconds > hopeless * best && c.plan != usual;
                                    }),
                     contenders.end());
  };
  drop(kHopelessAtFirst);
  const double start = Seconds();
  for (int round = 0; round < kMaxRounds; ++round) {
    if (round >= kMinRounds && Seconds() - start > kShapeSeconds) break;
    for (Contender& c : contenders) {
      const double begin = Seconds();
      for (int64_t i = 0; i < c.calls; ++i) ADJOINT_RETURN_IF_ERROR(c.Run(in, out));
      c.seconds = std::min(c.seconds, (Seconds() - begin) / static_cast<double>(c.calls));
    }
    drop(kHopeless);
  }
  std::stable_sort(contenders.begin(), contenders.end(),
                   [](const Contender& a, const Contender& b) { return a.seconds < b.seconds; });
  const auto by_default = std::find_if(contenders.begin(), contenders.end(),
                                       [&](const Contender& c) { return c.plan == usual; });
  if (by_default != contenders.end() && by_default->seconds <= kClearly * contenders[0].seconds) {
    std::rotate(contenders.begin(), by_default, by_default + 1);
  }
  Timing timing{.shape = shape, .plans = {}};
  for (const Contender& c : contenders) timing.plans.push_back({c.plan, c.seconds * 1e6});
  if (observer_) observer_(timing);
  plans_[shape.ToString()] = {shape, timing.plans[0].first};
  return timing.plans[0].first;
}

std::string Autotuner::ToText() const {
  std::string text = absl::StrCat(kHeader, "\n");
  for (const auto& [key, choice] : plans_) {
    absl::StrAppend(&text, "matmul ", IsaName(CurrentIsa()), " ", key, " ",
                    choice.second.ToString(), "\n");
  }
  return text;
}

absl::Status Autotuner::AddText(absl::string_view text) {
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines[0] != kHeader) {
    return absl::InvalidArgumentError(absl::StrCat("kernel choices: the first line must be '",
                                                   kHeader, "', but is '", lines[0].substr(0, 80),
                                                   "'"));
  }
  auto plans = plans_;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(lines[i], absl::MaxSplits(' ', 3));
    MatMulShape shape;
    if (words.size() != 4 || words[0] != "matmul" || !ParseShape(words[2], &shape)) {
      return absl::InvalidArgumentError(
          absl::StrCat("kernel choices: line ", i + 1,
                       " must be like 'matmul avx2 512x10000^Tx16 onednn', but is '",
                       lines[i].substr(0, 80), "'"));
    }
    const absl::StatusOr<MatMulPlan> plan = MatMulPlan::Parse(words[3]);
    if (!plan.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("kernel choices: line ", i + 1, ": ", plan.status().message()));
    }
    if (words[1] == IsaName(CurrentIsa())) plans[shape.ToString()] = {shape, *plan};
  }
  plans_ = std::move(plans);
  return absl::OkStatus();
}

AutotuneScope::AutotuneScope(Autotuner* tuner) : saved_(current) { current = tuner; }
AutotuneScope::~AutotuneScope() { current = saved_; }
Autotuner* AutotuneScope::Current() { return current; }

}  // namespace adjoint::ops
