#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace adjoint::optim {
namespace {

// What a schedule's number may be. All are finite.
enum class Bound { kAny, kNonNegative, kPositive, kAtLeastOne, kAtLeastTwo, kUnit, kFlag };

bool Holds(Bound bound, double x) {
  if (!std::isfinite(x)) return false;
  switch (bound) {
    case Bound::kAny:
      return true;
    case Bound::kNonNegative:
      return x >= 0;
    case Bound::kPositive:
      return x > 0;
    case Bound::kAtLeastOne:
      return x >= 1;
    case Bound::kAtLeastTwo:
      return x >= 2;
    case Bound::kUnit:
      return x >= 0 && x <= 1;
    case Bound::kFlag:
      return x == 0 || x == 1;
  }
  return false;
}

const char* Describe(Bound bound) {
  switch (bound) {
    case Bound::kAny:
      return "a finite number";
    case Bound::kNonNegative:
      return "a finite number, at least 0";
    case Bound::kPositive:
      return "a finite number above 0";
    case Bound::kAtLeastOne:
      return "a finite number, at least 1";
    case Bound::kAtLeastTwo:
      return "a finite number, at least 2";
    case Bound::kUnit:
      return "at least 0 and at most 1";
    case Bound::kFlag:
      return "0 or 1";
  }
  return "";
}

struct Number {
  const char* name;
  Bound bound;
  // NaN: must be given.
  double value = std::nan("");
};

using Numbers = absl::Span<const double>;

double Exponential(Numbers n, double t) {
  const double p = t / n[1];
  return n[0] * std::pow(n[2], n[3] != 0 ? std::floor(p) : p);
}

double Step(Numbers n, double t) { return n[0] * std::pow(n[2], std::floor(t / n[1])); }

double InverseTime(Numbers n, double t) {
  const double p = t / n[1];
  return n[0] / (1 + n[2] * (n[3] != 0 ? std::floor(p) : p));
}

double Polynomial(Numbers n, double t) {
  double steps = n[1];
  if (n[4] != 0) {
    steps *= t == 0 ? 1 : std::ceil(t / steps);
  } else {
    t = std::min(t, steps);
  }
  return (n[0] - n[2]) * std::pow(1 - t / steps, n[3]) + n[2];
}

double Piecewise(Numbers n, double t) {
  const size_t boundaries = n.size() / 2;
  for (size_t i = 0; i < boundaries; ++i) {
    if (t <= n[i]) return n[boundaries + i];
  }
  return n.back();
}

double Cosine(double part) { return (1 + std::cos(std::numbers::pi * part)) / 2; }

double OneCosine(Numbers n, double t) {
  return n[0] * ((1 - n[2]) * Cosine(std::min(t, n[1]) / n[1]) + n[2]);
}

double CosineRestarts(Numbers n, double t) {
  const double t_mul = n[2];
  double done = t / n[1], restart = 0;
  if (t_mul == 1) {
    restart = std::floor(done);
    done -= restart;
  } else {
    const auto start = [&](double period) { return (1 - std::pow(t_mul, period)) / (1 - t_mul); };
    restart = std::floor(std::log(1 - done * (1 - t_mul)) / std::log(t_mul));
    if (done >= start(restart + 1)) restart += 1;  // a logarithm that was rounded down
    done = (done - start(restart)) / std::pow(t_mul, restart);
  }
  return n[0] * ((1 - n[4]) * std::pow(n[3], restart) * Cosine(done) + n[4]);
}

double Cycle(Numbers n, double t) {
  const double top = n[0], first = top / n[3], last = first / n[4];
  const double peak = n[2] * n[1] - 1, end = n[1] - 1;
  t = std::min(t, end);
  const auto between = [&](double from, double to, double part) {
    return n[5] != 0 ? (to - from) * part + from : to + (from - to) * Cosine(part);
  };
  if (t <= peak) return between(first, top, peak == 0 ? 1 : t / peak);
  return between(top, last, (t - peak) / (end - peak));
}

double Constant(Numbers n, double) { return n[0]; }

absl::Status Wrong(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("schedule '", name, "': ", what));
}

