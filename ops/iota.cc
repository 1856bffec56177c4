#include "ops/iota.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/cast.h"
#include "ops/comparison.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 16;

absl::StatusOr<std::unique_ptr<Kernel>> PrepareIota(const KernelRequest& r) {
  const Shape& shape = r.outputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(r.attrs.At<int64_t>("axis"), shape.rank()));
  const int64_t n = shape.NumElements(), extent = shape[axis];
  const int64_t inner = RowMajorStrides(shape.Extents())[axis];
  return VisitDType(r.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MakeKernel([n, extent, inner](const KernelArgs& args) {
      T* y = Out<T>(args);
      ParallelForRange(n / std::max<int64_t>(inner, 1), std::max<int64_t>(1, kGrain / (inner + 1)),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t row = begin; row < end; ++row) {
                           std::fill_n(y + row * inner, inner, static_cast<T>(row % extent));
                         }
                       });
      return absl::OkStatus();
    });
  });
}

Var Mistake(Builder& builder, absl::string_view function, absl::string_view rule,
            std::source_location at) {
  builder.Fail(absl::InvalidArgumentError(
      absl::StrCat(at.file_name(), ":", at.line(), ": ", function, ": ", rule)));
  return Var{&builder, -1, 0};
}

// A constant of n numbers, number(i) each.
template <typename Number>
Var Numbers(Builder& builder, absl::string_view function, int64_t n, DType dtype, Number number,
            std::source_location location) {
  absl::StatusOr<Tensor> tensor = Tensor::Allocate({dtype, {n}});
  if (!tensor.ok()) return Mistake(builder, function, tensor.status().message(), location);
  double lost = 0;
  const bool fits = VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    absl::Span<T> to = tensor->template mutable_data<T>();
    for (int64_t i = 0; i < n; ++i) {
      const double value = number(i);
      if constexpr (std::is_integral_v<T>) {
        constexpr double kEnd = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
        if (!(value >= static_cast<double>(std::numeric_limits<T>::lowest()) && value < kEnd)) {
          lost = value;
          return false;
        }
      }
      to[i] = static_cast<T>(value);
    }
    return true;
  });
  if (!fits) {
    return Mistake(builder, function,
                   absl::StrCat("type ", DTypeName(dtype), " cannot hold ", lost), location);
  }
  return Constant(builder, *std::move(tensor), location);
}

}  // namespace

const OpDef& IotaOp() {
  static const OpDef* const op = new OpDef{
      .name = "iota",
      .min_inputs = 0,
      .max_inputs = 0,
      .attrs = {{"axis", AttrKind::kInt}, {"dtype", AttrKind::kDType}, {"shape", AttrKind::kShape}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        const Shape& shape = c.attrs.At<Shape>("shape");
        ADJOINT_RETURN_IF_ERROR(NormalizeAxis(c.attrs.At<int64_t>("axis"), shape.rank()).status());
        const DType dtype = c.attrs.At<DType>("dtype");
        if (dtype == DType::kBool) {
          return absl::InvalidArgumentError("an index cannot be of type bool; ask for a number");
        }
        return std::vector<TensorSpec>{{dtype, shape}};
      },
      .vjp = [](const VjpContext&) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{};
      },
      .kernels = {{"reference", PrepareIota}},
  };
  return *op;
}

Var Iota(Builder& builder, const Shape& shape, int64_t axis, DType dtype,
         std::source_location location) {
  return builder.Apply(IotaOp(), {}, Attrs{{"axis", axis}, {"dtype", dtype}, {"shape", shape}},
                       location)[0];
}

Var Eye(Builder& builder, Dim rows, Dim columns, int64_t k, DType dtype,
        std::source_location location) {
  const Var i = Iota(builder, {rows, 1}, 0, DType::kI64, location);
  const Var j = Iota(builder, {1, columns}, 1, DType::kI64, location);
  const Var shift = Constant(builder, Tensor::Scalar<int64_t>(k), location);
  return Cast(Equal(Operand(Sub(j, shift), location), Operand(i, location)), dtype);
}

Var TriangleMask(Builder& builder, Dim rows, Dim columns, int64_t k,
                 std::source_location location) {
  const Var i = Iota(builder, {rows, 1}, 0, DType::kI64, location);
  const Var j = Iota(builder, {1, columns}, 1, DType::kI64, location);
  const Var shift = Constant(builder, Tensor::Scalar<int64_t>(k), location);
  return LessEqual(Operand(Sub(j, shift), location), Operand(i, location));
}

Var Range(Builder& builder, double start, double limit, double step, DType dtype,
          std::source_location location) {
  if (!std::isfinite(start) || !std::isfinite(limit) || !std::isfinite(step) || step == 0) {
    return Mistake(builder, "range",
                   absl::StrCat("start, limit and step are ", start, ", ", limit, " and ", step,
                                "; they must be finite and the step not 0"),
                   location);
  }
  const double n = std::max(0.0, std::ceil((limit - start) / step));
  if (n > 0x1p53) {
    return Mistake(builder, "range", absl::StrCat("it would have ", n, " elements"), location);
  }
  return Numbers(
      builder, "range", static_cast<int64_t>(n), dtype,
      [&](int64_t i) { return start + static_cast<double>(i) * step; }, location);
}

Var Linspace(Builder& builder, double start, double stop, int64_t n, DType dtype,
             std::source_location location) {
  if (!std::isfinite(start) || !std::isfinite(stop) || n < 0) {
    return Mistake(builder, "linspace",
                   absl::StrCat("start, stop and n are ", start, ", ", stop, " and ", n,
                                "; they must be finite and n at least 0"),
                   location);
  }
  return Numbers(
      builder, "linspace", n, dtype,
      [&](int64_t i) {
        // From both ends, so that both are met.
        const double share = n == 1 ? 0 : static_cast<double>(i) / static_cast<double>(n - 1);
        return (1 - share) * start + share * stop;
      },
      location);
}

}  // namespace adjoint::ops
