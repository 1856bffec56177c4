#include "ops/pad.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/fail.h"
#include "ops/indexing.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 16;           // elements a part, about
constexpr int64_t kLimit = int64_t{1} << 62;  // of what is added or cropped

// Whether `name` has a '*' that stands in no parentheses: it is a product (ops/shape_ops.cc).
bool IsProduct(absl::string_view name) {
  int depth = 0;
  for (char c : name) {
    depth += (c == '(') - (c == ')');
    if (c == '*' && depth == 0) return true;
  }
  return false;
}

// "width" and 2 for "width+2".
std::pair<absl::string_view, int64_t> SplitSum(absl::string_view name) {
  const size_t sign = name.find_last_of("+-");
  int64_t number;
  if (sign == absl::string_view::npos || sign == 0 ||
      !absl::SimpleAtoi(name.substr(sign), &number) || std::abs(number) > kLimit) {
    return {name, 0};
  }
  return {name.substr(0, sign), number};
}

// The extent `d`, grown by both numbers.
absl::StatusOr<Dim> Grown(Dim d, int64_t before, int64_t after, int axis) {
  int64_t total = before + after;  // no overflow within kLimit
  if (d.is_known()) {
    int64_t extent;
    if (__builtin_add_overflow(d.value(), total, &extent)) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " of extent ", d.value(),
                                                     ", with ", before, " before and ", after,
                                                     " after it, exceeds 2^63 - 1"));
    }
    if (extent < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("axis ", axis, " of extent ", d.value(), " cannot be cropped by ", -total));
    }
    return Dim(extent);
  }
  if (total == 0 || !d.is_symbol()) return d;
  auto [base, number] = SplitSum(d.name());
  if (__builtin_add_overflow(total, number, &total)) {
    return absl::InvalidArgumentError(absl::StrCat("the extent of axis ", axis, " overflows"));
  }
  std::string name(base);
  if (number != 0 && base.front() == '(' && base.back() == ')' &&
      IsProduct(base.substr(1, base.size() - 2)) && total == 0) {
    name = std::string(base.substr(1, base.size() - 2));
  }
  if (total != 0) {
    if (IsProduct(name)) name = absl::StrCat("(", name, ")");
    absl::StrAppend(&name, total > 0 ? "+" : "", total);
  }
  return Dim::Symbol(name);
}

absl::Status CheckAmounts(absl::Span<const int64_t> before, absl::Span<const int64_t> after,
                          int rank) {
  if (before.size() != after.size() || static_cast<int>(before.size()) != rank) {
    return absl::InvalidArgumentError(absl::StrCat("before has ", before.size(),
                                                   " entries and after has ", after.size(),
                                                   "; the operand has ", rank, " axes"));
  }
  for (int axis = 0; axis < rank; ++axis) {
    for (int64_t amount : {before[axis], after[axis]}) {
      if (amount < -kLimit / 2 || amount > kLimit / 2) {
        return absl::InvalidArgumentError(
            absl::StrCat("axis ", axis, " is padded by ", amount, ", which is beyond 2^61"));
      }
    }
  }
  return absl::OkStatus();
}

template <typename T>
bool Holds(double value) {
  if constexpr (!std::is_integral_v<T>) {
    return true;
  } else {
    constexpr double kEnd = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
    return value >= static_cast<double>(std::numeric_limits<T>::lowest()) && value < kEnd &&
           value == std::floor(value);
  }
}

absl::StatusOr<std::vector<TensorSpec>> InferPad(const InferContext& c) {
  const TensorSpec& x = c.inputs[0];
  const auto& before = c.attrs.At<std::vector<int64_t>>("before");
  const auto& after = c.attrs.At<std::vector<int64_t>>("after");
  ADJOINT_RETURN_IF_ERROR(CheckAmounts(before, after, x.shape.rank()));
  const double value = c.attrs.At<double>("value");
  if (!VisitDType(x.dtype, [&](auto tag) { return Holds<typename decltype(tag)::type>(value); })) {
    return absl::InvalidArgumentError(
        absl::StrCat("the value ", value, " is none of type ", DTypeName(x.dtype)));
  }
  Shape shape;
  for (int axis = 0; axis < x.shape.rank(); ++axis) {
    ADJOINT_ASSIGN_OR_RETURN(Dim d, Grown(x.shape.dim(axis), before[axis], after[axis], axis));
    shape.push_back(d);
  }
  return std::vector<TensorSpec>{{x.dtype, std::move(shape)}};
}