std::string NumberText(double x) {
  std::string text = absl::StrFormat("%.15g", x);
  return std::strtod(text.c_str(), nullptr) == x ? text : absl::StrFormat("%.17g", x);
}

}  // namespace

struct Schedule::Kind {
  const char* name;
  double (*rate)(Numbers, double t);  // null for warm_up
  std::vector<Number> numbers;        // none for piecewise_constant_decay, which has any number
};

namespace {

using Kind = Schedule::Kind;

const std::vector<Kind>& Kinds() {
  static const auto* const kinds = new std::vector<Kind>{
      {"constant", Constant, {{"learning_rate", Bound::kNonNegative}}},
      {"exponential_decay",
       Exponential,
       {{"initial_learning_rate", Bound::kNonNegative},
        {"decay_steps", Bound::kPositive},
        {"decay_rate", Bound::kNonNegative},
        {"staircase", Bound::kFlag, 0}}},
      {"step_decay",
       Step,
       {{"initial_learning_rate", Bound::kNonNegative},
        {"step_size", Bound::kPositive},
        {"gamma", Bound::kNonNegative, 0.1}}},
      {"inverse_time_decay",
       InverseTime,
       {{"initial_learning_rate", Bound::kNonNegative},
        {"decay_steps", Bound::kPositive},
        {"decay_rate", Bound::kNonNegative},
        {"staircase", Bound::kFlag, 0}}},
      {"polynomial_decay",
       Polynomial,
       {{"initial_learning_rate", Bound::kNonNegative},
        {"decay_steps", Bound::kPositive},
        {"end_learning_rate", Bound::kNonNegative, 0.0001},
        {"power", Bound::kNonNegative, 1},
        {"cycle", Bound::kFlag, 0}}},
      {"piecewise_constant_decay", Piecewise, {}},
      {"cosine_decay",
       OneCosine,
       {{"initial_learning_rate", Bound::kNonNegative},
        {"decay_steps", Bound::kPositive},
        {"alpha", Bound::kUnit, 0}}},
      {"cosine_decay_restarts",
       CosineRestarts,
       {{"initial_learning_rate", Bound::kNonNegative},
        {"first_decay_steps", Bound::kPositive},
        {"t_mul", Bound::kAtLeastOne, 2},
        {"m_mul", Bound::kNonNegative, 1},
        {"alpha", Bound::kUnit, 0}}},
      {"one_cycle",
       Cycle,
       {{"max_learning_rate", Bound::kNonNegative},
        {"total_steps", Bound::kAtLeastTwo},
        {"pct_start", Bound::kUnit, 0.3},
        {"div_factor", Bound::kPositive, 25},
        {"final_div_factor", Bound::kPositive, 1e4},
        {"linear", Bound::kFlag, 0}}},
      {"warm_up", nullptr, {{"steps", Bound::kNonNegative}, {"start", Bound::kNonNegative, 0}}},
  };
  return *kinds;
}

const Kind* Find(absl::string_view name) {
  for (const Kind& kind : Kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

absl::Status CheckPiecewise(Numbers n) {
  const absl::string_view name = "piecewise_constant_decay";
  if (n.size() % 2 == 0) {
    return Wrong(name, absl::StrCat("wants n boundaries and n + 1 values, but was given ", n.size(),
                                    " numbers"));
  }
  for (size_t i = 0; i < n.size(); ++i) {
    const bool value = i >= n.size() / 2;
    if (!Holds(value ? Bound::kNonNegative : Bound::kAny, n[i])) {
      return Wrong(name, absl::StrCat(value ? "value " : "boundary ", n[i], " must be ",
                                      Describe(value ? Bound::kNonNegative : Bound::kAny)));
    }
    if (!value && i > 0 && n[i] <= n[i - 1]) {
      return Wrong(name, absl::StrCat("boundaries must ascend, but ", n[i], " follows ", n[i - 1]));
    }
  }
  return absl::OkStatus();
}

// Splits at the commas that lie in no parentheses.
std::vector<absl::string_view> Arguments(absl::string_view text) {
  std::vector<absl::string_view> arguments;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      arguments.push_back(absl::StripAsciiWhitespace(text.substr(begin, i - begin)));
      begin = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return arguments;
}

constexpr size_t kMaxText = 10000;

}  // namespace

Schedule::Schedule(double rate) : Schedule(Make(*Find("constant"), {rate})) {}

Schedule Schedule::Make(const Kind& kind, std::vector<double> numbers,
                        std::shared_ptr<const Schedule> after) {
  Schedule schedule;
  schedule.kind_ = &kind;
  if (kind.numbers.empty()) {
    schedule.status_ = CheckPiecewise(numbers);
  } else if (numbers.size() > kind.numbers.size()) {
    schedule.status_ = Wrong(kind.name, absl::StrCat("takes at most ", kind.numbers.size(),
                                                     " numbers, but was given ", numbers.size()));
  } else {
    for (size_t i = 0; i < kind.numbers.size() && schedule.status_.ok(); ++i) {
      const Number& number = kind.numbers[i];
      if (i == numbers.size()) {
        if (std::isnan(number.value)) {
          schedule.status_ = Wrong(kind.name, absl::StrCat(number.name, " is missing"));
          break;
        }
        numbers.push_back(number.value);
      }
      if (!Holds(number.bound, numbers[i])) {
        schedule.status_ = Wrong(kind.name, absl::StrCat(number.name, " is ", numbers[i],
                                                         "; it must be ", Describe(number.bound)));
      }
    }
  }
  if (schedule.status_.ok() && kind.rate == nullptr) {
    if (after == nullptr) {
      schedule.status_ = Wrong(kind.name, "wants the schedule that follows as its last argument");
    } else {
      schedule.status_ = after->status();
    }
  } else if (schedule.status_.ok() && after != nullptr) {
    schedule.status_ = Wrong(kind.name, "takes numbers only");
  }
  schedule.numbers_ = std::move(numbers);
  schedule.after_ = std::move(after);
  return schedule;
}

Schedule Schedule::Parse(absl::string_view text) {
  Schedule wrong;
  const auto refuse = [&](absl::string_view what) {
    wrong.status_ =
        absl::InvalidArgumentError(absl::StrCat("schedule '", text.substr(0, 100), "': ", what));
    return wrong;
  };
  // Also bounds how deep schedules may follow each other.
  if (text.size() > kMaxText) {
    return refuse(absl::StrCat("a text of ", text.size(), " characters is too long"));
  }
  text = absl::StripAsciiWhitespace(text);
  double rate;
  if (absl::SimpleAtod(text, &rate)) return Schedule(rate);
  const size_t open = text.find('(');
  const absl::string_view name = absl::StripAsciiWhitespace(text.substr(0, open));
  const Kind* const kind = Find(name);
  if (kind == nullptr) {
    wrong.status_ = absl::InvalidArgumentError(absl::StrCat(
        "there is no schedule '", name, "'; there are ",
        absl::StrJoin(Kinds(), ", ",
                      [](std::string* out, const Kind& k) { absl::StrAppend(out, k.name); })));
    return wrong;
  }
  absl::string_view inside = open == absl::string_view::npos ? "" : text.substr(open + 1);
  if (open == absl::string_view::npos || !absl::ConsumeSuffix(&inside, ")")) {
    return refuse("wants its numbers in parentheses after the name");
  }
  std::vector<double> numbers;
  std::shared_ptr<const Schedule> after;
  if (!absl::StripAsciiWhitespace(inside).empty()) {
    const std::vector<absl::string_view> arguments = Arguments(inside);
    for (size_t i = 0; i < arguments.size(); ++i) {
      double number;
      const bool is_number = absl::SimpleAtod(arguments[i], &number);
      if (kind->rate == nullptr && i + 1 == arguments.size() &&
          (!is_number || i == kind->numbers.size())) {
        after = std::make_shared<const Schedule>(Parse(arguments[i]));
      } else if (is_number) {
        numbers.push_back(number);
      } else {
        return refuse(absl::StrCat("'", arguments[i], "' is not a number"));
      }
    }
  }
  return Make(*kind, std::move(numbers), std::move(after));
}

double Schedule::operator()(int64_t step) const {
  const double t = static_cast<double>(step);
  if (kind_->rate != nullptr) return kind_->rate(numbers_, t);
  const double steps = numbers_[0], start = numbers_[1];
  if (t >= steps) return (*after_)(step - static_cast<int64_t>(std::ceil(steps)));
  return (*after_)(0) * (start + (1 - start) * t / steps);
}

std::string Schedule::ToString() const {
  if (kind_ == nullptr) return "";
  std::string text = absl::StrCat(
      kind_->name, "(", absl::StrJoin(numbers_, ", ", [](std::string* out, double number) {
        absl::StrAppend(out, NumberText(number));
      }));
  if (after_ != nullptr) absl::StrAppend(&text, ", ", after_->ToString());
  return text + ")";
}

Schedule ExponentialDecay(const ExponentialDecayOptions& o) {
  return Schedule::Make(*Find("exponential_decay"), {o.initial_learning_rate, o.decay_steps,
                                                     o.decay_rate, o.staircase ? 1.0 : 0.0});
}
Schedule StepDecay(const StepDecayOptions& o) {
  return Schedule::Make(*Find("step_decay"), {o.initial_learning_rate, o.step_size, o.gamma});
}
Schedule InverseTimeDecay(const InverseTimeDecayOptions& o) {
  return Schedule::Make(*Find("inverse_time_decay"), {o.initial_learning_rate, o.decay_steps,
                                                      o.decay_rate, o.staircase ? 1.0 : 0.0});
}
Schedule PolynomialDecay(const PolynomialDecayOptions& o) {
  return Schedule::Make(
      *Find("polynomial_decay"),
      {o.initial_learning_rate, o.decay_steps, o.end_learning_rate, o.power, o.cycle ? 1.0 : 0.0});
}
Schedule PiecewiseConstantDecay(const PiecewiseConstantDecayOptions& o) {
  std::vector<double> numbers = o.boundaries;
  numbers.insert(numbers.end(), o.values.begin(), o.values.end());
  // Numbers that do not part into n and n + 1 the way they were given are refused.
  if (o.values.size() != o.boundaries.size() + 1) numbers.resize(2 * o.values.size());
  return Schedule::Make(*Find("piecewise_constant_decay"), std::move(numbers));
}
Schedule CosineDecay(const CosineDecayOptions& o) {
  return Schedule::Make(*Find("cosine_decay"), {o.initial_learning_rate, o.decay_steps, o.alpha});
}
Schedule CosineDecayRestarts(const CosineDecayRestartsOptions& o) {
  return Schedule::Make(*Find("cosine_decay_restarts"),
                        {o.initial_learning_rate, o.first_decay_steps, o.t_mul, o.m_mul, o.alpha});
}
Schedule OneCycle(const OneCycleOptions& o) {
  return Schedule::Make(*Find("one_cycle"),
                        {o.max_learning_rate, o.total_steps, o.pct_start, o.div_factor,
                         o.final_div_factor, o.linear ? 1.0 : 0.0});
}
Schedule WarmUp(const WarmUpOptions& o, Schedule after) {
  return Schedule::Make(*Find("warm_up"), {o.steps, o.start},
                        std::make_shared<const Schedule>(std::move(after)));
}

}  // namespace adjoint::optim
