#include "ops/sort.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/elementwise.h"
#include "ops/fail.h"
#include "ops/scatter.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

constexpr int64_t kGrain = 1 << 13;  // elements a part, about: each is compared several times

// Rows of n elements, of which the first k in order are asked for.
struct Layout {
  int64_t rows = 1, n = 1, k = 1;
  bool descending = false;

  int64_t grain() const { return std::max<int64_t>(1, kGrain / std::max<int64_t>(n, 1)); }
};

Layout LayoutOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  const int last = shape.rank() - 1;
  Layout l;
  for (int axis = 0; axis < last; ++axis) l.rows *= shape[axis];
  l.n = shape[last];
  l.k = r.outputs[0].shape[last];
  l.descending =
      r.attrs.Has("largest") ? r.attrs.At<bool>("largest") : r.attrs.At<bool>("descending");
  return l;
}

// The order of two elements at different places; a total one.
template <typename T>
struct Before {
  const T* x;
  bool descending;

  bool operator()(int64_t i, int64_t j) const {
    const T a = x[i], b = x[j];
    const bool a_nan = a != a, b_nan = b != b;
    if (a_nan || b_nan) return a_nan == b_nan ? i < j : descending ? a_nan : b_nan;
    if (a == b) return i < j;
    return descending ? b < a : a < b;
  }
};

// A number that orders as x does, in 32 bits, for types that have as many at most.
inline uint32_t OrderedKey(float x) {
  if (x != x) return 0xffffffff;
  const float plain = x == 0 ? 0.0f : x;
  const uint32_t bits = __builtin_bit_cast(uint32_t, plain);
  return bits ^ (bits >> 31 != 0 ? 0xffffffff : 0x80000000);
}
inline uint32_t OrderedKey(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000; }

// The k least of n, in order, which `item(i)` makes; a heap of the k least so far, in `to`.
template <typename Item, typename Make, typename Less>
void Least(Item* to, int64_t n, int64_t k, Make item, Less less) {
  for (int64_t i = 0; i < k; ++i) to[i] = item(i);
  if (k == n) {
    std::sort(to, to + n, less);
    return;
  }
  if (k == 0) return;
  std::make_heap(to, to + k, less);
  for (int64_t i = k; i < n; ++i) {
    const Item next = item(i);
    if (!less(next, to[0])) continue;
    std::pop_heap(to, to + k, less);
    to[k - 1] = next;
    std::push_heap(to, to + k, less);
  }
  std::sort_heap(to, to + k, less);
}

// Keys and indices in one number, sorted where the results go.
template <typename T>
MaybeKernel MakePacked(const Layout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    const uint32_t flip = l.descending ? 0xffffffff : 0;
    ParallelForRange(l.rows, l.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* x = In<T>(args, 0) + row * l.n;
        uint64_t* to = Out<uint64_t>(args) + row * l.k;
        Least(
            to, l.n, l.k,
            [&](int64_t i) {
              using Wide = std::conditional_t<std::is_same_v<T, float>, float, int32_t>;
              const uint32_t key = OrderedKey(static_cast<Wide>(x[i])) ^ flip;
              return static_cast<uint64_t>(key) << 32 | static_cast<uint64_t>(i);
            },
            [](uint64_t a, uint64_t b) { return a < b; });
        for (int64_t i = 0; i < l.k; ++i) to[i] &= 0xffffffff;
      }
    });
    return absl::OkStatus();
  });
}

template <typename T>
MaybeKernel MakeIndexed(const Layout& l) {
  return MakeKernel([l](const KernelArgs& args) {
    ParallelForRange(l.rows, l.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        Least(
            Out<int64_t>(args) + row * l.k, l.n, l.k, [](int64_t i) { return i; },
            Before<T>{In<T>(args, 0) + row * l.n, l.descending});
      }
    });
    return absl::OkStatus();
  });
}

MaybeKernel PrepareHeap(const KernelRequest& r) {
  const Layout l = LayoutOf(r);
  if (l.n > std::numeric_limits<uint32_t>::max()) return std::unique_ptr<Kernel>();
  switch (r.inputs[0].dtype) {
    case DType::kF32:
      return MakePacked<float>(l);
    case DType::kI32:
      return MakePacked<int32_t>(l);
    case DType::kU8:
    case DType::kBool:
      return MakePacked<uint8_t>(l);
    case DType::kI8:
      return MakePacked<int8_t>(l);
    case DType::kF64:
      return MakeIndexed<double>(l);
    case DType::kI64:
      return MakeIndexed<int64_t>(l);
    default:
      return std::unique_ptr<Kernel>();
  }
}

