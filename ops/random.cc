#include "ops/random.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/fail.h"
#include "ops/philox_blocks.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements a part: ten rounds of Philox for every four

// An element whose 24 bits are below this is dropped: UniformFloat(bits) < rate, in integers.
uint32_t ThresholdOf(double rate) { return static_cast<uint32_t>(std::ceil(rate * 0x1p24)); }

constexpr int64_t kGroup = kPhiloxGroup;

// What one run of dropout draws from, and what it does with it.
struct Draw {
  RandomStream stream;
  uint64_t offset;  // of x's first element in the sequence
  uint32_t threshold;
  float scale;
};

// Elements begin .. end-1. x and y may be the same array: a group is read before it is written.
struct DropoutRange {
  static ADJOINT_INLINE void Run(const Draw& d, const float* x, float* y, int64_t begin,
                                 int64_t end) {
    uint32_t bits[kGroup];
    float values[kGroup];
    const uint32_t threshold = d.threshold;
    const float scale = d.scale;
    int64_t i = begin;
    while (i < end) {
      const uint64_t element = d.offset + static_cast<uint64_t>(i);
      const int64_t skip = static_cast<int64_t>(element & 3);
      MakePhiloxBlocks(d.stream.seed, d.stream.stream, d.stream.step, element >> 2, bits);
      if (skip == 0 && end - i >= kGroup) {
        for (int k = 0; k < kGroup; ++k) values[k] = x[i + k];
        for (int k = 0; k < kGroup; ++k) {
          values[k] = (bits[k] >> 8) < threshold ? 0.0f : values[k] * scale;
        }
        for (int k = 0; k < kGroup; ++k) y[i + k] = values[k];
        i += kGroup;
      } else {
        const int64_t n = end - i < kGroup - skip ? end - i : kGroup - skip;
        for (int64_t k = 0; k < n; ++k) {
          y[i + k] = (bits[skip + k] >> 8) < threshold ? 0.0f : x[i + k] * scale;
        }
        i += n;
      }
    }
  }
};

struct DropoutPlan {
  int64_t n;
  double rate;
  uint64_t stream;
  bool has_offset;

  explicit DropoutPlan(const KernelRequest& r)
      : n(r.inputs[0].shape.NumElements()),
        rate(r.attrs.At<double>("rate")),
        stream(static_cast<uint64_t>(r.attrs.At<int64_t>("stream"))),
        has_offset(r.inputs.size() > 3) {}

  Draw DrawOf(const KernelArgs& args) const {
    const auto number = [&](int i) { return static_cast<uint64_t>(*In<int64_t>(args, i)); };
    return {{number(1), stream, number(2)},
            has_offset ? number(3) : 0,
            ThresholdOf(rate),
            static_cast<float>(1 / (1 - rate))};
  }
};

template <typename T>
std::unique_ptr<Kernel> ReferenceDropout(const DropoutPlan& plan) {
  return MakeKernel([plan](const KernelArgs& args) {
    const Draw draw = plan.DrawOf(args);
    for (int64_t i = 0; i < plan.n; ++i) {
      const uint64_t element = draw.offset + static_cast<uint64_t>(i);
      const uint32_t bits = draw.stream.Block(element / 4)[element % 4];
      const bool dropped = static_cast<double>(UniformFloat(bits)) < plan.rate;
      const T kept = In<T>(args, 0)[i] * static_cast<T>(1 / (1 - plan.rate));
      Out<T>(args)[i] = dropped ? T{0} : kept;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  const DropoutPlan plan(r);
  if (r.inputs[0].dtype == DType::kF64) return ReferenceDropout<double>(plan);
  return ReferenceDropout<float>(plan);
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareSimd(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return std::unique_ptr<Kernel>();
  static const auto range = Simd<DropoutRange>::Select();
  return MakeKernel([plan = DropoutPlan(r)](const KernelArgs& args) {
    const Draw draw = plan.DrawOf(args);
    const float* x = In<float>(args, 0);
    float* y = Out<float>(args);
    ParallelForRange(plan.n, kGrain,
                     [&](int64_t begin, int64_t end) { range(draw, x, y, begin, end); });
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferDropout(const InferContext& c) {
  if (!IsFloating(c.inputs[0].dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "takes f32 or f64, but was given ", DTypeName(c.inputs[0].dtype), "; cast it first"));
  }
  const double rate = c.attrs.At<double>("rate");
  if (!(rate >= 0 && rate < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the rate is ", rate, "; it must be at least 0 and below 1"));
  }
  static constexpr const char* kNames[] = {"", "seed", "step", "offset"};
  for (size_t i = 1; i < c.inputs.size(); ++i) {
    if (c.inputs[i] != TensorSpec{DType::kI64, Shape{}}) {
      return absl::InvalidArgumentError(
          absl::StrCat("the ", kNames[i], " must be i64[], but is ", c.inputs[i].ToString()));
    }
  }
  return std::vector<TensorSpec>{c.inputs[0]};
}

absl::StatusOr<std::vector<Cotangent>> DropoutVjp(const VjpContext& c) {
  std::vector<Operand> operands(c.inputs.begin(), c.inputs.end());
  operands[0] = c.cotangents[0];
  std::vector<Cotangent> result(c.inputs.size(), Cotangent::Zero());
  result[0] = Apply1(DropoutOp(), operands, c.attrs);
  return result;
}

// A number given for a seed or a step, as the i64 scalar that it stands for.
Operand AsInteger(const Operand& x, const Operand& number) {
  if (!number.is_number || !x.var.valid()) return number;
  if (!(std::abs(number.number) <= 0x1p53) || number.number != std::floor(number.number)) {
    return Operand(FailAt(x, "dropout",
                          absl::StrCat("the seed and the step must be integers of at most 2^53, "
                                       "but one is ",
                                       number.number)));
  }
  return Operand(Constant(*x.var.builder,
                          Tensor::Scalar<int64_t>(static_cast<int64_t>(number.number)),
                          number.location));
}

}  // namespace

const OpDef& DropoutOp() {
  static const OpDef* const op = new OpDef{
      .name = "dropout",
      .min_inputs = 3,
      .max_inputs = 4,
      .attrs = {{"rate", AttrKind::kFloat}, {"stream", AttrKind::kInt}},
      .infer = InferDropout,
      .vjp = DropoutVjp,
      .kernels = {{"simd", PrepareSimd}, {"reference", PrepareReference}},
      .aliases = {{0, 0}},
  };
  return *op;
}

int64_t RandomStreamFor(absl::string_view path, int64_t ordinal) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (char c : path) add(static_cast<uint8_t>(c));
  add(0);
  for (int i = 0; i < 8; ++i) add(static_cast<uint8_t>(static_cast<uint64_t>(ordinal) >> (8 * i)));
  return static_cast<int64_t>(hash);
}

Var Dropout(Operand x, double rate, Operand seed, Operand step, const DropoutOptions& options) {
  if (!x.var.valid()) return x.var;
  Builder& builder = *x.var.builder;
  int64_t stream;
  if (options.stream.has_value()) {
    stream = *options.stream;
  } else {
    const std::string path = builder.ScopePath();
    stream = RandomStreamFor(path, builder.NextOrdinal(absl::StrCat("dropout:", path)));
  }
  if (rate == 0) return x.var;
  std::vector<Operand> operands = {x, AsInteger(x, seed), AsInteger(x, step)};
  if (options.offset.builder != nullptr) operands.push_back(Operand(options.offset, x.location));
  return Apply1(DropoutOp(), operands, {{"rate", rate}, {"stream", stream}});
}

}  // namespace adjoint::ops
