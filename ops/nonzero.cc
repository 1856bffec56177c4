#include "ops/nonzero.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/comparison.h"
#include "ops/elementwise.h"
#include "ops/fail.h"
#include "ops/indexing.h"
#include "ops/iota.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

// Calls found(flat) for each of n elements that is not 0 and returns how many there are.
template <typename T, typename Found>
int64_t ForNonZero(const T* x, int64_t n, Found found) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (x[i] == T{}) continue;
    found(count++, i);
  }
  return count;
}

// Writes the coordinates of element `flat` to a column of [rank, columns].
void WriteColumn(absl::Span<const int64_t> extents, int64_t flat, int64_t columns, int64_t column,
                 int64_t* indices) {
  for (size_t axis = extents.size(); axis-- > 0;) {
    indices[static_cast<int64_t>(axis) * columns + column] = flat % extents[axis];
    flat /= extents[axis];
  }
}

MaybeKernel PrepareNonZero(const KernelRequest& r) {
  const std::vector<int64_t> extents = r.inputs[0].shape.Extents();
  const int64_t n = r.inputs[0].shape.NumElements();
  const int64_t size = r.attrs.At<int64_t>("size"), fill = r.attrs.At<int64_t>("fill");
  return VisitDType(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T>) {
      return std::unique_ptr<Kernel>();
    } else {
      return MakeKernel([=](const KernelArgs& args) {
        int64_t* indices = Out<int64_t>(args, 0);
        const int64_t count = ForNonZero(In<T>(args, 0), n, [&](int64_t column, int64_t flat) {
          if (column < size) WriteColumn(extents, flat, size, column, indices);
        });
        for (size_t axis = 0; axis < extents.size(); ++axis) {
          int64_t* row = indices + static_cast<int64_t>(axis) * size;
          std::fill(row + std::min(count, size), row + size, fill);
        }
        *Out<int64_t>(args, 1) = count;
        return absl::OkStatus();
      });
    }
  });
}

// Rows of `width` elements in lexicographic order, equal ones by their place.
template <typename T>
struct RowBefore {
  const T* x;
  int64_t width;

  static int Compare(T a, T b) {
    const bool a_nan = a != a, b_nan = b != b;
    if (a_nan || b_nan) return static_cast<int>(a_nan) - static_cast<int>(b_nan);
    return static_cast<int>(b < a) - static_cast<int>(a < b);
  }
  int Rows(int64_t i, int64_t j) const {
    for (int64_t k = 0; k < width; ++k) {
      const int order = Compare(x[i * width + k], x[j * width + k]);
      if (order != 0) return order;
    }
    return 0;
  }
  bool operator()(int64_t i, int64_t j) const {
    const int order = Rows(i, j);
    return order != 0 ? order < 0 : i < j;
  }
};

// Finds the distinct ones of n rows. inverse[i] becomes the number of row i among them; the first
// `size` entries of `first` and `counts` where each comes first and how often. `order` has room for
// n numbers. Returns how many there are.
template <typename T>
int64_t FindUnique(const T* x, int64_t n, int64_t width, bool sorted, int64_t size, int64_t* order,
                   int64_t* first, int64_t* inverse, int64_t* counts) {
  const RowBefore<T> before{x, width};
  std::iota(order, order + n, 0);
  std::sort(order, order + n, before);
  int64_t found = 0;
  // Each row is given where its like comes first, or, when sorted, its number at once.
  for (int64_t i = 0; i < n; ++i) {
    const bool fresh = i == 0 || before.Rows(order[i - 1], order[i]) != 0;
    if (sorted) {
      found += fresh;
      inverse[order[i]] = found - 1;
    } else {
      inverse[order[i]] = fresh ? order[i] : inverse[order[i - 1]];
    }
  }
  if (!sorted) {
    for (int64_t i = 0; i < n; ++i) {
      order[i] = inverse[i] == i ? found++ : order[inverse[i]];
      inverse[i] = order[i];
    }
  }
  std::fill(first, first + size, 0);
  std::fill(counts, counts + size, 0);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t number = inverse[i];
    if (number >= size) continue;
    if (counts[number]++ == 0) first[number] = i;
  }
  return found;
}