absl::StatusOr<std::vector<Cotangent>> PadVjp(const VjpContext& c) {
  std::vector<int64_t> before = c.attrs.At<std::vector<int64_t>>("before");
  std::vector<int64_t> after = c.attrs.At<std::vector<int64_t>>("after");
  for (auto* amounts : {&before, &after}) {
    for (int64_t& amount : *amounts) amount = -amount;
  }
  return std::vector<Cotangent>{Pad(c.cotangents[0], before, after)};
}

// The value's bits, as many as an element has.
uint64_t ValueBits(DType dtype, double value) {
  return VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T element = static_cast<T>(value);
    uint64_t bits = 0;
    std::memcpy(&bits, &element, sizeof(T));
    return bits;
  });
}

// Calls fn with an unsigned integer of the element's size.
template <typename Fn>
decltype(auto) VisitSize(size_t element_size, Fn&& fn) {
  switch (element_size) {
    case 1:
      return fn(uint8_t{});
    case 2:
      return fn(uint16_t{});
    case 4:
      return fn(uint32_t{});
    default:
      return fn(uint64_t{});
  }
}

struct PadLayout {
  std::vector<int64_t> from, to, before;  // one entry an axis

  explicit PadLayout(const KernelRequest& r)
      : from(r.inputs[0].shape.Extents()),
        to(r.outputs[0].shape.Extents()),
        before(r.attrs.At<std::vector<int64_t>>("before")) {}
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareReference(const KernelRequest& r) {
  const uint64_t bits = ValueBits(r.inputs[0].dtype, r.attrs.At<double>("value"));
  return VisitSize(DTypeSize(r.inputs[0].dtype), [&](auto type) {
    using T = decltype(type);
    return MakeKernel(
        [l = PadLayout(r), n = r.outputs[0].shape.NumElements(), bits](const KernelArgs& args) {
          const std::vector<int64_t> strides = RowMajorStrides(l.from);
          for (int64_t i = 0; i < n; ++i) {
            int64_t rest = i, source = 0;
            bool inside = true;
            for (int axis = static_cast<int>(l.to.size()) - 1; axis >= 0; --axis) {
              const int64_t at = rest % l.to[axis] - l.before[axis];
              rest /= l.to[axis];
              inside &= at >= 0 && at < l.from[axis];
              source += at * strides[axis];
            }
            Out<T>(args)[i] = inside ? In<T>(args, 0)[source] : static_cast<T>(bits);
          }
          return absl::OkStatus();
        });
  });
}

// Rows are the last axis that is padded with all that lie behind it.
struct PadRows {
  std::vector<int64_t> from, to, before, strides;  // of the axes in front of it
  int64_t rows = 1;
  int64_t left = 0, copied = 0, right = 0;  // elements of a row of the result
  int64_t skipped = 0, source_rows_stride = 0;

  explicit PadRows(PadLayout l) {
    int last = static_cast<int>(l.to.size()) - 1;
    int64_t inner = 1;
    while (last > 0 && l.before[last] == 0 && l.from[last] == l.to[last]) inner *= l.to[last--];
    if (last < 0) {
      copied = 1;
      return;
    }
    const int64_t first = std::clamp<int64_t>(l.before[last], 0, l.to[last]);
    const int64_t end = std::clamp(l.before[last] + l.from[last], first, l.to[last]);
    left = first * inner;
    copied = (end - first) * inner;
    right = (l.to[last] - end) * inner;
    skipped = copied > 0 ? (first - l.before[last]) * inner : 0;
    const std::vector<int64_t> all = RowMajorStrides(l.from);
    for (int axis = 0; axis < last; ++axis) {
      rows *= l.to[axis];
      from.push_back(l.from[axis]);
      to.push_back(l.to[axis]);
      before.push_back(l.before[axis]);
      strides.push_back(all[axis]);
    }
  }

