#include "ops/draws.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "core/vec_math.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"
#include "ops/fail.h"
#include "ops/philox_blocks.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 14;
constexpr int64_t kMaxParts = 16;  // pieces of the rows of random_categorical, each with scratch

// Where the words of a run come from.
struct Source {
  RandomStream stream;
  uint64_t offset = 0;

  uint32_t High(int64_t element) const { return Word(stream, element); }
  uint32_t Low(int64_t element) const {
    return Word({stream.seed, ~stream.stream, stream.step}, element);
  }
  uint64_t Both(int64_t element) const { return (uint64_t{High(element)} << 32) | Low(element); }

 private:
  uint32_t Word(const RandomStream& s, int64_t element) const {
    const uint64_t e = offset + static_cast<uint64_t>(element);
    return s.Block(e / 4)[e % 4];
  }
};

// Reads a run's source; seed, step and, where given, offset are the inputs from `first` on.
class SourceReader {
 public:
  SourceReader(const KernelRequest& r, int first)
      : stream_(static_cast<uint64_t>(r.attrs.At<int64_t>("stream"))),
        first_(first),
        has_offset_(static_cast<int>(r.inputs.size()) > first + 2) {}

  Source Read(const KernelArgs& args) const {
    const auto number = [&](int i) {
      return static_cast<uint64_t>(*In<int64_t>(args, first_ + i));
    };
    return {{number(0), stream_, number(1)}, has_offset_ ? number(2) : 0};
  }

 private:
  uint64_t stream_;
  int first_;
  bool has_offset_;
};

// Quantiles of the normal distribution ------------------------------------------------------------

// c[0] + c[1] x + ...
template <size_t n>
double Polynomial(const double (&c)[n], double x) {
  double y = 0;
  for (size_t i = n; i-- > 0;) y = y * x + c[i];
  return y;
}

