#include "ops/csr.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/builder.h"
#include "ops/csr_kernels.h"

namespace adjoint::ops {
namespace {

// The two products take the values, or leave them out where all are one. The dense operand is last.
bool HasValues(size_t num_inputs) { return num_inputs == 4; }

// Checks what the three ops have in common: the parts of the matrix and attribute cols. `values` is
// null where the op has none.
absl::Status CheckParts(const TensorSpec& ranges, const TensorSpec& columns,
                        const TensorSpec* values, int64_t cols) {
  if (ranges.dtype != DType::kI64 || ranges.shape.rank() != 2 || ranges.shape.dim(1) != Dim(2)) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranges must be i64[m,2], but is ", ranges.ToString()));
  }
  if (columns.dtype != DType::kI32 || columns.shape.rank() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("columns must be i32[nnz], but is ", columns.ToString()));
  }
  if (values != nullptr && (!IsFloating(values->dtype) || values->shape != columns.shape)) {
    return absl::InvalidArgumentError(
        absl::StrCat("values must be f32 or f64 and of the shape of "
                     "columns, ",
                     columns.shape.ToString(), ", but is ", values->ToString()));
  }
  if (cols < 0 || cols > int64_t{1} << 31) {
    return absl::InvalidArgumentError(absl::StrCat("cols must lie in 0 .. 2^31, but is ", cols));
  }
  return absl::OkStatus();
}

