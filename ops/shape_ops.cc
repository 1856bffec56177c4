#include "ops/shape_ops.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "ops/fail.h"
#include "ops/reduce.h"
#include "ops/strided_copy.h"

namespace adjoint::ops {
namespace {

// A number of elements: a known factor times symbols. A dim that an earlier reshape named
// ("batch*16") counts as its factors.
struct ElementCount {
  int64_t known = 1;
  std::vector<std::string> symbols;  // sorted, one entry a factor

  std::string ToString() const {
    if (symbols.empty()) return absl::StrCat(known);
    std::string text = absl::StrJoin(symbols, "*");
    if (known != 1) absl::StrAppend(&text, "*", known);
    return text;
  }

  // As a dim: a number, a symbol, or the name of the product.
  Dim AsDim() const { return symbols.empty() ? Dim(known) : Dim::Symbol(ToString()); }
};

// The factors of a symbol's name: split at '*' outside parentheses.
std::vector<std::string> FactorsOf(const std::string& name) {
  std::vector<std::string> factors(1);
  int depth = 0;
  for (char c : name) {
    depth += (c == '(') - (c == ')');
    if (c == '*' && depth == 0) {
      factors.emplace_back();
    } else {
      factors.back() += c;
    }
  }
  return factors;
}

absl::StatusOr<ElementCount> CountElements(absl::Span<const Dim> dims) {
  ElementCount count;
  bool overflow = false;
  bool zero = false;
  auto multiply = [&](int64_t factor) {
    zero |= factor == 0;
    overflow |= __builtin_mul_overflow(count.known, factor, &count.known);
  };
  for (Dim d : dims) {
    if (d.is_known()) {
      multiply(d.value());
    } else if (d.is_symbol()) {
      for (std::string& factor : FactorsOf(d.name())) {
        int64_t number;
        if (absl::SimpleAtoi(factor, &number) && number >= 0) {
          multiply(number);
        } else {
          count.symbols.push_back(std::move(factor));
        }
      }
    }
  }
  if (zero) return ElementCount{0, {}};
  if (overflow) {
    return absl::InvalidArgumentError(
        absl::StrCat("the number of elements of ", Shape(dims).ToString(), " exceeds 2^63 - 1"));
  }
  std::sort(count.symbols.begin(), count.symbols.end());
  return count;
}

// The target of a reshape with its Dim(-1) replaced by what remains.
absl::StatusOr<Shape> ResolveReshape(const Shape& from, const Shape& target) {
  int remainder_axis = -1;
  for (int axis = 0; axis < target.rank(); ++axis) {
    if (target.dim(axis).is_valid()) continue;
    if (remainder_axis >= 0) {
      return absl::InvalidArgumentError(absl::StrCat("the target ", target.ToString(),
                                                     " leaves axes ", remainder_axis, " and ", axis,
                                                     " open; at most one extent may be -1"));
    }
    remainder_axis = axis;
  }
  ADJOINT_ASSIGN_OR_RETURN(ElementCount have, CountElements(from.dims()));
  ADJOINT_ASSIGN_OR_RETURN(ElementCount want, CountElements(target.dims()));
  if (remainder_axis < 0) {
    if (have.known != want.known || have.symbols != want.symbols) {
      return absl::InvalidArgumentError(absl::StrCat(
          "element counts differ: the operand ", from.ToString(), " has ", have.ToString(),
          ", the target ", target.ToString(), " has ", want.ToString()));
    }
    return target;
  }
  const bool divides = want.known != 0 && have.known % want.known == 0 &&
                       (have.known == 0 || std::includes(have.symbols.begin(), have.symbols.end(),
                                                         want.symbols.begin(), want.symbols.end()));
  if (!divides) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no extent for the -1 of the target ", target.ToString(), ": the operand ", from.ToString(),
        " has ", have.ToString(), " elements, which the target's other extents, of product ",
        want.ToString(), want.known == 0 ? ", leave undetermined" : ", do not divide"));
  }
  ElementCount rest{have.known / want.known, {}};
  std::set_difference(have.symbols.begin(), have.symbols.end(), want.symbols.begin(),
                      want.symbols.end(), std::back_inserter(rest.symbols));
  Shape resolved = target;
  resolved.set_dim(remainder_axis, rest.AsDim());
  return resolved;
}

