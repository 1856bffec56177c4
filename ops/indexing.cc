#include "ops/indexing.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/simd.h"
#include "core/status_macros.h"
#include "ops/index_check.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 16;  // elements a part, about
constexpr int kMaxStripes = 8;       // parts of the rows that a large scatter_add is cut into

// The shape of Gather(x, indices, axis).
Shape GatheredShape(const Shape& x, const Shape& indices, int axis) {
  Shape shape(x.dims().subspan(0, axis));
  for (Dim d : indices.dims()) shape.push_back(d);
  for (Dim d : x.dims().subspan(axis + 1)) shape.push_back(d);
  return shape;
}

// x as [outer, extent, inner]; count indices select along extent.
struct Rows {
  int64_t outer = 1, extent = 1, inner = 1, count = 0;
  Shape index_shape;
  int axis = 0;

  template <typename Index>
  absl::Status Check(absl::string_view op, const Index* indices) const {
    return CheckIndices(op, "index", indices, index_shape, count, extent,
                        absl::StrCat("axis ", axis, " of the operand"));
  }
};

absl::StatusOr<Rows> RowsOf(const TensorSpec& x, const TensorSpec& indices, const Attrs& attrs) {
  Rows rows;
  ADJOINT_ASSIGN_OR_RETURN(rows.axis, NormalizeAxis(attrs.At<int64_t>("axis"), x.shape.rank()));
  for (int k = 0; k < x.shape.rank(); ++k) {
    (k < rows.axis ? rows.outer : k == rows.axis ? rows.extent : rows.inner) *= x.shape[k];
  }
  rows.index_shape = indices.shape;
  rows.count = indices.shape.NumElements();
  return rows;
}

// Calls fn(TypeTag<int32_t>) or fn(TypeTag<int64_t>).
template <typename Fn>
decltype(auto) VisitIndexType(DType dtype, Fn&& fn) {
  if (dtype == DType::kI64) return fn(TypeTag<int64_t>{});
  return fn(TypeTag<int32_t>{});
}

using MaybeKernel = absl::StatusOr<std::unique_ptr<Kernel>>;

MaybeKernel PrepareReferenceGather(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Rows rows, RowsOf(r.inputs[0], r.inputs[1], r.attrs));
  return VisitWord(r.inputs[0].dtype, [&](auto value_tag) {
    return VisitIndexType(r.inputs[1].dtype, [&](auto index_tag) -> MaybeKernel {
      using T = typename decltype(value_tag)::type;
      using Index = typename decltype(index_tag)::type;
      return MakeKernel([rows](const KernelArgs& args) {
        const Index* indices = In<Index>(args, 1);
        ADJOINT_RETURN_IF_ERROR(rows.Check("gather", indices));
        const T* x = In<T>(args, 0);
        T* y = Out<T>(args);
        for (int64_t o = 0; o < rows.outer; ++o) {
          for (int64_t j = 0; j < rows.count; ++j) {
            for (int64_t i = 0; i < rows.inner; ++i) {
              *y++ = x[(o * rows.extent + indices[j]) * rows.inner + i];
            }
          }
        }
        return absl::OkStatus();
      });
    });
  });
}

// Copies rows of `bytes` bytes; kBytes is their number when it is known to the compiler, else 0.
template <typename Index, int64_t kBytes>
void GatherRows(const Rows& rows, const Index* indices, const char* x, char* y, int64_t bytes) {
  const int64_t row_bytes = kBytes > 0 ? kBytes : bytes;
  const int64_t grain = std::max<int64_t>(1, kGrain * 4 / row_bytes);
  ParallelForRange(rows.outer * rows.count, grain, [&](int64_t begin, int64_t end) {
    int64_t o = begin / rows.count, j = begin % rows.count;
    for (int64_t row = begin; row < end; ++row) {
      std::memcpy(y + row * row_bytes, x + (o * rows.extent + indices[j]) * row_bytes, row_bytes);
      if (++j == rows.count) j = 0, ++o;
    }
  });
}

MaybeKernel PrepareGatherRows(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Rows rows, RowsOf(r.inputs[0], r.inputs[1], r.attrs));
  const int64_t bytes = rows.inner * static_cast<int64_t>(DTypeSize(r.inputs[0].dtype));
  if (bytes == 0 || rows.outer * rows.count == 0) return std::unique_ptr<Kernel>();
  return VisitIndexType(r.inputs[1].dtype, [&](auto index_tag) -> MaybeKernel {
    using Index = typename decltype(index_tag)::type;
    auto copy = GatherRows<Index, 0>;
    if (bytes == 4) copy = GatherRows<Index, 4>;
    if (bytes == 8) copy = GatherRows<Index, 8>;
    if (bytes == 64) copy = GatherRows<Index, 64>;
    return MakeKernel([rows, bytes, copy](const KernelArgs& args) {
      const Index* indices = In<Index>(args, 1);
      ADJOINT_RETURN_IF_ERROR(rows.Check("gather", indices));
      copy(rows, indices, In<char>(args, 0), Out<char>(args), bytes);
      return absl::OkStatus();
    });
  });
}

