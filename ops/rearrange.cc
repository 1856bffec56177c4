#include "ops/rearrange.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/fail.h"
#include "ops/index_check.h"
#include "ops/indexing.h"
#include "ops/shape_ops.h"

namespace adjoint::ops {
namespace {

constexpr int64_t kGrain = 1 << 16;  // elements a part, about

// The same operand with another var, so that errors quote the line it was first passed on.
Operand At(const Operand& x, Var v) { return Operand(v, x.location); }

std::vector<Var> Invalid(const Operand& x, size_t n) {
  return std::vector<Var>(n, Var{x.var.builder, -1, 0});
}

// A normal axis, or -1 after telling the builder.
int AxisOf(const Operand& x, absl::string_view function, int64_t axis, int rank) {
  absl::StatusOr<int> normal = NormalizeAxis(axis, rank);
  if (normal.ok()) return *normal;
  FailAt(x, function, normal.status().message());
  return -1;
}

// The extent of `axis`, which must be a number; -1 after telling the builder.
int64_t ExtentOf(const Operand& x, absl::string_view function, int axis) {
  const Dim d = x.var.shape().dim(axis);
  if (d.is_known()) return d.value();
  FailAt(x, function,
         absl::StrCat("axis ", axis, " has extent ", d.ToString(), "; it must be a number"));
  return -1;
}

// x with slices of `axis` picked by a list.
Var Pick(const Operand& x, absl::Span<const int64_t> indices, int axis) {
  const Tensor list = Tensor::Vector<int64_t>(indices);
  return Gather(x, At(x, Constant(*x.var.builder, list, x.location)), axis);
}

struct Sequences {
  int64_t outer = 1, first = 1, middle = 1, second = 1, inner = 1;  // extents around the two axes
  bool batch_first = true;
  Shape lengths_shape;

  int64_t batch() const { return batch_first ? first : second; }
  int64_t time() const { return batch_first ? second : first; }