// The number that a share 0.5 + q of the standard normal distribution lies below, |q| < 0.5.
// Wichura's PPND16.
double NormalQuantile(double q) {
  static constexpr double kA[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                  1.9715909503065514427e3, 1.3731693765509461125e4,
                                  4.5921953931549871457e4, 6.7265770927008700853e4,
                                  3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double kB[] = {1.0,
                                  4.2313330701600911252e1,
                                  6.8718700749205790830e2,
                                  5.3941960214247511077e3,
                                  2.1213794301586595867e4,
                                  3.9307895800092710610e4,
                                  2.8729085735721942674e4,
                                  5.2264952788528545610e3};
  static constexpr double kC[] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                  5.76949722146069140550e0,  3.64784832476320460504e0,
                                  1.27045825245236838258e0,  2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double kD[] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
  static constexpr double kE[] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                  1.78482653991729133580e0,  2.96560571828504891230e-1,
                                  2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                  2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double kF[] = {1.0,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q * Polynomial(kA, r) / Polynomial(kB, r);
  }
  const double r = std::sqrt(-std::log(0.5 - std::abs(q)));
  const double x = r <= 5 ? Polynomial(kC, r - 1.6) / Polynomial(kD, r - 1.6)
                          : Polynomial(kE, r - 5) / Polynomial(kF, r - 5);
  return q < 0 ? -x : x;
}

// The same in f32, for tails of at least e^-25: Wichura's PPND7.
ADJOINT_INLINE float NormalQuantileF32(float q) {
  const float c = 0.180625f - q * q;
  const float middle =
      q * (((59.109374720f * c + 159.29113202f) * c + 50.434271938f) * c + 3.3871327179f) /
      (((67.187563600f * c + 78.757757664f) * c + 17.895169469f) * c + 1.0f);
  const float size = q < 0 ? -q : q;
  const float r = vec::Sqrt(-vec::Log(0.5f - size)) - 1.6f;
  const float tail =
      (((0.17023821103f * r + 1.3067284816f) * r + 2.7568153900f) * r + 1.4234372777f) /
      ((0.12021132975f * r + 0.73700164250f) * r + 1.0f);
  return size <= 0.425f ? middle : q < 0 ? -tail : tail;
}

// 0.5 + CenteredF32(bits) is the middle of the cell that 24 bits name, without rounding.
ADJOINT_INLINE float CenteredF32(uint32_t bits) {
  return (static_cast<float>(static_cast<int32_t>(bits >> 8) - (1 << 23)) + 0.5f) * 0x1p-24f;
}
double CenteredF64(uint64_t bits) {
  return (static_cast<double>(static_cast<int64_t>(bits >> 11) - (int64_t{1} << 52)) + 0.5) *
         0x1p-53;
}

// The share of the distribution within +-bound; all of it for a bound of 0.
double ShareWithin(double bound) { return bound == 0 ? 1.0 : std::erf(bound / std::sqrt(2.0)); }

// Kernels
// -------------------------------------------------------------------------------------------

struct UniformOf {
  static ADJOINT_INLINE float Of(uint32_t bits, float) {
    return static_cast<float>(static_cast<int32_t>(bits >> 8)) * 0x1p-24f;
  }
};
struct NormalOf {
  static ADJOINT_INLINE float Of(uint32_t bits, float share) {
    return NormalQuantileF32(CenteredF32(bits) * share);
  }
};

// y[i] = F::Of(word of element i, parameter) for begin <= i < end.
template <class F>
struct DrawRange {
  static ADJOINT_INLINE void Run(const Source& source, float parameter, float* y, int64_t begin,
                                 int64_t end) {
    uint32_t bits[kPhiloxGroup];
    float values[kPhiloxGroup];
    int64_t i = begin;
    while (i < end) {
      const uint64_t element = source.offset + static_cast<uint64_t>(i);
      const int64_t skip = static_cast<int64_t>(element & 3);
      MakePhiloxBlocks(source.stream.seed, source.stream.stream, source.stream.step, element >> 2,
                       bits);
      for (int k = 0; k < kPhiloxGroup; ++k) values[k] = F::Of(bits[k], parameter);
      const int64_t n = end - i < kPhiloxGroup - skip ? end - i : kPhiloxGroup - skip;
      for (int64_t k = 0; k < n; ++k) y[i + k] = values[skip + k];
      i += n;
    }
  }
};

template <class F>
std::unique_ptr<Kernel> SimdDraw(const KernelRequest& r, float parameter) {
  if (r.outputs[0].dtype != DType::kF32) return nullptr;
  static const auto range = Simd<DrawRange<F>>::Select();
  return MakeKernel([reader = SourceReader(r, 0), n = r.outputs[0].shape.NumElements(),
                     parameter](const KernelArgs& args) {
    const Source source = reader.Read(args);
    float* y = Out<float>(args);
    ParallelForRange(n, kGrain,
                     [&](int64_t begin, int64_t end) { range(source, parameter, y, begin, end); });
    return absl::OkStatus();
  });
}

// fn(source, element) -> a number of type T, for each element.
template <typename T, typename Fn>
std::unique_ptr<Kernel> PlainDraw(const KernelRequest& r, Fn fn) {
  return MakeKernel([reader = SourceReader(r, 0), n = r.outputs[0].shape.NumElements(),
                     fn](const KernelArgs& args) {
    const Source source = reader.Read(args);
    T* y = Out<T>(args);
    ParallelForRange(n, kGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = fn(source, i);
    });
    return absl::OkStatus();
  });
}

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

MaybeKernel PrepareUniform(const KernelRequest& r) {
  if (r.outputs[0].dtype == DType::kF32) {
    return PlainDraw<float>(r, [](const Source& s, int64_t e) { return UniformFloat(s.High(e)); });
  }
  return PlainDraw<double>(
      r, [](const Source& s, int64_t e) { return UniformDouble(s.High(e), s.Low(e)); });
}

MaybeKernel PrepareNormal(const KernelRequest& r) {
  const double share = ShareWithin(r.attrs.At<double>("bound"));
  if (r.outputs[0].dtype == DType::kF32) {
    return PlainDraw<float>(r, [share](const Source& s, int64_t e) {
      return static_cast<float>(
          NormalQuantile(static_cast<double>(CenteredF32(s.High(e))) * share));
    });
  }
  return PlainDraw<double>(r, [share](const Source& s, int64_t e) {
    return NormalQuantile(CenteredF64(s.Both(e)) * share);
  });
}