MaybeKernel PrepareUnique(const KernelRequest& r) {
  const int64_t n = r.inputs[0].shape[0], size = r.attrs.At<int64_t>("size");
  const bool sorted = r.attrs.At<bool>("sorted");
  return VisitDType(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T>) {
      return std::unique_ptr<Kernel>();
    } else {
      return MakeKernel(
          [=](const KernelArgs& args) {
            *Out<int64_t>(args, 3) =
                FindUnique(In<T>(args, 0), n, 1, sorted, size, static_cast<int64_t*>(args.scratch),
                           Out<int64_t>(args, 0), Out<int64_t>(args, 1), Out<int64_t>(args, 2));
            return absl::OkStatus();
          },
          static_cast<size_t>(std::max<int64_t>(n, 1)) * sizeof(int64_t));
    }
  });
}

absl::Status CheckElements(DType dtype) {
  if (!IsHalf(dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("takes numbers or bool, but was given ", DTypeName(dtype), "; cast it first"));
}

absl::Status CheckSize(const Attrs& attrs) {
  const int64_t size = attrs.At<int64_t>("size");
  if (size >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the size is ", size, "; it must be at least 0"));
}

}  // namespace

const OpDef& NonZeroOp() {
  static const OpDef* const op = new OpDef{
      .name = "nonzero",
      .attrs = {{"fill", AttrKind::kInt}, {"size", AttrKind::kInt}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckElements(c.inputs[0].dtype));
        ADJOINT_RETURN_IF_ERROR(CheckSize(c.attrs));
        return std::vector<TensorSpec>{
            {DType::kI64, {c.inputs[0].shape.rank(), c.attrs.At<int64_t>("size")}},
            {DType::kI64, Shape{}}};
      },
      .vjp = ZeroCotangents,
      .kernels = {{"reference", PrepareNonZero}},
      .onnx_name = "NonZero",
  };
  return *op;
}

const OpDef& UniqueOp() {
  static const OpDef* const op = new OpDef{
      .name = "unique",
      .attrs = {{"size", AttrKind::kInt}, {"sorted", AttrKind::kBool}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckElements(c.inputs[0].dtype));
        ADJOINT_RETURN_IF_ERROR(CheckSize(c.attrs));
        if (c.inputs[0].shape.rank() != 1) {
          return absl::InvalidArgumentError(absl::StrCat("takes a vector, not a tensor of rank ",
                                                         c.inputs[0].shape.rank(), "; reshape it"));
        }
        const TensorSpec of_size{DType::kI64, {c.attrs.At<int64_t>("size")}};
        return std::vector<TensorSpec>{
            of_size, {DType::kI64, c.inputs[0].shape}, of_size, {DType::kI64, Shape{}}};
      },
      .vjp = ZeroCotangents,
      .kernels = {{"reference", PrepareUnique}},
      .onnx_name = "Unique",
  };
  return *op;
}

NonZeroResult NonZero(Operand x, int64_t size, int64_t fill) {
  const std::vector<Var> results = ApplyN(NonZeroOp(), {x}, {{"fill", fill}, {"size", size}});
  if (!results[0].valid()) return {results[0], results[0]};
  return {results[0], results[1]};
}

CompressResult Compress(Operand x, Operand mask, int64_t size, int64_t axis) {
  const Var invalid{x.var.builder, -1, 0};
  if (!x.var.valid() || !mask.var.valid()) return {invalid, invalid};
  const Shape& from = x.var.shape();
  const auto normal = NormalizeAxis(axis, from.rank());
  if (!normal.ok()) {
    const Var failed = FailAt(x, "compress", normal.status().message());
    return {failed, failed};
  }
  if (mask.var.dtype() != DType::kBool || mask.var.shape() != Shape{from.dim(*normal)}) {
    const Var failed =
        FailAt(x, "compress",
               absl::StrCat("the mask is ", mask.var.spec().ToString(), "; axis ", *normal,
                            " asks for bool[", from.dim(*normal).ToString(), "]"));
    return {failed, failed};
  }
  const auto [indices, count] = NonZero(mask, size, 0);
  if (!indices.valid()) return {indices, indices};
  Shape to = from;
  to.set_dim(*normal, size);
  if (from.dim(*normal) == Dim(0)) return {ZerosLike(x.var, to), count};
  Shape aligned{size};
  for (int k = *normal + 1; k < from.rank(); ++k) aligned.push_back(1);
  const Var found =
      Reshape(Less(Iota(*x.var.builder, {size}, 0, DType::kI64, x.location), count), aligned);
  const Var slices = Gather(x, Reshape(indices, {size}), *normal);
  return {Where(found, slices, ScalarLike(x.var, 0, x.location)), count};
}