absl::Status CheckDense(const char* name, const TensorSpec& dense, DType dtype) {
  if (dense.shape.rank() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must have rank 2, but has rank ", dense.shape.rank()));
  }
  if (dense.dtype != dtype) {
    return absl::InvalidArgumentError(absl::StrCat("element types differ: the matrix has ",
                                                   DTypeName(dtype), ", ", name, " has ",
                                                   DTypeName(dense.dtype)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorSpec>> InferProduct(const InferContext& c, bool transposed) {
  const int64_t cols = c.attrs.At<int64_t>("cols");
  const TensorSpec& dense = c.inputs.back();
  const TensorSpec* const values = HasValues(c.inputs.size()) ? &c.inputs[2] : nullptr;
  ADJOINT_RETURN_IF_ERROR(CheckParts(c.inputs[0], c.inputs[1], values, cols));
  if (values == nullptr && !IsFloating(dense.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("rhs must be f32 or f64, but is ", dense.ToString()));
  }
  ADJOINT_RETURN_IF_ERROR(CheckDense("rhs", dense, values ? values->dtype : dense.dtype));
  const Dim rows = c.inputs[0].shape.dim(0);
  const Dim inner = transposed ? rows : Dim(cols);
  if (dense.shape.dim(0) != inner) {
    return absl::InvalidArgumentError(absl::StrCat("inner dimensions differ: lhs has ",
                                                   inner.ToString(), ", rhs has ",
                                                   dense.shape.dim(0).ToString()));
  }
  return std::vector<TensorSpec>{
      {dense.dtype, Shape{transposed ? Dim(cols) : rows, dense.shape.dim(1)}}};
}

absl::StatusOr<std::vector<TensorSpec>> InferSampled(const InferContext& c) {
  const int64_t cols = c.attrs.At<int64_t>("cols");
  const TensorSpec& columns = c.inputs[1];
  const TensorSpec& lhs = c.inputs[2];
  const TensorSpec& rhs = c.inputs[3];
  ADJOINT_RETURN_IF_ERROR(CheckParts(c.inputs[0], columns, nullptr, cols));
  if (!IsFloating(lhs.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("lhs must be f32 or f64, but is ", lhs.ToString()));
  }
  ADJOINT_RETURN_IF_ERROR(CheckDense("lhs", lhs, lhs.dtype));
  ADJOINT_RETURN_IF_ERROR(CheckDense("rhs", rhs, lhs.dtype));
  const Shape& ranges = c.inputs[0].shape;
  if (lhs.shape.dim(0) != ranges.dim(0)) {
    return absl::InvalidArgumentError(absl::StrCat("rows differ: the matrix has ",
                                                   ranges.dim(0).ToString(), ", lhs has ",
                                                   lhs.shape.dim(0).ToString()));
  }
  if (rhs.shape.dim(0) != Dim(cols)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the matrix has ", cols, " columns, but rhs has ", rhs.shape.dim(0).ToString(), " rows"));
  }
  if (lhs.shape.dim(1) != rhs.shape.dim(1)) {
    return absl::InvalidArgumentError(absl::StrCat("inner dimensions differ: lhs has ",
                                                   lhs.shape.dim(1).ToString(), ", rhs has ",
                                                   rhs.shape.dim(1).ToString()));
  }
  return std::vector<TensorSpec>{{lhs.dtype, columns.shape}};
}

Var Apply(const OpDef& op, const VjpContext& c, Var third, Var fourth) {
  return Apply1(op, {c.inputs[0], c.inputs[1], third, fourth},
                Attrs{{"cols", c.attrs.At<int64_t>("cols")}});
}

// Where all values are one: d(dense) is the other product of the cotangent.
std::vector<Cotangent> OnesVjp(const OpDef& other, const VjpContext& c) {
  std::vector<Cotangent> result(3, Cotangent::Zero());
  result[2] = Apply1(other, {c.inputs[0], c.inputs[1], c.cotangents[0]},
                     Attrs{{"cols", c.attrs.At<int64_t>("cols")}});
  return result;
}

// y = X b: db = X^T ct, dvalues = (ct b^T) at X's places.
absl::StatusOr<std::vector<Cotangent>> ProductVjp(const VjpContext& c) {
  if (!HasValues(c.inputs.size())) return OnesVjp(CsrTransposedMatMulOp(), c);
  std::vector<Cotangent> result(4, Cotangent::Zero());
  const Var ct = c.cotangents[0];
  if (c.needs[2]) result[2] = Apply(CsrSampledMatMulOp(), c, ct, c.inputs[3]);
  if (c.needs[3]) result[3] = Apply(CsrTransposedMatMulOp(), c, c.inputs[2], ct);
  return result;
}

// y = X^T b: db = X ct, dvalues = (b ct^T) at X's places.
absl::StatusOr<std::vector<Cotangent>> TransposedVjp(const VjpContext& c) {
  if (!HasValues(c.inputs.size())) return OnesVjp(CsrMatMulOp(), c);
  std::vector<Cotangent> result(4, Cotangent::Zero());
  const Var ct = c.cotangents[0];
  if (c.needs[2]) result[2] = Apply(CsrSampledMatMulOp(), c, c.inputs[3], ct);
  if (c.needs[3]) result[3] = Apply(CsrMatMulOp(), c, c.inputs[2], ct);
  return result;
}

// y = (lhs rhs^T) at X's places: with ct as X's values, dlhs = X rhs and drhs = X^T lhs.
absl::StatusOr<std::vector<Cotangent>> SampledVjp(const VjpContext& c) {
  std::vector<Cotangent> result(4, Cotangent::Zero());
  const Var ct = c.cotangents[0];
  if (c.needs[2]) result[2] = Apply(CsrMatMulOp(), c, ct, c.inputs[3]);
  if (c.needs[3]) result[3] = Apply(CsrTransposedMatMulOp(), c, ct, c.inputs[2]);
  return result;
}

// The sizes of a request, and its pattern at run time.
struct Sizes {
  explicit Sizes(const KernelRequest& request)
      : rows(request.inputs[0].shape[0]),
        cols(request.attrs.At<int64_t>("cols")),
        capacity(request.inputs[1].shape[0]),
        n(request.inputs.back().shape[1]),
        ones(!HasValues(request.inputs.size())) {}

  CsrPattern Pattern(const KernelArgs& args) const {
    return {In<int64_t>(args, 0), In<int32_t>(args, 1), rows, cols, capacity};
  }

  int64_t rows, cols, capacity, n;
  bool ones;  // of the products
};

// Calls fn(row, entry, column) for each entry in the order of rows.
template <typename Fn>
void ForEachEntry(const CsrPattern& x, const Fn& fn) {
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t i = x.ranges[2 * row]; i < x.ranges[2 * row + 1]; ++i) fn(row, i, x.columns[i]);
  }
}

absl::StatusOr<std::unique_ptr<Kernel>> ProductReference(const KernelRequest& request) {
  return VisitFloating(request.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MakeKernel([s = Sizes(request)](const KernelArgs& args) {
      const CsrPattern x = s.Pattern(args);
      ADJOINT_RETURN_IF_ERROR(CheckCsrPattern("csr_matmul", x));
      const T* const values = s.ones ? nullptr : In<T>(args, 2);
      const T* const dense = In<T>(args, s.ones ? 2 : 3);
      T* const out = Out<T>(args);
      std::fill(out, out + s.rows * s.n, T{0});
      ForEachEntry(x, [&](int64_t row, int64_t i, int64_t column) {
        for (int64_t j = 0; j < s.n; ++j) {
          out[row * s.n + j] += (s.ones ? T{1} : values[i]) * dense[column * s.n + j];
        }
      });
      return absl::OkStatus();
    });
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> TransposedReference(const KernelRequest& request) {
  return VisitFloating(request.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MakeKernel([s = Sizes(request)](const KernelArgs& args) {
      const CsrPattern x = s.Pattern(args);
      ADJOINT_RETURN_IF_ERROR(CheckCsrPattern("csr_transposed_matmul", x));
      const T* const values = s.ones ? nullptr : In<T>(args, 2);
      const T* const dense = In<T>(args, s.ones ? 2 : 3);
      T* const out = Out<T>(args);
      std::fill(out, out + s.cols * s.n, T{0});
      ForEachEntry(x, [&](int64_t row, int64_t i, int64_t column) {
        for (int64_t j = 0; j < s.n; ++j) {
          out[column * s.n + j] += (s.ones ? T{1} : values[i]) * dense[row * s.n + j];
        }
      });
      return absl::OkStatus();
    });
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> SampledReference(const KernelRequest& request) {
  return VisitFloating(request.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MakeKernel([s = Sizes(request)](const KernelArgs& args) {
      const CsrPattern x = s.Pattern(args);
      ADJOINT_RETURN_IF_ERROR(CheckCsrPattern("csr_sampled_matmul", x));
      const T* const lhs = In<T>(args, 2);
      const T* const rhs = In<T>(args, 3);
      T* const out = Out<T>(args);
      std::fill(out, out + s.capacity, T{0});
      ForEachEntry(x, [&](int64_t row, int64_t i, int64_t column) {
        T sum = 0;
        for (int64_t j = 0; j < s.n; ++j) sum += lhs[row * s.n + j] * rhs[column * s.n + j];
        out[i] += sum;
      });
      return absl::OkStatus();
    });
  });
}

absl::StatusOr<std::unique_ptr<Kernel>> ProductSimd(const KernelRequest& request) {
  const Sizes s(request);
  if (request.outputs[0].dtype != DType::kF32) return nullptr;
  return MakeCsrMatMul(s.rows, s.cols, s.capacity, s.n, s.ones);
}

absl::StatusOr<std::unique_ptr<Kernel>> TransposedSimd(const KernelRequest& request) {
  const Sizes s(request);
  if (request.outputs[0].dtype != DType::kF32) return nullptr;
  return MakeCsrTransposedMatMul(s.rows, s.cols, s.capacity, s.n, s.ones);
}

absl::StatusOr<std::unique_ptr<Kernel>> SampledSimd(const KernelRequest& request) {
  if (request.outputs[0].dtype != DType::kF32) return std::unique_ptr<Kernel>();
  const Sizes s(request);
  return MakeCsrSampledMatMul(s.rows, s.cols, s.capacity, s.n);
}

}  // namespace

Var MatMul(const CsrVar& x, Operand dense) {
  return Apply1(CsrMatMulOp(),
                {Operand(x.ranges, dense.location), Operand(x.columns, dense.location),
                 Operand(x.values, dense.location), dense},
                Attrs{{"cols", x.cols}});
}

const OpDef& CsrMatMulOp() {
  static const OpDef* const op = new OpDef{
      .name = "csr_matmul",
      .min_inputs = 3,
      .max_inputs = 4,
      .attrs = {{"cols", AttrKind::kInt}},
      .infer = [](const InferContext& c) { return InferProduct(c, /*transposed=*/false); },
      .vjp = ProductVjp,
      .kernels = {{"simd", ProductSimd}, {"reference", ProductReference}},
  };
  return *op;
}

const OpDef& CsrTransposedMatMulOp() {
  static const OpDef* const op = new OpDef{
      .name = "csr_transposed_matmul",
      .min_inputs = 3,
      .max_inputs = 4,
      .attrs = {{"cols", AttrKind::kInt}},
      .infer = [](const InferContext& c) { return InferProduct(c, /*transposed=*/true); },
      .vjp = TransposedVjp,
      .kernels = {{"simd", TransposedSimd}, {"reference", TransposedReference}},
  };
  return *op;
}

const OpDef& CsrSampledMatMulOp() {
  static const OpDef* const op = new OpDef{
      .name = "csr_sampled_matmul",
      .min_inputs = 4,
      .max_inputs = 4,
      .attrs = {{"cols", AttrKind::kInt}},
      .infer = InferSampled,
      .vjp = SampledVjp,
      .kernels = {{"simd", SampledSimd}, {"reference", SampledReference}},
  };
  return *op;
}

}  // namespace adjoint::ops