  // How an index out of range is reported: as one of 0 .. time.
  template <typename Index>
  absl::Status Check(const Index* lengths) const {
    return CheckIndices("reverse_sequence", "length", lengths, lengths_shape, batch(), time() + 1,
                        "the lengths that the time axis allows");
  }
};

Sequences SequencesOf(const KernelRequest& r) {
  const Shape& shape = r.inputs[0].shape;
  const int b = *NormalizeAxis(r.attrs.At<int64_t>("batch_axis"), shape.rank());
  const int t = *NormalizeAxis(r.attrs.At<int64_t>("time_axis"), shape.rank());
  Sequences s;
  s.batch_first = b < t;
  const int low = std::min(b, t), high = std::max(b, t);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    (axis < low     ? s.outer
     : axis == low  ? s.first
     : axis < high  ? s.middle
     : axis == high ? s.second
                    : s.inner) *= shape[axis];
  }
  s.lengths_shape = r.inputs[1].shape;
  return s;
}

// Rows of `inner` elements; kParallel: on several threads, else in order.
template <bool kParallel>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareReverse(const KernelRequest& r) {
  const Sequences s = SequencesOf(r);
  const int64_t bytes = s.inner * static_cast<int64_t>(DTypeSize(r.inputs[0].dtype));
  const int64_t rows = s.outer * s.first * s.middle * s.second;
  const bool wide = r.inputs[1].dtype == DType::kI64;
  return MakeKernel([s, bytes, rows, wide](const KernelArgs& args) {
    ADJOINT_RETURN_IF_ERROR(wide ? s.Check(In<int64_t>(args, 1)) : s.Check(In<int32_t>(args, 1)));
    const auto length = [&](int64_t b) {
      return wide ? In<int64_t>(args, 1)[b] : int64_t{In<int32_t>(args, 1)[b]};
    };
    const auto copy = [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t j = row % s.second, m = row / s.second % s.middle;
        const int64_t i = row / s.second / s.middle % s.first;
        const int64_t o = row / s.second / s.middle / s.first;
        const int64_t n = length(s.batch_first ? i : j), t = s.batch_first ? j : i;
        const int64_t from = t < n ? n - 1 - t : t;
        const int64_t source =
            ((o * s.first + (s.batch_first ? i : from)) * s.middle + m) * s.second +
            (s.batch_first ? from : j);
        std::memcpy(Out<char>(args) + row * bytes, In<char>(args, 0) + source * bytes, bytes);
      }
    };
    if (bytes == 0) return absl::OkStatus();
    if constexpr (kParallel) {
      ParallelForRange(rows, std::max<int64_t>(1, kGrain * 4 / bytes), copy);
    } else {
      copy(0, rows);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TensorSpec>> InferReverse(const InferContext& c) {
  const Shape& shape = c.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(int b, NormalizeAxis(c.attrs.At<int64_t>("batch_axis"), shape.rank()));
  ADJOINT_ASSIGN_OR_RETURN(int t, NormalizeAxis(c.attrs.At<int64_t>("time_axis"), shape.rank()));
  if (b == t) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_axis and time_axis are both ", b, "; they must differ"));
  }
  ADJOINT_RETURN_IF_ERROR(CheckIndexType("lengths", c.inputs[1]));
  if (c.inputs[1].shape != Shape{shape.dim(b)}) {
    return absl::InvalidArgumentError(
        absl::StrCat("lengths have shape ", c.inputs[1].shape.ToString(), ", axis ", b,
                     " of the operand asks for ", Shape{shape.dim(b)}.ToString()));
  }
  return std::vector<TensorSpec>{c.inputs[0]};
}

// [n, c, h, w] and a block, checked. False after telling the builder.
bool CheckBlocks(const Operand& x, absl::string_view function, int64_t block) {
  const Shape& shape = x.var.shape();
  if (shape.rank() != 4) {
    FailAt(x, function, absl::StrCat("the operand has ", shape.rank(), " axes, not 4: [n,c,h,w]"));
    return false;
  }
  if (block < 1 || block > (1 << 20)) {
    FailAt(x, function, absl::StrCat("the block is ", block, "; it must be 1 to 2^20"));
    return false;
  }
  for (int axis = 1; axis < 4; ++axis) {
    const int64_t extent = ExtentOf(x, function, axis);
    if (extent < 0) return false;
    if (extent > (int64_t{1} << 62) / block / block) {
      FailAt(x, function,
             absl::StrCat("axis ", axis, " of extent ", extent, " is too large for blocks of ",
                          block));
      return false;
    }
  }
  return true;
}

}  // namespace

const OpDef& ReverseSequenceOp() {
  static const OpDef* const op = new OpDef{
      .name = "reverse_sequence",
      .min_inputs = 2,
      .max_inputs = 2,
      .attrs = {{"batch_axis", AttrKind::kInt}, {"time_axis", AttrKind::kInt}},
      .infer = InferReverse,
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{
            ReverseSequence(c.cotangents[0], c.inputs[1], c.attrs.At<int64_t>("batch_axis"),
                            c.attrs.At<int64_t>("time_axis")),
            Cotangent::Zero()};
      },
      .kernels = {{"rows", PrepareReverse<true>}, {"reference", PrepareReverse<false>}},
      .onnx_name = "ReverseSequence",
  };
  return *op;
}

Var ReverseSequence(Operand x, Operand lengths, int64_t batch_axis, int64_t time_axis) {
  return Apply1(ReverseSequenceOp(), {x, lengths},
                {{"batch_axis", batch_axis}, {"time_axis", time_axis}});
}

Var Flatten(Operand x, int64_t axis) {
  if (!x.var.valid()) return x.var;
  const int rank = x.var.shape().rank();
  if (axis < -rank || axis > rank) {
    return FailAt(x, "flatten", absl::StrCat("axis ", axis, " is outside ", -rank, "..", rank));
  }
  if (axis < 0) axis += rank;
  if (axis == 0) return Reshape(x, {1, -1});
  if (axis == rank) return Reshape(x, {-1, 1});
  const Shape& shape = x.var.shape();
  if (axis == 1) return Reshape(x, {shape.dim(0), -1});
  Shape front{-1};
  for (Dim d : shape.dims().subspan(axis)) front.push_back(d);
  const Var y = Reshape(x, front);
  return y.valid() ? Reshape(At(x, y), {y.shape().dim(0), -1}) : y;
}

Var Expand(Operand x, const Shape& shape) {
  if (!x.var.valid()) return x.var;
  absl::StatusOr<Shape> to = BroadcastShapes(x.var.shape(), shape);
  if (!to.ok()) return FailAt(x, "expand", to.status().message());
  return BroadcastTo(x, *to);
}

Var Stack(absl::Span<const Operand> xs, int64_t axis) {
  std::vector<Operand> rows;
  for (const Operand& x : xs) {
    if (!x.is_number && x.var.valid()) {
      rows.push_back(At(x, ExpandDims(x, axis)));
    } else {
      rows.push_back(x);
    }
  }
  return Concat(rows, axis);
}

std::vector<Var> Unstack(Operand x, int64_t axis) {
  if (!x.var.valid()) return {x.var};
  const int at = AxisOf(x, "unstack", axis, x.var.shape().rank());
  if (at < 0) return Invalid(x, 1);
  const int64_t n = ExtentOf(x, "unstack", at);
  std::vector<Var> slices;
  for (int64_t i = 0; i < n; ++i) {
    slices.push_back(Squeeze(At(x, SliceAxis(x, at, i, i + 1)), {at}));
  }
  return slices.empty() && n != 0 ? Invalid(x, 1) : slices;
}

std::vector<Var> Split(Operand x, int64_t parts, int64_t axis) {
  if (!x.var.valid()) return std::vector<Var>(std::max<int64_t>(parts, 1), x.var);
  const int at = AxisOf(x, "split", axis, x.var.shape().rank());
  const int64_t extent = at < 0 ? -1 : ExtentOf(x, "split", at);
  if (extent >= 0 && (parts < 1 || extent % parts != 0)) {
    FailAt(x, "split",
           absl::StrCat("axis ", at, " of extent ", extent, " has no ", parts, " equal parts"));
    return Invalid(x, 1);
  }
  if (extent < 0) return Invalid(x, std::clamp<int64_t>(parts, 1, 1 << 16));
  if (extent == 0 && parts > (1 << 16)) {
    FailAt(x, "split", absl::StrCat(parts, " parts of nothing"));
    return Invalid(x, 1);
  }
  return SplitSizes(x, std::vector<int64_t>(parts, extent / parts), at);
}

std::vector<Var> SplitSizes(Operand x, absl::Span<const int64_t> sizes, int64_t axis) {
  const size_t n = std::max<size_t>(sizes.size(), 1);
  if (!x.var.valid()) return std::vector<Var>(n, x.var);
  const int at = AxisOf(x, "split", axis, x.var.shape().rank());
  const int64_t extent = at < 0 ? -1 : ExtentOf(x, "split", at);
  if (extent < 0) return Invalid(x, n);
  int64_t sum = 0;
  bool fits = true;
  for (int64_t size : sizes) {
    fits = fits && size >= 0 && size <= extent - sum;
    if (fits) sum += size;
  }
  if (!fits || sum != extent) {
    FailAt(x, "split",
           absl::StrCat("the ", sizes.size(), " extents given must be at least 0 and add up to ",
                        extent, ", the extent of axis ", at));
    return Invalid(x, n);
  }
  if (sizes.size() == 1) return {x.var};
  std::vector<Var> parts;
  int64_t first = 0;
  for (int64_t size : sizes) {
    parts.push_back(SliceAxis(x, at, first, first + size));
    first += size;
  }
  return parts;
}

Var SwapAxes(Operand x, int64_t a, int64_t b) {
  if (!x.var.valid()) return x.var;
  const int rank = x.var.shape().rank();
  const int i = AxisOf(x, "swap_axes", a, rank);
  const int j = i < 0 ? -1 : AxisOf(x, "swap_axes", b, rank);
  if (j < 0) return Invalid(x, 1)[0];
  if (i == j) return x.var;
  std::vector<int64_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[i], order[j]);
  return Transpose(x, order);
}