UniqueResult Unique(Operand x, int64_t size, bool sorted, double fill) {
  const Var invalid{x.var.builder, -1, 0};
  if (!x.var.valid()) return {invalid, invalid, invalid, invalid, invalid};
  const Operand flat(Reshape(x, {-1}), x.location);
  const std::vector<Var> results = ApplyN(UniqueOp(), {flat}, {{"size", size}, {"sorted", sorted}});
  if (!results[0].valid()) return {invalid, invalid, invalid, invalid, invalid};
  const Var first = results[0], counts = results[2];
  const Var values =
      Where(Greater(counts, 0), Gather(flat, first), ScalarLike(x.var, fill, x.location));
  return {values, first, results[1], counts, results[3]};
}

absl::StatusOr<Tensor> NonZeroOf(const Tensor& x) {
  ADJOINT_RETURN_IF_ERROR(CheckElements(x.dtype()));
  return VisitDType(x.dtype(), [&](auto tag) -> absl::StatusOr<Tensor> {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T>) {
      return absl::InternalError("nonzero: a type that was refused");
    } else {
      const T* data = static_cast<const T*>(x.raw());
      const int64_t count = ForNonZero(data, x.size(), [](int64_t, int64_t) {});
      ADJOINT_ASSIGN_OR_RETURN(Tensor result,
                               Tensor::Allocate({DType::kI64, {x.shape().rank(), count}}));
      const std::vector<int64_t> extents = x.shape().Extents();
      int64_t* indices = static_cast<int64_t*>(result.mutable_raw());
      ForNonZero(data, x.size(), [&](int64_t column, int64_t i) {
        WriteColumn(extents, i, count, column, indices);
      });
      return result;
    }
  });
}

absl::StatusOr<UniqueTensors> UniqueOf(const Tensor& x, std::optional<int64_t> axis, bool sorted) {
  ADJOINT_RETURN_IF_ERROR(CheckElements(x.dtype()));
  // As [outer, n, inner], the slices along the middle.
  int64_t outer = 1, n = x.size(), inner = 1;
  int at = 0;
  if (axis.has_value()) {
    ADJOINT_ASSIGN_OR_RETURN(at, NormalizeAxis(*axis, x.shape().rank()));
    n = x.shape()[at];
    for (int k = 0; k < at; ++k) outer *= x.shape()[k];
    for (int k = at + 1; k < x.shape().rank(); ++k) inner *= x.shape()[k];
  }
  const int64_t width = outer * inner;
  // Each slice as a row.
  ADJOINT_ASSIGN_OR_RETURN(Tensor rows, Tensor::Allocate({x.dtype(), {n, width}}));
  const size_t item = DTypeSize(x.dtype());
  const auto* from = static_cast<const char*>(x.raw());
  auto* to = static_cast<char*>(rows.mutable_raw());
  const size_t run = static_cast<size_t>(inner) * item;
  for (int64_t i = 0; run > 0 && i < n; ++i) {
    for (int64_t o = 0; o < outer; ++o) {
      std::memcpy(to + static_cast<size_t>(i * outer + o) * run,
                  from + static_cast<size_t>(o * n + i) * run, run);
    }
  }
  UniqueTensors result;
  ADJOINT_ASSIGN_OR_RETURN(result.inverse, Tensor::Allocate({DType::kI64, {n}}));
  std::vector<int64_t> order(n), first(n), counts(n);
  int64_t found = 0;
  VisitDType(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_arithmetic_v<T>) {
      found = FindUnique(static_cast<const T*>(rows.raw()), n, width, sorted, n, order.data(),
                         first.data(), static_cast<int64_t*>(result.inverse.mutable_raw()),
                         counts.data());
    }
  });
  first.resize(found);
  counts.resize(found);
  result.first = Tensor::Vector<int64_t>(first);
  result.counts = Tensor::Vector<int64_t>(counts);
  Shape shape = axis.has_value() ? x.shape() : Shape{found};
  if (axis.has_value()) shape.set_dim(at, found);
  ADJOINT_ASSIGN_OR_RETURN(result.values, Tensor::Allocate({x.dtype(), shape}));
  auto* values = static_cast<char*>(result.values.mutable_raw());
  for (int64_t i = 0; run > 0 && i < found; ++i) {
    for (int64_t o = 0; o < outer; ++o) {
      std::memcpy(values + static_cast<size_t>(o * found + i) * run,
                  from + static_cast<size_t>(o * n + first[i]) * run, run);
    }
  }
  return result;
}

}  // namespace adjoint::ops
