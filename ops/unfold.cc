#include "ops/unfold.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "ops/window.h"

namespace adjoint::ops {
namespace {

using Ints = std::vector<int64_t>;
using Specs = std::vector<TensorSpec>;

constexpr int64_t kGrain = 1 << 15;  // elements a part, about

// Columns of maps.
absl::StatusOr<Shape> ColumnsOf(const TensorSpec& maps, const Attrs& attrs) {
  ADJOINT_RETURN_IF_ERROR(CheckMaps("the operand", maps));
  const Ints& kernel = attrs.At<Ints>("kernel");
  const int rank = maps.shape.rank() - 2;
  if (static_cast<int>(kernel.size()) != rank) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the kernel has ", kernel.size(), " extents, the maps have ", rank, " spatial axes"));
  }
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(attrs, kernel));
  const Dim channels = maps.shape.dim(1);
  if (!channels.is_known()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the maps have ", channels.ToString(), " channels, which must be a number"));
  }
  int64_t rows = channels.value(), columns = 1;
  bool overflow = false;
  for (int i = 0; i < rank; ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const Dim count, WindowCount(window, i, maps.shape.dim(2 + i)));
    if (!count.is_known()) {
      return absl::InvalidArgumentError(absl::StrCat("spatial axis ", i, " has ",
                                                     maps.shape.dim(2 + i).ToString(),
                                                     " elements, which must be a number"));
    }
    overflow = overflow || __builtin_mul_overflow(rows, kernel[i], &rows) ||
               __builtin_mul_overflow(columns, count.value(), &columns);
  }
  if (overflow) return absl::InvalidArgumentError("the columns have more than 2^63 - 1 elements");
  return Shape{maps.shape.dim(0), rows, columns};
}

struct Geometry {
  MapGeometry x;
  std::array<int64_t, 3> windows = {1, 1, 1};
  WindowGeometry window;
};

absl::StatusOr<Geometry> GeometryOf(const Shape& maps, const Attrs& attrs) {
  ADJOINT_ASSIGN_OR_RETURN(const Window window, WindowFrom(attrs, attrs.At<Ints>("kernel")));
  Geometry g;
  g.x = MapGeometryOf(maps, /*channels_last=*/false);
  g.window = WindowGeometryOf(window);
  for (int i = 0; i < window.rank(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const Dim count, WindowCount(window, i, maps.dim(2 + i)));
    g.windows[3 - window.rank() + i] = count.value();
  }
  return g;
}

// Calls fn(position in the map or -1, position in its columns) for each element of the columns of
// one map, in order.
template <class Fn>
void ForEachElement(const Geometry& g, Fn fn) {
  const WindowGeometry& w = g.window;
  int64_t at = 0;
  std::array<int64_t, 3> k, p, q;
  for (k[0] = 0; k[0] < w.kernel[0]; ++k[0]) {
    for (k[1] = 0; k[1] < w.kernel[1]; ++k[1]) {
      for (k[2] = 0; k[2] < w.kernel[2]; ++k[2]) {
        for (p[0] = 0; p[0] < g.windows[0]; ++p[0]) {
          for (p[1] = 0; p[1] < g.windows[1]; ++p[1]) {
            for (p[2] = 0; p[2] < g.windows[2]; ++p[2]) {
              bool inside = true;
              for (int i = 0; i < 3; ++i) {
                q[i] = p[i] * w.strides[i] - w.pads[i] + k[i] * w.dilations[i];
                inside = inside && q[i] >= 0 && q[i] < g.x.extents[i];
              }
              fn(inside ? (q[0] * g.x.extents[1] + q[1]) * g.x.extents[2] + q[2] : -1, at++);
            }
          }
        }
      }
    }
  }
}

// A map at a time; they keep to themselves, so several threads give the bits of one.
template <typename T, bool kFold>
std::unique_ptr<Kernel> MapByMap(const Geometry& g, bool parallel) {
  const int64_t columns = g.window.size() * g.windows[0] * g.windows[1] * g.windows[2];
  const int64_t positions = g.x.positions(), maps = g.x.batch * g.x.channels;
  const int64_t grain =
      parallel ? std::max<int64_t>(1, kGrain / std::max<int64_t>(1, columns)) : INT64_MAX;
  return MakeKernel([=](const KernelArgs& args) {
    const auto run = [&](int64_t begin, int64_t end) {
      for (int64_t map = begin; map < end; ++map) {
        if constexpr (kFold) {
          const T* const from = In<T>(args, 0) + map * columns;
          T* const to = Out<T>(args) + map * positions;
          std::fill(to, to + positions, T{0});
          ForEachElement(g, [&](int64_t x, int64_t column) {
            if (x >= 0) to[x] += from[column];
          });
        } else {
          const T* const from = In<T>(args, 0) + map * positions;
          T* const to = Out<T>(args) + map * columns;
          ForEachElement(g,
                         [&](int64_t x, int64_t column) { to[column] = x >= 0 ? from[x] : T{0}; });
        }
      }
    };
    if (parallel) {
      ParallelForRange(maps, grain, run);
    } else {
      run(0, maps);
    }
    return absl::OkStatus();
  });
}