Var MoveAxes(Operand x, absl::Span<const int64_t> source, absl::Span<const int64_t> destination) {
  if (!x.var.valid()) return x.var;
  const int rank = x.var.shape().rank();
  absl::Status error = NormalizeAxes(source, rank).status();
  if (error.ok()) error = NormalizeAxes(destination, rank).status();
  if (error.ok() && source.size() != destination.size()) {
    error = absl::InvalidArgumentError(
        absl::StrCat(source.size(), " axes are to move to ", destination.size(), " places"));
  }
  if (!error.ok()) return FailAt(x, "move_axes", error.message());
  std::vector<int64_t> order(rank, -1);
  std::vector<bool> moved(rank, false);
  for (size_t i = 0; i < source.size(); ++i) {
    const int from = *NormalizeAxis(source[i], rank);
    order[*NormalizeAxis(destination[i], rank)] = from;
    moved[from] = true;
  }
  int next = 0;
  for (int64_t& axis : order) {
    if (axis >= 0) continue;
    while (moved[next]) ++next;
    axis = next++;
  }
  if (std::is_sorted(order.begin(), order.end())) return x.var;
  return Transpose(x, order);
}

Var MoveAxis(Operand x, int64_t source, int64_t destination) {
  return MoveAxes(x, {source}, {destination});
}