template <typename T>
std::unique_ptr<Kernel> IntegerKernel(const KernelRequest& r) {
  const uint64_t low = static_cast<uint64_t>(r.attrs.At<int64_t>("low"));
  const uint64_t count = static_cast<uint64_t>(r.attrs.At<int64_t>("high")) - low;
  return PlainDraw<T>(r, [low, count](const Source& s, int64_t e) {
    const auto product = static_cast<unsigned __int128>(s.Both(e)) * count;
    return static_cast<T>(low + static_cast<uint64_t>(product >> 64));
  });
}

MaybeKernel PrepareIntegers(const KernelRequest& r) {
  return r.outputs[0].dtype == DType::kI32 ? IntegerKernel<int32_t>(r) : IntegerKernel<int64_t>(r);
}

// Durstenfeld's shuffle: Knuth, "The Art of Computer Programming" 2, algorithm P.
template <typename T>
std::unique_ptr<Kernel> PermutationKernel(const KernelRequest& r) {
  return MakeKernel(
      [reader = SourceReader(r, 0), n = r.outputs[0].shape.NumElements()](const KernelArgs& args) {
        PhiloxEngine random(reader.Read(args).stream);
        T* y = Out<T>(args);
        for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(i);
        for (int64_t i = n - 1; i > 0; --i) {
          std::swap(y[i], y[random.Below(static_cast<uint32_t>(i + 1))]);
        }
        return absl::OkStatus();
      });
}

MaybeKernel PreparePermutation(const KernelRequest& r) {
  return r.outputs[0].dtype == DType::kI32 ? PermutationKernel<int32_t>(r)
                                           : PermutationKernel<int64_t>(r);
}

// One row: running sums of the weights in `sums`, then a search for each sample.
template <typename T, typename Index>
absl::Status DrawRow(const T* logits, int64_t classes, const Source& source, int64_t row,
                     int64_t samples, double* sums, Index* y) {
  double max = -std::numeric_limits<double>::infinity(), total = 0;
  for (int64_t k = 0; k < classes; ++k) max = std::max(max, static_cast<double>(logits[k]));
  int64_t last = -1;
  for (int64_t k = 0; k < classes; ++k) {
    const double weight = std::exp(static_cast<double>(logits[k]) - max);
    if (weight > 0) last = k;
    sums[k] = total += weight;
  }
  if (!(total > 0 && std::isfinite(total))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "random_categorical: row ", row, " of the logits gives no class a finite probability"));
  }
  for (int64_t j = 0; j < samples; ++j) {
    const int64_t e = row * samples + j;
    const double u = UniformDouble(source.High(e), source.Low(e)) * total;
    const int64_t k = std::upper_bound(sums, sums + classes, u) - sums;
    y[j] = static_cast<Index>(std::min(k, last));  // u may round up to the total
  }
  return absl::OkStatus();
}

template <typename T, typename Index>
std::unique_ptr<Kernel> CategoricalKernel(const KernelRequest& r) {
  const int rank = r.inputs[0].shape.rank();
  const int64_t classes = r.inputs[0].shape[rank - 1], samples = r.outputs[0].shape[rank - 1];
  const int64_t rows = Shape(r.inputs[0].shape.dims().subspan(0, rank - 1)).NumElements();
  const int64_t parts = std::clamp<int64_t>(rows, 1, kMaxParts);
  return MakeKernel(
      [=, reader = SourceReader(r, 1)](const KernelArgs& args) {
        if (samples == 0) return absl::OkStatus();
        const Source source = reader.Read(args);
        absl::Status status[kMaxParts];
        const auto run = [&](int64_t part) {
          double* sums = static_cast<double*>(args.scratch) + part * classes;
          for (int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) {
            status[part] = DrawRow(In<T>(args, 0) + row * classes, classes, source, row, samples,
                                   sums, Out<Index>(args) + row * samples);
            if (!status[part].ok()) return;
          }
        };
        if (rows * (classes + samples) < kGrain) {
          for (int64_t part = 0; part < parts; ++part) run(part);
        } else {
          ParallelFor(parts, run);
        }
        for (const absl::Status& s : status) {
          if (!s.ok()) return s;
        }
        return absl::OkStatus();
      },
      static_cast<size_t>(parts * classes) * sizeof(double));
}