void CopyBase(const KernelArgs& args, int64_t bytes) {
  if (args.inputs[0] != args.outputs[0] && bytes > 0) {
    std::memcpy(args.outputs[0], args.inputs[0], bytes);
  }
}

MaybeKernel PrepareReferenceScatterAdd(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(Rows rows, RowsOf(r.inputs[0], r.inputs[1], r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  // Integers are added as unsigned ones, modulo 2^n.
  const DType dtype = r.inputs[0].dtype;
  const auto visit = [&](auto fn) {
    return IsFloating(dtype) ? VisitFloating(dtype, fn) : VisitWord(dtype, fn);
  };
  return visit([&](auto value_tag) {
    return VisitIndexType(r.inputs[1].dtype, [&](auto index_tag) -> MaybeKernel {
      using T = typename decltype(value_tag)::type;
      using Index = typename decltype(index_tag)::type;
      return MakeKernel([rows, bytes](const KernelArgs& args) {
        const Index* indices = In<Index>(args, 1);
        ADJOINT_RETURN_IF_ERROR(rows.Check("scatter_add", indices));
        CopyBase(args, bytes);
        const T* updates = In<T>(args, 2);
        for (int64_t o = 0; o < rows.outer; ++o) {
          for (int64_t j = 0; j < rows.count; ++j) {
            for (int64_t i = 0; i < rows.inner; ++i) {
              Out<T>(args)[(o * rows.extent + indices[j]) * rows.inner + i] += *updates++;
            }
          }
        }
        return absl::OkStatus();
      });
    });
  });
}

// y[indices[j]] += updates[j] for the indices in first .. last-1, in order.
template <typename Index>
struct AddRows {
  static ADJOINT_INLINE void Run(const float* __restrict updates, const Index* __restrict indices,
                                 int64_t count, int64_t first, int64_t last, int64_t inner,
                                 float* __restrict y) {
    for (int64_t j = 0; j < count; ++j) {
      const int64_t row = indices[j];
      if (row < first || row >= last) continue;
      float* __restrict to = y + row * inner;
      const float* __restrict from = updates + j * inner;
      for (int64_t i = 0; i < inner; ++i) to[i] += from[i];
    }
  }
};

// Cut into stripes of rows by where they write: every element gets its updates in the order of j,
// so the bits do not depend on the number of stripes, which is that of the threads. Each stripe
// reads all indices, which pays where there is some work behind an index.
MaybeKernel PrepareSimdScatterAdd(const KernelRequest& r) {
  if (r.inputs[0].dtype != DType::kF32) return std::unique_ptr<Kernel>();
  ADJOINT_ASSIGN_OR_RETURN(Rows rows, RowsOf(r.inputs[0], r.inputs[1], r.attrs));
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  if (bytes == 0) return std::unique_ptr<Kernel>();
  const int64_t work = rows.count * rows.inner;
  const bool striped = rows.outer == 1 && work >= 2 * kGrain && rows.inner >= 64;
  const int64_t grain = striped ? 1 : std::max<int64_t>(1, kGrain / std::max<int64_t>(work, 1));
  return VisitIndexType(r.inputs[1].dtype, [&](auto index_tag) -> MaybeKernel {
    using Index = typename decltype(index_tag)::type;
    static const auto add_rows = Simd<AddRows<Index>>::Select();
    return MakeKernel([rows, bytes, striped, grain](const KernelArgs& args) {
      const Index* indices = In<Index>(args, 1);
      ADJOINT_RETURN_IF_ERROR(rows.Check("scatter_add", indices));
      CopyBase(args, bytes);
      const float* updates = In<float>(args, 2);
      float* y = Out<float>(args);
      const int64_t stripes = striped ? std::min(NumThreads(), kMaxStripes) : 1;
      const int64_t stripe = (rows.extent + stripes - 1) / stripes;
      ParallelForRange(rows.outer * stripes, grain, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) {
          const int64_t o = part / stripes, first = part % stripes * stripe;
          add_rows(updates + o * rows.count * rows.inner, indices, rows.count, first,
                   first + stripe, rows.inner, y + o * rows.extent * rows.inner);
        }
      });
      return absl::OkStatus();
    });
  });
}