Var Tiled(Operand x, absl::Span<const int64_t> repeats) {
  if (!x.var.valid()) return x.var;
  const Shape from = x.var.shape();
  if (static_cast<int>(repeats.size()) != from.rank()) {
    return FailAt(x, "tile",
                  absl::StrCat("there are ", repeats.size(),
                               " numbers of repeats, the operand has ", from.rank(), " axes"));
  }
  // Axis [n] as [1, n], broadcast to [repeats, n], as [repeats n]. A symbolic extent that grows
  // takes the place of what remains, of which there can be one at a time.
  Shape split, broadcast, joined;
  std::vector<int64_t> later(repeats.begin(), repeats.end());
  bool has_later = false, has_rest = false;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const Dim d = from.dim(axis);
    const int64_t times = repeats[axis];
    int64_t extent = 0;
    if (times < 0 || (d.is_known() && __builtin_mul_overflow(d.value(), times, &extent))) {
      return FailAt(x, "tile",
                    absl::StrCat("axis ", axis, " of extent ", d.ToString(), " cannot repeat ",
                                 times, " times"));
    }
    const bool wait = !d.is_known() && times != 1 && has_rest;
    has_later |= wait;
    if (!wait) later[axis] = 1;
    if (times == 1 || wait) {
      for (Shape* shape : {&split, &broadcast, &joined}) shape->push_back(d);
      continue;
    }
    has_rest |= !d.is_known();
    split.push_back(1);
    split.push_back(d);
    broadcast.push_back(times);
    broadcast.push_back(d);
    joined.push_back(d.is_known() ? Dim(extent) : times == 0 ? Dim(0) : Dim(-1));
  }
  if (split.rank() == from.rank()) return x.var;
  const Var wide = BroadcastTo(At(x, Reshape(x, split)), broadcast);
  const Var y = Reshape(At(x, wide), joined);
  return has_later && y.valid() ? Tiled(At(x, y), later) : y;
}

Var Repeat(Operand x, int64_t times, int64_t axis) {
  if (!x.var.valid()) return x.var;
  const int at = AxisOf(x, "repeat", axis, x.var.shape().rank());
  if (at < 0) return Invalid(x, 1)[0];
  Shape joined = x.var.shape();
  const Dim d = joined.dim(at);
  int64_t extent = 0;
  if (times < 0 || (d.is_known() && __builtin_mul_overflow(d.value(), times, &extent))) {
    return FailAt(
        x, "repeat",
        absl::StrCat("axis ", at, " of extent ", d.ToString(), " cannot repeat ", times, " times"));
  }
  if (times == 1) return x.var;
  joined.set_dim(at, d.is_known() ? Dim(extent) : times == 0 ? Dim(0) : Dim(-1));
  const Var split = ExpandDims(x, at + 1);
  Shape broadcast = split.shape();
  broadcast.set_dim(at + 1, times);
  return Reshape(At(x, BroadcastTo(At(x, split), broadcast)), joined);
}

Var Repeat(Operand x, absl::Span<const int64_t> times, int64_t axis) {
  if (!x.var.valid()) return x.var;
  const int at = AxisOf(x, "repeat", axis, x.var.shape().rank());
  const int64_t extent = at < 0 ? -1 : ExtentOf(x, "repeat", at);
  if (extent < 0) return Invalid(x, 1)[0];
  if (static_cast<int64_t>(times.size()) != extent) {
    return FailAt(x, "repeat",
                  absl::StrCat("there are ", times.size(), " numbers of repeats, axis ", at,
                               " has extent ", extent));
  }
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < extent; ++i) {
    if (times[i] < 0 || times[i] > (int64_t{1} << 31) - static_cast<int64_t>(indices.size())) {
      return FailAt(x, "repeat",
                    absl::StrCat("slice ", i, " of axis ", at, " cannot repeat ", times[i],
                                 " times: the result has at most 2^31 slices"));
    }
    indices.insert(indices.end(), times[i], i);
  }
  return Pick(x, indices, at);
}