MaybeKernel PrepareCategorical(const KernelRequest& r) {
  const bool narrow = r.outputs[0].dtype == DType::kI32;
  if (r.inputs[0].dtype == DType::kF64) {
    return narrow ? CategoricalKernel<double, int32_t>(r) : CategoricalKernel<double, int64_t>(r);
  }
  return narrow ? CategoricalKernel<float, int32_t>(r) : CategoricalKernel<float, int64_t>(r);
}

// Shape rules
// ---------------------------------------------------------------------------------------

absl::Status CheckScalars(const InferContext& c, size_t first) {
  static constexpr const char* kNames[] = {"seed", "step", "offset"};
  for (size_t i = first; i < c.inputs.size(); ++i) {
    if (c.inputs[i] != TensorSpec{DType::kI64, Shape{}}) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the ", kNames[i - first], " must be i64[], but is ", c.inputs[i].ToString()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorSpec>> FloatDraw(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(CheckScalars(c, 0));
  const DType dtype = c.attrs.At<DType>("dtype");
  if (dtype != DType::kF32 && dtype != DType::kF64) {
    return absl::InvalidArgumentError(absl::StrCat("draws f32 or f64, but was asked for ",
                                                   DTypeName(dtype), "; cast the result"));
  }
  return std::vector<TensorSpec>{{dtype, c.attrs.At<Shape>("shape")}};
}

absl::Status CheckIntegerType(DType dtype) {
  if (dtype == DType::kI32 || dtype == DType::kI64) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("draws i32 or i64, but was asked for ", DTypeName(dtype), "; cast the result"));
}

absl::StatusOr<std::vector<TensorSpec>> InferIntegers(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(CheckScalars(c, 0));
  const DType dtype = c.attrs.At<DType>("dtype");
  ADJOINT_RETURN_IF_ERROR(CheckIntegerType(dtype));
  const int64_t low = c.attrs.At<int64_t>("low"), high = c.attrs.At<int64_t>("high");
  if (low >= high) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are no integers from ", low, " to below ", high));
  }
  if (dtype == DType::kI32 && (low < INT32_MIN || high > int64_t{INT32_MAX} + 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("integers from ", low, " to below ", high, " do not fit the type i32"));
  }
  return std::vector<TensorSpec>{{dtype, c.attrs.At<Shape>("shape")}};
}

absl::StatusOr<std::vector<TensorSpec>> InferCategorical(const InferContext& c) {
  const TensorSpec& logits = c.inputs[0];
  ADJOINT_RETURN_IF_ERROR(CheckScalars(c, 1));
  ADJOINT_RETURN_IF_ERROR(CheckIntegerType(c.attrs.At<DType>("dtype")));
  if (logits.dtype != DType::kF32 && logits.dtype != DType::kF64) {
    return absl::InvalidArgumentError(
        absl::StrCat("logits must be f32 or f64, but are ", DTypeName(logits.dtype)));
  }
  const int64_t samples = c.attrs.At<int64_t>("samples");
  const int rank = logits.shape.rank();
  if (rank == 0 || logits.shape.dim(rank - 1) == Dim(0) || samples < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot draw ", samples, " samples from logits of shape ",
                     logits.shape.ToString(), ", whose last axis is the classes"));
  }
  Shape shape(logits.shape.dims().subspan(0, rank - 1));
  shape.push_back(samples);
  return std::vector<TensorSpec>{{c.attrs.At<DType>("dtype"), std::move(shape)}};
}

absl::StatusOr<std::vector<Cotangent>> NoGradient(const VjpContext& c) {
  return std::vector<Cotangent>(c.inputs.size(), Cotangent::Zero());
}

// Op functions
// --------------------------------------------------------------------------------------

// The var among the operands whose builder is the draw's; false after no var was found.
const Operand* Anchor(std::initializer_list<const Operand*> operands) {
  for (const Operand* x : operands) {
    if (!x->is_number) return x;
  }
  return nullptr;
}