// True for names made by AsDim.
bool IsProduct(Dim d) { return d.is_symbol() && FactorsOf(d.name()).size() > 1; }

absl::Status CopyBytes(const KernelArgs& args, int64_t bytes) {
  if (args.inputs[0] != args.outputs[0] && bytes > 0) {
    std::memcpy(args.outputs[0], args.inputs[0], bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReshape(const KernelRequest& r) {
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, r.outputs[0].ByteSize());
  return MakeKernel([bytes](const KernelArgs& args) { return CopyBytes(args, bytes); });
}

// Kernels that fill a dense output from a view of input 0.
using MakeCopyFn = StridedCopy (*)(const KernelRequest&);

std::vector<KernelDef> CopyKernels(MakeCopyFn make) {
  return {
      {"blocked",
       [make](const KernelRequest& r) -> absl::StatusOr<std::unique_ptr<Kernel>> {
         return MakeKernel([copy = Simplified(make(r)),
                            size = DTypeSize(r.outputs[0].dtype)](const KernelArgs& args) {
           CopyFast(copy, size, args.inputs[0], args.outputs[0]);
           return absl::OkStatus();
         });
       }},
      {"reference",
       [make](const KernelRequest& r) -> absl::StatusOr<std::unique_ptr<Kernel>> {
         return MakeKernel(
             [copy = make(r), size = DTypeSize(r.outputs[0].dtype)](const KernelArgs& args) {
               CopyReference(copy, size, args.inputs[0], args.outputs[0]);
               return absl::OkStatus();
             });
       }},
  };
}

absl::StatusOr<std::vector<int>> NormalizePermutation(absl::Span<const int64_t> permutation,
                                                      int rank) {
  if (static_cast<int>(permutation.size()) != rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("the permutation has ", permutation.size(), " axes, the operand has ", rank));
  }
  ADJOINT_RETURN_IF_ERROR(NormalizeAxes(permutation, rank).status());
  std::vector<int> result;
  for (int64_t axis : permutation) {
    ADJOINT_ASSIGN_OR_RETURN(int normal, NormalizeAxis(axis, rank));
    result.push_back(normal);
  }
  return result;
}

StridedCopy TransposeCopy(const KernelRequest& r) {
  const std::vector<int64_t> strides = RowMajorStrides(r.inputs[0].shape.Extents());
  StridedCopy copy;
  copy.extents = r.outputs[0].shape.Extents();
  copy.target_strides = RowMajorStrides(copy.extents);
  const int rank = r.inputs[0].shape.rank();
  for (int64_t axis : r.attrs.At<std::vector<int64_t>>("permutation")) {
    copy.source_strides.push_back(strides[axis < 0 ? axis + rank : axis]);
  }
  return copy;
}

absl::Status CheckBroadcast(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", from.ToString(), " of rank ",
                                                   from.rank(), " does not broadcast to ",
                                                   to.ToString(), " of rank ", to.rank()));
  }
  for (int axis = -from.rank(); axis < 0; ++axis) {
    const Dim have = from.dim(from.rank() + axis), want = to.dim(to.rank() + axis);
    if (have != want && have != Dim(1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape ", from.ToString(), " does not broadcast to ", to.ToString(), ": axis ", axis,
          " has ", have.ToString(), " and ", want.ToString(), "; the first must be equal or 1"));
    }
  }
  return absl::OkStatus();
}

StridedCopy BroadcastCopy(const KernelRequest& r) {
  const Shape& from = r.inputs[0].shape;
  const std::vector<int64_t> strides = RowMajorStrides(from.Extents());
  StridedCopy copy;
  copy.extents = r.outputs[0].shape.Extents();
  copy.target_strides = RowMajorStrides(copy.extents);
  const int lead = static_cast<int>(copy.extents.size()) - from.rank();
  copy.source_strides.assign(lead, 0);
  for (int axis = 0; axis < from.rank(); ++axis) {
    copy.source_strides.push_back(from[axis] == 1 ? 0 : strides[axis]);
  }
  return copy;
}