MaybeKernel PrepareOneHot(const KernelRequest& r) {
  const Shape index_shape = r.inputs[0].shape;
  const int64_t count = index_shape.NumElements();
  const int64_t depth = r.attrs.At<int64_t>("depth");
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  // 1 as the type writes it.
  uint64_t one = 0;
  VisitDType(r.outputs[0].dtype, [&](auto tag) {
    const auto value = static_cast<typename decltype(tag)::type>(1);
    std::memcpy(&one, &value, sizeof(value));
  });
  return VisitWord(r.outputs[0].dtype, [&](auto value_tag) {
    return VisitIndexType(r.inputs[0].dtype, [&](auto index_tag) -> MaybeKernel {
      using T = typename decltype(value_tag)::type;
      using Index = typename decltype(index_tag)::type;
      return MakeKernel([=](const KernelArgs& args) {
        const Index* indices = In<Index>(args, 0);
        ADJOINT_RETURN_IF_ERROR(
            CheckIndices("one_hot", "index", indices, index_shape, count, depth, "the depth"));
        T* y = Out<T>(args);
        if (bytes > 0) std::memset(y, 0, bytes);
        for (int64_t j = 0; j < count; ++j) {
          y[j * depth + indices[j]] = static_cast<T>(one);
        }
        return absl::OkStatus();
      });
    });
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferGather(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", c.inputs[1]));
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), x.shape.rank()));
  return std::vector<TensorSpec>{{x.dtype, GatheredShape(x.shape, c.inputs[1].shape, axis)}};
}

absl::StatusOr<std::vector<TensorSpec>> InferScatterAdd(const InferContext& c) {
  const TensorSpec& base = c.inputs[0];
  const TensorSpec& updates = c.inputs[2];
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", c.inputs[1]));
  if (!IsFloating(base.dtype) && !IsInteger(base.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("takes f32, f64 or an integer type, but was given ", DTypeName(base.dtype),
                     "; cast it first"));
  }
  if (updates.dtype != base.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("element types differ: base has ",
                                                   DTypeName(base.dtype), ", updates have ",
                                                   DTypeName(updates.dtype)));
  }
  ADJOINT_ASSIGN_OR_RETURN(int axis, NormalizeAxis(c.attrs.At<int64_t>("axis"), base.shape.rank()));
  const Shape want = GatheredShape(base.shape, c.inputs[1].shape, axis);
  if (updates.shape != want) {
    return absl::InvalidArgumentError(absl::StrCat("updates have shape ", updates.shape.ToString(),
                                                   ", base and indices ask for ", want.ToString()));
  }
  return std::vector<TensorSpec>{base};
}

absl::StatusOr<std::vector<TensorSpec>> InferOneHot(const InferContext& c) {
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("indices", c.inputs[0]));
  const int64_t depth = c.attrs.At<int64_t>("depth");
  if (depth < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the depth is ", depth, "; it must be at least 0"));
  }
  Shape shape = c.inputs[0].shape;
  shape.push_back(depth);
  return std::vector<TensorSpec>{{c.attrs.At<DType>("dtype"), std::move(shape)}};
}

int64_t Normal(int64_t axis, const Operand& x) {
  const auto normal = NormalizeAxis(axis, x.var.shape().rank());
  return normal.ok() ? *normal : axis;
}

}  // namespace

const OpDef& GatherOp() {
  static const OpDef* const op = new OpDef{
      .name = "gather",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"axis", AttrKind::kInt}},
      .infer = InferGather,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var g = c.cotangents[0];
        return std::vector<Cotangent>{ScatterAdd(ZerosLike(g, c.inputs[0].shape()), c.inputs[1], g,
                                                 c.attrs.At<int64_t>("axis")),
                                      Cotangent::Zero()};
      },
      .kernels = {{"rows", PrepareGatherRows}, {"reference", PrepareReferenceGather}},
      .onnx_name = "Gather",
  };
  return *op;
}

const OpDef& ScatterAddOp() {
  static const OpDef* const op = new OpDef{
      .name = "scatter_add",
      .min_inputs = 3,
      .max_inputs = 3,
      .attrs = {{"axis", AttrKind::kInt}},
      .infer = InferScatterAdd,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        const Var g = c.cotangents[0];
        return std::vector<Cotangent>{
            g, Cotangent::Zero(),
            c.needs[2] ? Cotangent(Gather(g, c.inputs[1], c.attrs.At<int64_t>("axis")))
                       : Cotangent::Zero()};
      },
      .kernels = {{"simd", PrepareSimdScatterAdd}, {"reference", PrepareReferenceScatterAdd}},
      .aliases = {{0, 0}},
  };
  return *op;
}

const OpDef& OneHotOp() {
  static const OpDef* const op = new OpDef{
      .name = "one_hot",
      .attrs = {{"depth", AttrKind::kInt}, {"dtype", AttrKind::kDType}},
      .infer = InferOneHot,
      .vjp = [](const VjpContext&) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{Cotangent::Zero()};
      },
      .kernels = {{"reference", PrepareOneHot}},
      .onnx_name = "OneHot",
  };
  return *op;
}

Var Gather(Operand x, Operand indices, int64_t axis) {
  return Apply1(GatherOp(), {x, indices}, {{"axis", Normal(axis, x)}});
}

Var ScatterAdd(Operand base, Operand indices, Operand updates, int64_t axis) {
  return Apply1(ScatterAddOp(), {base, indices, updates}, {{"axis", Normal(axis, base)}});
}

Var OneHot(Operand indices, int64_t depth, DType dtype) {
  return Apply1(OneHotOp(), {indices}, {{"depth", depth}, {"dtype", dtype}});
}

}  // namespace adjoint::ops