// A number given for a seed or a step, as the i64 scalar that it stands for.
Operand AsInteger(const Operand& anchor, const Operand& number) {
  if (!number.is_number || !anchor.var.valid()) return number;
  if (!(std::abs(number.number) <= 0x1p53) || number.number != std::floor(number.number)) {
    return Operand(FailAt(anchor, "random",
                          absl::StrCat("the seed and the step must be integers of at most 2^53, "
                                       "but one is ",
                                       number.number)));
  }
  return Operand(
      Constant(*anchor.var.builder, Tensor::Scalar<int64_t>(static_cast<int64_t>(number.number)),
               number.location),
      number.location);
}

// Applies a draw to its first operands, if any, and seed, step and offset.
Var Draw(const OpDef& op, std::vector<Operand> operands, const Operand& seed, const Operand& step,
         const DrawOptions& options, Attrs attrs) {
  const Operand* anchor = operands.empty() ? Anchor({&seed, &step}) : &operands[0];
  if (anchor == nullptr || anchor->var.builder == nullptr) return Var{};
  if (!anchor->var.valid()) return anchor->var;
  Builder& builder = *anchor->var.builder;
  const std::string path = builder.ScopePath();
  attrs.Set("stream", options.stream.has_value()
                          ? *options.stream
                          : RandomStreamFor(absl::StrCat(path, "#draw"),
                                            builder.NextOrdinal(absl::StrCat("draw:", path))));
  attrs.Set("dtype", options.dtype);
  const Operand place = *anchor;
  operands.push_back(AsInteger(place, seed));
  operands.push_back(AsInteger(place, step));
  if (options.offset.builder != nullptr) {
    operands.push_back(Operand(options.offset, place.location));
  }
  return Apply1(op, operands, std::move(attrs));
}

// shift + scale * x.
Var Affine(Var x, double scale, double shift, const Operand& place) {
  if (!x.valid()) return x;
  const Operand at(x, place.location);
  const Var scaled = scale == 1 ? x : Mul(at, Operand(scale, place.location));
  return shift == 0 ? scaled : Add(Operand(scaled, place.location), Operand(shift, place.location));
}

Var Normal(const Shape& shape, const Operand& seed, const Operand& step, double mean,
           double deviation, double bound, const DrawOptions& options) {
  const Var x =
      Draw(RandomNormalOp(), {}, seed, step, options, Attrs{{"bound", bound}, {"shape", shape}});
  return Affine(x, deviation, mean, seed);
}

std::vector<AttrDecl> WithStream(std::vector<AttrDecl> attrs) {
  attrs.push_back({"dtype", AttrKind::kDType});
  attrs.push_back({"stream", AttrKind::kInt});
  return attrs;
}

}  // namespace

const OpDef& RandomUniformOp() {
  static const OpDef* const op = new OpDef{
      .name = "random_uniform",
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = WithStream({{"shape", AttrKind::kShape}}),
      .infer = FloatDraw,
      .vjp = NoGradient,
      .kernels = {{"simd",
                   [](const KernelRequest& r) -> MaybeKernel { return SimdDraw<UniformOf>(r, 0); }},
                  {"reference", PrepareUniform}},
      .onnx_name = "RandomUniform",
  };
  return *op;
}

const OpDef& RandomNormalOp() {
  static const OpDef* const op = new OpDef{
      .name = "random_normal",
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = WithStream({{"bound", AttrKind::kFloat}, {"shape", AttrKind::kShape}}),
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        const double bound = c.attrs.At<double>("bound");
        if (!(bound >= 0) || std::isinf(bound)) {
          return absl::InvalidArgumentError(
              absl::StrCat("the bound is ", bound, "; it must be a number above 0"));
        }
        return FloatDraw(c);
      },
      .vjp = NoGradient,
      .kernels = {{"simd",
                   [](const KernelRequest& r) -> MaybeKernel {
                     return SimdDraw<NormalOf>(
                         r, static_cast<float>(ShareWithin(r.attrs.At<double>("bound"))));
                   }},
                  {"reference", PrepareNormal}},
      .onnx_name = "RandomNormal",
  };
  return *op;
}

const OpDef& RandomIntegersOp() {
  static const OpDef* const op = new OpDef{
      .name = "random_integers",
      .min_inputs = 2,
      .max_inputs = 3,
      .attrs = WithStream(
          {{"high", AttrKind::kInt}, {"low", AttrKind::kInt}, {"shape", AttrKind::kShape}}),
      .infer = InferIntegers,
      .vjp = NoGradient,
      .kernels = {{"reference", PrepareIntegers}},
  };
  return *op;
}