Var Flip(Operand x, absl::Span<const int64_t> axes) {
  if (!x.var.valid()) return x.var;
  const int rank = x.var.shape().rank();
  absl::StatusOr<std::vector<int>> list = NormalizeAxes(axes, rank);
  if (!list.ok()) return FailAt(x, "flip", list.status().message());
  if (list->empty()) return x.var;
  std::vector<int64_t> begin(rank, 0), end(rank, kSliceToEnd), step(rank, 1);
  for (int axis : *list) {
    begin[axis] = kSliceToEnd;
    end[axis] = kSliceFromStart;
    step[axis] = -1;
  }
  return Slice(x, begin, end, step);
}

Var Roll(Operand x, absl::Span<const int64_t> shifts, absl::Span<const int64_t> axes) {
  if (!x.var.valid()) return x.var;
  if (shifts.size() != axes.size()) {
    return FailAt(x, "roll",
                  absl::StrCat("there are ", shifts.size(), " shifts for ", axes.size(), " axes"));
  }
  Var y = x.var;
  for (size_t i = 0; i < axes.size() && y.valid(); ++i) {
    const int axis = AxisOf(x, "roll", axes[i], x.var.shape().rank());
    const int64_t n = axis < 0 ? -1 : ExtentOf(x, "roll", axis);
    if (n < 0) return Invalid(x, 1)[0];
    const int64_t shift = n == 0 ? 0 : (shifts[i] % n + n) % n;
    if (shift == 0) continue;
    const Operand from = At(x, y);
    y = Concat(
        {At(x, SliceAxis(from, axis, n - shift, n)), At(x, SliceAxis(from, axis, 0, n - shift))},
        axis);
  }
  return y;
}

Var DepthToSpace(Operand x, int64_t block, DepthOrder order) {
  if (!x.var.valid()) return x.var;
  if (!CheckBlocks(x, "depth_to_space", block)) return Invalid(x, 1)[0];
  const Shape s = x.var.shape();
  const int64_t places = block * block;
  if (s[1] % places != 0) {
    return FailAt(
        x, "depth_to_space",
        absl::StrCat(s[1], " channels are no multiple of ", places, ", the block squared"));
  }
  const int64_t c = s[1] / places;
  const bool dcr = order == DepthOrder::kDCR;
  const Shape split = dcr ? Shape{s.dim(0), block, block, c, s[2], s[3]}
                          : Shape{s.dim(0), c, block, block, s[2], s[3]};
  const std::vector<int64_t> permutation =
      dcr ? std::vector<int64_t>{0, 3, 4, 1, 5, 2} : std::vector<int64_t>{0, 1, 4, 2, 5, 3};
  const Var y = Transpose(At(x, Reshape(x, split)), permutation);
  return Reshape(At(x, y), {s.dim(0), c, s[2] * block, s[3] * block});
}

Var SpaceToDepth(Operand x, int64_t block, DepthOrder order) {
  if (!x.var.valid()) return x.var;
  if (!CheckBlocks(x, "space_to_depth", block)) return Invalid(x, 1)[0];
  const Shape s = x.var.shape();
  for (int axis : {2, 3}) {
    if (s[axis] % block == 0) continue;
    return FailAt(x, "space_to_depth",
                  absl::StrCat("axis ", axis, " of extent ", s[axis], " is no multiple of ", block,
                               ", the block"));
  }
  const int64_t h = s[2] / block, w = s[3] / block;
  const std::vector<int64_t> permutation = order == DepthOrder::kDCR
                                               ? std::vector<int64_t>{0, 3, 5, 1, 2, 4}
                                               : std::vector<int64_t>{0, 1, 3, 5, 2, 4};
  const Var y = Transpose(At(x, Reshape(x, {s.dim(0), s[1], h, block, w, block})), permutation);
  return Reshape(At(x, y), {s.dim(0), s[1] * block * block, h, w});
}

Var ShapeOf(Operand x, DType dtype) {
  if (!x.var.valid()) return x.var;
  std::vector<Operand> extents;
  for (int axis = 0; axis < x.var.shape().rank(); ++axis) {
    extents.push_back(At(x, Reshape(At(x, SizeOf(x, {axis}, dtype)), {1})));
  }
  if (extents.empty()) {
    absl::StatusOr<Tensor> none = Tensor::Allocate({dtype, {0}});
    if (!none.ok()) return FailAt(x, "shape_of", none.status().message());
    return Constant(*x.var.builder, *std::move(none), x.location);
  }
  return Concat(extents, 0);
}

}  // namespace adjoint::ops