template <bool kFold, bool kParallel>
absl::StatusOr<std::unique_ptr<Kernel>> PrepareKernel(const KernelRequest& r) {
  const Shape& maps = kFold ? r.outputs[0].shape : r.inputs[0].shape;
  ADJOINT_ASSIGN_OR_RETURN(const Geometry g, GeometryOf(maps, r.attrs));
  return r.inputs[0].dtype == DType::kF32 ? MapByMap<float, kFold>(g, kParallel)
                                          : MapByMap<double, kFold>(g, kParallel);
}

Attrs AttrsOf(const Ints& kernel, const UnfoldOptions& o, size_t rank) {
  return Attrs{{"kernel", PerAxis(kernel, rank, 1)},
               {"strides", PerAxis(o.strides, rank, 1)},
               {"pads_begin", PerAxis(o.pads_begin, rank, 0)},
               {"pads_end", PerAxis(o.pads_end, rank, 0)},
               {"dilations", PerAxis(o.dilations, rank, 1)}};
}

UnfoldOptions OptionsOf(const Attrs& attrs) {
  return {.strides = attrs.At<Ints>("strides"),
          .pads_begin = attrs.At<Ints>("pads_begin"),
          .pads_end = attrs.At<Ints>("pads_end"),
          .dilations = attrs.At<Ints>("dilations")};
}

}  // namespace

Var Unfold(Operand x, const std::vector<int64_t>& kernel, const UnfoldOptions& options) {
  const size_t rank = x.var.valid() ? std::max(0, x.var.shape().rank() - 2) : 0;
  return Apply1(UnfoldOp(), {x}, AttrsOf(kernel, options, rank));
}

Var Fold(Operand columns, const Shape& shape, const std::vector<int64_t>& kernel,
         const UnfoldOptions& options) {
  Attrs attrs = AttrsOf(kernel, options, std::max(0, shape.rank() - 2));
  attrs.Set("shape", shape);
  return Apply1(FoldOp(), {columns}, std::move(attrs));
}

const OpDef& UnfoldOp() {
  static const OpDef* const op = new OpDef{
      .name = "unfold",
      .attrs = WindowAttrs({{"kernel", AttrKind::kInts}}),
      .infer = [](const InferContext& c) -> absl::StatusOr<Specs> {
        ADJOINT_ASSIGN_OR_RETURN(Shape shape, ColumnsOf(c.inputs[0], c.attrs));
        return Specs{{c.inputs[0].dtype, std::move(shape)}};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{Fold(c.cotangents[0], c.inputs[0].shape(),
                                           c.attrs.At<Ints>("kernel"), OptionsOf(c.attrs))};
      },
      .kernels = {{"maps", PrepareKernel<false, true>}, {"reference", PrepareKernel<false, false>}},
  };
  return *op;
}

const OpDef& FoldOp() {
  static const OpDef* const op = new OpDef{
      .name = "fold",
      .attrs = WindowAttrs({{"kernel", AttrKind::kInts}, {"shape", AttrKind::kShape}}),
      .infer = [](const InferContext& c) -> absl::StatusOr<Specs> {
        const TensorSpec maps{c.inputs[0].dtype, c.attrs.At<Shape>("shape")};
        ADJOINT_ASSIGN_OR_RETURN(const Shape columns, ColumnsOf(maps, c.attrs));
        if (columns != c.inputs[0].shape) {
          return absl::InvalidArgumentError(absl::StrCat(
              "the columns have shape ", c.inputs[0].shape.ToString(), ", those of the maps ",
              maps.shape.ToString(), " have ", columns.ToString()));
        }
        return Specs{maps};
      },
      .vjp = [](const VjpContext& c) -> absl::StatusOr<std::vector<Cotangent>> {
        return std::vector<Cotangent>{
            Unfold(c.cotangents[0], c.attrs.At<Ints>("kernel"), OptionsOf(c.attrs))};
      },
      .kernels = {{"maps", PrepareKernel<true, true>}, {"reference", PrepareKernel<true, false>}},
  };
  return *op;
}

}  // namespace adjoint::ops