const OpDef& RandomPermutationOp() {
  static const OpDef* const op = new OpDef{
      .name = "random_permutation",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = WithStream({{"n", AttrKind::kInt}}),
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckScalars(c, 0));
        ADJOINT_RETURN_IF_ERROR(CheckIntegerType(c.attrs.At<DType>("dtype")));
        const int64_t n = c.attrs.At<int64_t>("n");
        if (n < 0 || n > INT32_MAX) {
          return absl::InvalidArgumentError(absl::StrCat("n is ", n, "; it must be 0 to 2^31 - 1"));
        }
        return std::vector<TensorSpec>{{c.attrs.At<DType>("dtype"), {n}}};
      },
      .vjp = NoGradient,
      .kernels = {{"reference", PreparePermutation}},
  };
  return *op;
}

const OpDef& RandomCategoricalOp() {
  static const OpDef* const op = new OpDef{
      .name = "random_categorical",
      .min_inputs = 3,
      .max_inputs = 4,
      .attrs = WithStream({{"samples", AttrKind::kInt}}),
      .infer = InferCategorical,
      .vjp = NoGradient,
      .kernels = {{"reference", PrepareCategorical}},
      .onnx_name = "Multinomial",
  };
  return *op;
}

Var RandomUniform(const Shape& shape, Operand seed, Operand step, double low, double high,
                  const DrawOptions& options) {
  const Var u = Draw(RandomUniformOp(), {}, seed, step, options, Attrs{{"shape", shape}});
  if (!u.valid()) return u;
  if (!(std::isfinite(low) && std::isfinite(high) && low <= high)) {
    return FailAt(
        Operand(u, seed.location), "random_uniform",
        absl::StrCat("the bounds are ", low, " and ", high, "; they must be finite and in order"));
  }
  // Rounding may give the upper bound itself, which is then left out.
  const Var x = Affine(u, high - low, low, seed);
  if ((low == 0 && high == 1) || low == high) return x;
  const double below =
      options.dtype == DType::kF64
          ? std::nextafter(high, low)
          : static_cast<double>(std::nextafter(static_cast<float>(high), static_cast<float>(low)));
  return Minimum(Operand(x, seed.location), Operand(below, seed.location));
}

Var RandomNormal(const Shape& shape, Operand seed, Operand step, double mean, double deviation,
                 const DrawOptions& options) {
  return Normal(shape, seed, step, mean, deviation, 0, options);
}

Var RandomTruncatedNormal(const Shape& shape, Operand seed, Operand step, double mean,
                          double deviation, double bound, const DrawOptions& options) {
  // The attribute's 0 is "none"; as an argument it is a mistake.
  return Normal(shape, seed, step, mean, deviation, bound > 0 ? bound : -1, options);
}

Var RandomBernoulli(Operand p, Operand seed, Operand step, const DrawOptions& options) {
  if (!p.var.valid()) return p.var;
  DrawOptions draw = options;
  draw.dtype = p.var.dtype();
  const Operand* anchor = Anchor({&seed, &step});
  const Operand first = anchor == nullptr ? AsInteger(p, seed) : seed;
  const Var u = Draw(RandomUniformOp(), {}, first, step, draw, Attrs{{"shape", p.var.shape()}});
  return Cast(Operand(Less(Operand(u, p.location), p), p.location), options.dtype);
}

Var RandomIntegers(const Shape& shape, int64_t low, int64_t high, Operand seed, Operand step,
                   const DrawOptions& options) {
  return Draw(RandomIntegersOp(), {}, seed, step, options,
              Attrs{{"high", high}, {"low", low}, {"shape", shape}});
}

Var RandomPermutation(int64_t n, Operand seed, Operand step, const DrawOptions& options) {
  return Draw(RandomPermutationOp(), {}, seed, step, options, Attrs{{"n", n}});
}

Var RandomCategorical(Operand logits, int64_t samples, Operand seed, Operand step,
                      const DrawOptions& options) {
  return Draw(RandomCategoricalOp(), {logits}, seed, step, options, Attrs{{"samples", samples}});
}

}  // namespace adjoint::ops