  // Where row number `row` begins in the source; -1 when it lies outside.
  int64_t SourceOf(int64_t row) const {
    int64_t source = 0;
    for (size_t axis = to.size(); axis-- > 0;) {
      const int64_t at = row % to[axis] - before[axis];
      row /= to[axis];
      if (at < 0 || at >= from[axis]) return -1;
      source += at * strides[axis];
    }
    return source + skipped;
  }
};

absl::StatusOr<std::unique_ptr<Kernel>> PrepareRows(const KernelRequest& r) {
  if (r.outputs[0].shape.NumElements() == 0) return std::unique_ptr<Kernel>();
  const uint64_t bits = ValueBits(r.inputs[0].dtype, r.attrs.At<double>("value"));
  return VisitSize(DTypeSize(r.inputs[0].dtype), [&](auto type) {
    using T = decltype(type);
    return MakeKernel([p = PadRows(PadLayout(r)),
                       value = static_cast<T>(bits)](const KernelArgs& args) {
      const T* x = In<T>(args, 0);
      T* y = Out<T>(args);
      const int64_t n = p.left + p.copied + p.right;
      ParallelForRange(p.rows, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          T* to = y + row * n;
          const int64_t source = p.SourceOf(row);
          if (source < 0 || p.copied == 0) {
            std::fill_n(to, n, value);
            continue;
          }
          std::fill_n(to, p.left, value);
          std::memcpy(to + p.left, x + source, p.copied * sizeof(T));
          std::fill_n(to + p.left + p.copied, p.right, value);
        }
      });
      return absl::OkStatus();
    });
  });
}

int64_t Modulo(int64_t a, int64_t n) { return (a % n + n) % n; }

// The element of 0 .. n-1 that stands at `at`.
int64_t SourceIndex(PadMode mode, int64_t at, int64_t n) {
  if (at >= 0 && at < n) return at;
  switch (mode) {
    case PadMode::kEdge:
      return at < 0 ? 0 : n - 1;
    case PadMode::kWrap:
      return Modulo(at, n);
    default:
      break;
  }
  if (n == 1) return 0;
  const int64_t folded = Modulo(at, 2 * (n - 1));
  return folded < n ? folded : 2 * (n - 1) - folded;
}

Var PadAxis(Operand x, int axis, int64_t before, int64_t after, PadMode mode) {
  const Dim d = x.var.shape().dim(axis);
  if (!d.is_known() || (d.value() == 0 && before + after > 0)) {
    return FailAt(x, "pad",
                  absl::StrCat("axis ", axis, " has extent ", d.ToString(),
                               "; padding with elements of the operand wants a number above 0"));
  }
  absl::StatusOr<Dim> extent = Grown(d, before, after, axis);
  if (!extent.ok()) return FailAt(x, "pad", extent.status().message());
  absl::StatusOr<Tensor> index = Tensor::Allocate({DType::kI64, {*extent}});
  if (!index.ok()) return FailAt(x, "pad", index.status().message());
  absl::Span<int64_t> list = index->mutable_data<int64_t>();
  for (size_t i = 0; i < list.size(); ++i) {
    list[i] = SourceIndex(mode, static_cast<int64_t>(i) - before, d.value());
  }
  return Gather(x, Operand(Constant(*x.var.builder, *std::move(index), x.location), x.location),
                axis);
}

}  // namespace

const OpDef& PadOp() {
  static const OpDef* const op = new OpDef{
      .name = "pad",
      .attrs = {{"before", AttrKind::kInts},
                {"after", AttrKind::kInts},
                {"value", AttrKind::kFloat}},
      .infer = InferPad,
      .vjp = PadVjp,
      .kernels = {{"rows", PrepareRows}, {"reference", PrepareReference}},
      .onnx_name = "Pad",
  };
  return *op;
}

Var Pad(Operand x, absl::Span<const int64_t> before, absl::Span<const int64_t> after, PadMode mode,
        double value) {
  if (!x.var.valid()) return x.var;
  if (mode == PadMode::kConstant) {
    return Apply1(PadOp(), {x},
                  {{"before", std::vector<int64_t>(before.begin(), before.end())},
                   {"after", std::vector<int64_t>(after.begin(), after.end())},
                   {"value", value}});
  }
  const int rank = x.var.shape().rank();
  if (absl::Status s = CheckAmounts(before, after, rank); !s.ok()) {
    return FailAt(x, "pad", s.message());
  }
  Var y = x.var;
  for (int axis = 0; axis < rank && y.valid(); ++axis) {
    if (before[axis] == 0 && after[axis] == 0) continue;
    y = PadAxis(Operand(y, x.location), axis, before[axis], after[axis], mode);
  }
  return y;
}

}  // namespace adjoint::ops