absl::StatusOr<std::unique_ptr<Kernel>> PrepareSizeOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(std::vector<int> axes,
                           NormalizeAxes(r.attrs.At<std::vector<int64_t>>("axes"), shape.rank()));
  int64_t size = 1;
  for (int axis : axes) size *= shape[axis];
  return VisitDType(r.outputs[0].dtype, [&](auto tag) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    using T = typename decltype(tag)::type;
    if constexpr (std::numeric_limits<T>::is_integer) {
      if (static_cast<uint64_t>(size) > static_cast<uint64_t>(std::numeric_limits<T>::max())) {
        return absl::InvalidArgumentError(absl::StrCat(
            "size_of: ", size, " elements do not fit the type ", DTypeName(r.outputs[0].dtype)));
      }
    }
    return MakeKernel([value = static_cast<T>(size)](const KernelArgs& args) {
      *Out<T>(args) = value;
      return absl::OkStatus();
    });
  });
}

}  // namespace

const OpDef& ReshapeOp() {
  static const OpDef* const op = new OpDef{
      .name = "reshape",
      .traits = {.view = true},
      .attrs = {{"shape", AttrKind::kShape}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_ASSIGN_OR_RETURN(Shape shape,
                                 ResolveReshape(c.inputs[0].shape, c.attrs.At<Shape>("shape")));
        return std::vector<TensorSpec>{{c.inputs[0].dtype, std::move(shape)}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{Reshape(c.cotangents[0], c.inputs[0].shape())};
      },
      .kernels = {{"reference", PrepareReshape}},
      .aliases = {{0, 0}},
      .onnx_name = "Reshape",
  };
  return *op;
}

const OpDef& TransposeOp() {
  static const OpDef* const op = new OpDef{
      .name = "transpose",
      .attrs = {{"permutation", AttrKind::kInts}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        const Shape& from = c.inputs[0].shape;
        ADJOINT_ASSIGN_OR_RETURN(
            std::vector<int> permutation,
            NormalizePermutation(c.attrs.At<std::vector<int64_t>>("permutation"), from.rank()));
        Shape to;
        for (int axis : permutation) to.push_back(from.dim(axis));
        return std::vector<TensorSpec>{{c.inputs[0].dtype, std::move(to)}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        ADJOINT_ASSIGN_OR_RETURN(
            std::vector<int> permutation,
            NormalizePermutation(c.attrs.At<std::vector<int64_t>>("permutation"),
                                 c.inputs[0].shape().rank()));
        std::vector<int64_t> inverse(permutation.size());
        for (size_t i = 0; i < permutation.size(); ++i) {
          inverse[permutation[i]] = static_cast<int64_t>(i);
        }
        return std::vector<Cotangent>{Transpose(c.cotangents[0], inverse)};
      },
      .kernels = CopyKernels(TransposeCopy),
      .onnx_name = "Transpose",
  };
  return *op;
}

const OpDef& BroadcastToOp() {
  static const OpDef* const op = new OpDef{
      .name = "broadcast_to",
      .attrs = {{"shape", AttrKind::kShape}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        const Shape& to = c.attrs.At<Shape>("shape");
        ADJOINT_RETURN_IF_ERROR(CheckBroadcast(c.inputs[0].shape, to));
        return std::vector<TensorSpec>{{c.inputs[0].dtype, to}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{SumTo(c.cotangents[0], c.inputs[0].shape())};
      },
      .kernels = CopyKernels(BroadcastCopy),
      .onnx_name = "Expand",
  };
  return *op;
}

const OpDef& SizeOfOp() {
  static const OpDef* const op = new OpDef{
      .name = "size_of",
      .traits = {.shape_only = true},
      .attrs = {{"axes", AttrKind::kInts}, {"dtype", AttrKind::kDType}},
      .infer = [](const InferContext& c) -> absl::StatusOr<std::vector<TensorSpec>> {
        ADJOINT_RETURN_IF_ERROR(
            NormalizeAxes(c.attrs.At<std::vector<int64_t>>("axes"), c.inputs[0].shape.rank())
                .status());
        const DType dtype = c.attrs.At<DType>("dtype");
        if (dtype == DType::kBool) {
          return absl::InvalidArgumentError("a size cannot be of type bool; ask for a number type");
        }
        return std::vector<TensorSpec>{{dtype, Shape{}}};
      },
      .vjp = [](const VjpContext&) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{Cotangent::Zero()};
      },
      .kernels = {{"reference", PrepareSizeOf}},
  };
  return *op;
}

Var Reshape(Operand x, const Shape& shape) {
  Shape target = shape;
  // A remainder that has a name of its own is settled here: with it the program holds no -1 that
  // a batch of 0 would leave undetermined.
  if (auto resolved = ResolveReshape(x.var.shape(), shape);
      resolved.ok() && std::none_of(resolved->dims().begin(), resolved->dims().end(), IsProduct)) {
    target = *std::move(resolved);
  }
  return Apply1(ReshapeOp(), {x}, {{"shape", std::move(target)}});
}

Var ExpandDims(Operand x, int64_t axis) {
  if (!x.var.valid()) return x.var;
  const Shape& from = x.var.shape();
  absl::StatusOr<int> at = NormalizeAxis(axis, from.rank() + 1);
  if (!at.ok()) {
    return FailAt(x, "expand_dims", absl::StrCat(at.status().message(), ", which is the result"));
  }
  Shape to;
  for (int i = 0; i <= from.rank(); ++i) {
    if (i == *at) to.push_back(1);
    if (i < from.rank()) to.push_back(from.dim(i));
  }
  return Reshape(x, to);
}

Var Squeeze(Operand x, absl::Span<const int64_t> axes) {
  if (!x.var.valid()) return x.var;
  const Shape& from = x.var.shape();
  absl::StatusOr<std::vector<int>> gone = NormalizeAxes(axes, from.rank());
  absl::Status error = gone.status();
  for (size_t i = 0; error.ok() && i < gone->size(); ++i) {
    const Dim d = from.dim((*gone)[i]);
    if (d != Dim(1)) {
      error = absl::InvalidArgumentError(
          absl::StrCat("axis ", (*gone)[i], " has extent ", d.ToString(), ", not 1"));
    }
  }
  if (!error.ok()) return FailAt(x, "squeeze", error.message());
  Shape to;
  for (int i = 0; i < from.rank(); ++i) {
    if (!std::binary_search(gone->begin(), gone->end(), i)) to.push_back(from.dim(i));
  }
  return Reshape(x, to);
}

Var Squeeze(Operand x) {
  std::vector<int64_t> axes;
  for (int i = 0; i < x.var.shape().rank(); ++i) {
    if (x.var.shape().dim(i) == Dim(1)) axes.push_back(i);
  }
  return Squeeze(x, axes);
}

Var Transpose(Operand x, absl::Span<const int64_t> permutation) {
  const int rank = x.var.shape().rank();
  std::vector<int64_t> order(permutation.begin(), permutation.end());
  if (order.empty()) {
    for (int axis = rank - 1; axis >= 0; --axis) order.push_back(axis);
  } else if (auto normal = NormalizePermutation(order, rank); normal.ok()) {
    order.assign(normal->begin(), normal->end());
  }
  return Apply1(TransposeOp(), {x}, {{"permutation", std::move(order)}});
}

Var BroadcastTo(Operand x, const Shape& shape) {
  if (x.var.valid() && x.var.shape() == shape) return x.var;
  return Apply1(BroadcastToOp(), {x}, {{"shape", shape}});
}

Var SizeOf(Operand x, absl::Span<const int64_t> axes, DType dtype) {
  std::vector<int64_t> list(axes.begin(), axes.end());
  if (auto normal = NormalizeAxes(axes, x.var.shape().rank()); normal.ok()) {
    list.assign(normal->begin(), normal->end());
  }
  return Apply1(SizeOfOp(), {x}, {{"axes", std::move(list)}, {"dtype", dtype}});
}

Var SumTo(Operand x, const Shape& target) {
  const Var v = x.var;
  if (!v.valid() || v.shape() == target) return v;
  const Shape& from = v.shape();
  if (absl::Status s = CheckBroadcast(target, from); !s.ok()) {
    return FailAt(x, "sum_to", s.message());
  }
  const int lead = from.rank() - target.rank();
  std::vector<int64_t> axes;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const bool kept = axis >= lead && target.dim(axis - lead) == from.dim(axis);
    if (!kept && from.dim(axis) != Dim(1)) axes.push_back(axis);
  }
  Var sum = axes.empty() ? v : Sum(x, axes);
  return sum.shape() == target ? sum : Reshape(sum, target);
}

Var ZerosLike(Var like, const Shape& shape) { return BroadcastTo(ScalarLike(like, 0), shape); }

}  // namespace adjoint::ops