// Sorts all indices of a row, then takes the first.
MaybeKernel PrepareReference(const KernelRequest& r) {
  const Layout l = LayoutOf(r);
  return VisitDType(r.inputs[0].dtype, [&](auto tag) -> MaybeKernel {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_arithmetic_v<T>) {
      return std::unique_ptr<Kernel>();
    } else {
      return MakeKernel(
          [l](const KernelArgs& args) {
            auto* order = static_cast<int64_t*>(args.scratch);
            for (int64_t row = 0; row < l.rows; ++row) {
              std::iota(order, order + l.n, 0);
              std::sort(order, order + l.n, Before<T>{In<T>(args, 0) + row * l.n, l.descending});
              std::copy(order, order + l.k, Out<int64_t>(args) + row * l.k);
            }
            return absl::OkStatus();
          },
          static_cast<size_t>(std::max<int64_t>(l.n, 1)) * sizeof(int64_t));
    }
  });
}

absl::Status CheckOrdered(const TensorSpec& x) {
  if (IsHalf(x.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("takes numbers or bool, but was given ",
                                                   DTypeName(x.dtype), "; cast it first"));
  }
  return NormalizeAxis(-1, x.shape.rank()).status();
}

absl::StatusOr<std::vector<TensorSpec>> InferTopK(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  ADJOINT_RETURN_IF_ERROR(CheckOrdered(x));
  const int64_t k = c.attrs.At<int64_t>("k");
  const int last = x.shape.rank() - 1;
  const Dim n = x.shape.dim(last);
  if (k < 0 || (n.is_known() && k > n.value())) {
    return absl::InvalidArgumentError(
        absl::StrCat("k is ", k, ", but the axis has ", n.ToString(), " elements"));
  }
  Shape shape = x.shape;
  shape.set_dim(last, k);
  return std::vector<TensorSpec>{{DType::kI64, std::move(shape)}};
}

// Applies `make` to x with `axis` moved to the end, and moves it back; the index of the axis is
// left as it is when there is no such axis, for the op to report.
template <typename Make>
Var AlongLast(Operand x, int64_t axis, Make make) {
  const int rank = x.var.shape().rank();
  const auto normal = NormalizeAxis(axis, rank);
  if (!normal.ok() || *normal == rank - 1) return make(x);
  std::vector<int64_t> order;
  for (int k = 0; k < rank; ++k) order.push_back(k);
  std::swap(order[*normal], order[rank - 1]);
  const Var result = make(Operand(Transpose(x, order), x.location));
  return result.valid() ? Transpose(result, order) : result;
}

// Whether x has the axis; tells the builder otherwise.
bool HasAxis(const Operand& x, int64_t axis, const char* function) {
  if (!x.var.valid()) return false;
  const auto normal = NormalizeAxis(axis, x.var.shape().rank());
  if (!normal.ok()) FailAt(x, function, normal.status().message());
  return normal.ok();
}

}  // namespace

const OpDef& ArgSortOp() {
  static const OpDef* const op = new OpDef{
      .name = "argsort",
      .attrs = {{"descending", AttrKind::kBool}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(CheckOrdered(c.inputs[0]));
        return std::vector<TensorSpec>{{DType::kI64, c.inputs[0].shape}};
      },
      .vjp = ZeroCotangents,
      .kernels = {{"rows", PrepareHeap}, {"reference", PrepareReference}},
  };
  return *op;
}

const OpDef& TopKIndicesOp() {
  static const OpDef* const op = new OpDef{
      .name = "top_k_indices",
      .attrs = {{"k", AttrKind::kInt}, {"largest", AttrKind::kBool}},
      .infer = InferTopK,
      .vjp = ZeroCotangents,
      .kernels = {{"rows", PrepareHeap}, {"reference", PrepareReference}},
      .onnx_name = "TopK",
  };
  return *op;
}

Var ArgSort(Operand x, int64_t axis, bool descending) {
  if (!HasAxis(x, axis, "argsort")) return Var{x.var.builder, -1, 0};
  return AlongLast(x, axis, [&](Operand moved) {
    return Apply1(ArgSortOp(), {moved}, {{"descending", descending}});
  });
}

Var Sort(Operand x, int64_t axis, bool descending) {
  if (!HasAxis(x, axis, "sort")) return Var{x.var.builder, -1, 0};
  return AlongLast(x, axis, [&](Operand moved) {
    return TakeAlongAxis(moved, ArgSort(moved, -1, descending), -1);
  });
}

TopKResult TopK(Operand x, int64_t k, int64_t axis, bool largest) {
  const Var invalid{x.var.builder, -1, 0};
  if (!HasAxis(x, axis, "top_k")) return {invalid, invalid};
  const Var indices = AlongLast(x, axis, [&](Operand moved) {
    return Apply1(TopKIndicesOp(), {moved}, {{"k", k}, {"largest", largest}});
  });
  if (!indices.valid()) return {invalid, invalid};
  return {TakeAlongAxis(x, indices, axis), indices};
}

}  // namespace adjoint::ops
