#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/exporter.h"
#include "ops/window.h"

// Windows over maps. ONNX has channels before positions: other layouts are transposed around.

namespace adjoint::onnx {
namespace {

using Ints = std::vector<int64_t>;

bool ChannelsLast(const Use& u) {
  return u.node.attrs.Has("channels_last") && u.flag("channels_last");
}

// Maps in the op's layout with channels first, and back.
std::string First(const Use& u, const std::string& x, int rank) {
  if (!ChannelsLast(u)) return x;
  return u.Op("Transpose", {x}, {Attr("perm", MovedAxis(rank, rank - 1, 1))});
}

std::string Back(const Use& u, const std::string& x, int rank) {
  if (!ChannelsLast(u)) return x;
  return u.Op("Transpose", {x}, {Attr("perm", MovedAxis(rank, 1, rank - 1))});
}

// A shape in the op's layout with channels first.
Shape First(const Use& u, const Shape& shape) {
  if (!ChannelsLast(u)) return shape;
  std::vector<Dim> dims(shape.dims().begin(), shape.dims().end());
  std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  return Shape(dims);
}

// What windows are, and how many elements or windows there are along each spatial axis.
struct Windows {
  ops::Window window;
  Ints extents, counts;

  int rank() const { return window.rank(); }
  // Pads at the end with which `counts` windows fit exactly; negative where the last window ends
  // before the operand does.
  Ints ExactPadsEnd() const {
    Ints pads;
    for (int i = 0; i < rank(); ++i) {
      pads.push_back((counts[i] - 1) * window.strides[i] + window.Span(i) - extents[i] -
                     window.pads_begin[i]);
    }
    return pads;
  }
};

// `maps` and `results` have channels first.
absl::StatusOr<Windows> WindowsOf(const Use& u, Ints kernel, const Shape& maps,
                                  const Shape& results) {
  Windows w;
  ADJOINT_ASSIGN_OR_RETURN(w.window, ops::WindowFrom(u.node.attrs, std::move(kernel)));
  for (int axis = 2; axis < maps.rank(); ++axis) {
    if (!maps.dim(axis).is_known() || !results.dim(axis).is_known()) {
      return absl::UnimplementedError("spatial extents must be numbers");
    }
    w.extents.push_back(maps[axis]);
    w.counts.push_back(results[axis]);
  }
  return w;
}

Attributes WindowAttributes(const ops::Window& window, Ints pads_end) {
  Ints pads = window.pads_begin;
  pads.insert(pads.end(), pads_end.begin(), pads_end.end());
  return {Attr("strides", window.strides), Attr("pads", pads), Attr("dilations", window.dilations)};
}

Attributes With(Attributes attributes, pb::AttributeProto more) {
  attributes.push_back(std::move(more));
  return attributes;
}

absl::Status Conv(const Use& u) {
  const int rank = u.spec().shape.rank();
  Ints kernel;
  for (int axis = 2; axis < rank; ++axis) {
    if (!u.in(1).shape().dim(axis).is_known()) {
      return absl::UnimplementedError("the extents of the kernel must be numbers");
    }
    kernel.push_back(u.in(1).shape()[axis]);
  }
  ADJOINT_ASSIGN_OR_RETURN(const ops::Window window, ops::WindowFrom(u.node.attrs, kernel));
  Names inputs = u.names();
  inputs[0] = First(u, inputs[0], rank);
  const std::string y =
      u.Op("Conv", inputs,
           With(WindowAttributes(window, window.pads_end), Attr("group", u.integer("groups"))));
  return u.Is(Back(u, y, rank));
}

// Adds what each window says about each of its elements: ConvTranspose to maps of given extents.
std::string Spread(const Use& u, const std::string& windows, const std::string& weights,
                   const Windows& w, int64_t groups) {
  Ints pads = w.ExactPadsEnd(), more(pads.size(), 0);
  for (size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] >= 0) continue;
    more[i] = -pads[i];
    pads[i] = 0;
  }
  return u.Op("ConvTranspose", {windows, weights},
              With(With(WindowAttributes(w.window, pads), Attr("output_padding", more)),
                   Attr("group", groups)));
}

absl::Status ConvInputGradient(const Use& u) {
  const int rank = u.spec().shape.rank();
  const Ints weights = u.in(1).shape().Extents();
  ADJOINT_ASSIGN_OR_RETURN(const Windows w,
                           WindowsOf(u, Ints(weights.begin() + 2, weights.end()),
                                     First(u, u.spec().shape), First(u, u.in(0).shape())));
  const std::string y = Spread(u, First(u, u.name(0), rank), u.name(1), w, u.integer("groups"));
  return u.Is(Back(u, y, rank));
}

// A convolution of the maps with the cotangents, in which batch and channels, and strides and
// dilations, have changed places.
absl::Status ConvWeightsGradient(const Use& u) {
  const Shape maps = First(u, u.in(0).shape()), results = First(u, u.in(1).shape());
  if (!maps.IsConcrete() || !results.IsConcrete()) {
    return absl::UnimplementedError("all extents must be numbers");
  }
  const int rank = maps.rank();
  const Ints kernel = u.ints("kernel");
  ADJOINT_ASSIGN_OR_RETURN(const Windows w, WindowsOf(u, kernel, maps, results));
  const int64_t groups = u.integer("groups"), batch = maps[0], each = maps[1] / groups;
  // [batch, groups, each, ...] to [each, groups batch, ...].
  Ints split = {batch, groups, each}, joined = {each, groups * batch}, perm = {2, 1, 0};
  for (int axis = 2; axis < rank; ++axis) {
    split.push_back(maps[axis]);
    joined.push_back(maps[axis]);
    perm.push_back(axis + 1);
  }
  std::string x = u.Op("Reshape", {First(u, u.name(0), rank), u.to.Ints(split)},
                       {Attr("allowzero", int64_t{1})});
  x = u.Op("Transpose", {x}, {Attr("perm", perm)});
  x = u.Op("Reshape", {x, u.to.Ints(joined)}, {Attr("allowzero", int64_t{1})});
  const Ints exchange = MovedAxis(rank, 1, 0);
  const std::string cotangents =
      u.Op("Transpose", {First(u, u.name(1), rank)}, {Attr("perm", exchange)});
  ops::Window turned = w.window;
  std::swap(turned.strides, turned.dilations);
  Ints pads = w.ExactPadsEnd();
  for (int64_t& p : pads) p = std::max<int64_t>(p, 0);
  std::string y =
      u.Op("Conv", {x, cotangents}, With(WindowAttributes(turned, pads), Attr("group", groups)));
  Ints begin(kernel.size(), 0), axes;
  for (int axis = 2; axis < rank; ++axis) axes.push_back(axis);
  y = u.Op("Slice", {y, u.to.Ints(begin), u.to.Ints(kernel), u.to.Ints(axes)});
  return u.Is("Transpose", {y}, {Attr("perm", exchange)});
}

// Maps, or windows, of all channels as a batch of maps of one channel.
std::string Single(const Use& u, const std::string& x, const Ints& extents) {
  Ints shape = {-1, 1};
  shape.insert(shape.end(), extents.begin(), extents.end());
  return u.Op("Reshape", {x, u.to.Ints(shape)});
}

absl::StatusOr<std::string> Shaped(const Use& u, const std::string& x, const Shape& shape) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string extents, u.to.ShapeVector(shape));
  return u.Op("Reshape", {x, extents}, {Attr("allowzero", int64_t{1})});
}

Tensor Filled(DType dtype, const Shape& shape, const std::vector<double>& values) {
  Tensor t = Tensor::Empty({dtype, shape});
  for (int64_t i = 0; i < t.size(); ++i) {
    if (dtype == DType::kF64) t.mutable_data<double>()[i] = values[i];
    if (dtype == DType::kF32) t.mutable_data<float>()[i] = static_cast<float>(values[i]);
  }
  return t;
}

int64_t Product(const Ints& values) {
  int64_t product = 1;
  for (int64_t v : values) product *= v;
  return product;
}

Shape ShapeOf(const Ints& extents) {
  return Shape(std::vector<Dim>(extents.begin(), extents.end()));
}

// A window of ones on one channel.
std::string Ones(const Use& u, const Windows& w) {
  Ints shape = {1, 1};
  shape.insert(shape.end(), w.window.kernel.begin(), w.window.kernel.end());
  return u.to.Constant(
      Filled(u.dtype(), ShapeOf(shape), std::vector<double>(Product(w.window.kernel), 1.0)));
}

// What each window's sum is divided by, a tensor of [windows...]; "" for nothing.
std::string Divisors(const Use& u, const Windows& w) {
  const std::string& divisor = u.attr<std::string>("divisor");
  if (divisor == "none") return "";
  std::vector<double> all = {1.0};
  for (int i = 0; i < w.rank(); ++i) {
    const int64_t pad = divisor == "padded" ? w.window.pads_begin[i] : 0;
    const int64_t extent = w.extents[i] + (divisor == "padded" ? pad + w.window.pads_end[i] : 0);
    std::vector<double> next;
    for (double outer : all) {
      for (int64_t p = 0; p < w.counts[i]; ++p) {
        const int64_t begin = p * w.window.strides[i] - w.window.pads_begin[i] + pad;
        const ops::TapRange taps =
            ops::TapsInside(begin, w.window.dilations[i], w.window.kernel[i], extent);
        next.push_back(outer * static_cast<double>(taps.last - taps.first));
      }
    }
    all = std::move(next);
  }
  for (double& d : all) d = std::max(d, 1.0);  // an empty window's sum is 0
  return u.to.Constant(Filled(u.dtype(), ShapeOf(w.counts), all));
}

absl::Status AveragePool(const Use& u) {
  const int rank = u.spec().shape.rank();
  const Shape results = First(u, u.spec().shape);
  ADJOINT_ASSIGN_OR_RETURN(const Windows w,
                           WindowsOf(u, u.ints("kernel"), First(u, u.in(0).shape()), results));
  const std::string& divisor = u.attr<std::string>("divisor");
  const bool dilated = w.window.dilations != Ints(w.rank(), 1);
  const std::string x = First(u, u.name(0), rank);
  if (!dilated && !u.flag("ceil_mode") && divisor != "none") {
    Attributes attributes = WindowAttributes(w.window, w.window.pads_end);
    attributes.pop_back();  // dilations are from operator set 19 on
    attributes.push_back(Attr("kernel_shape", w.window.kernel));
    attributes.push_back(Attr("count_include_pad", int64_t{divisor == "padded"}));
    return u.Is(Back(u, u.Op("AveragePool", {x}, std::move(attributes)), rank));
  }
  Ints pads = w.ExactPadsEnd();
  for (int64_t& p : pads) p = std::max<int64_t>(p, 0);
  std::string y =
      u.Op("Conv", {Single(u, x, w.extents), Ones(u, w)}, WindowAttributes(w.window, pads));
  if (const std::string by = Divisors(u, w); !by.empty()) y = u.Op("Div", {y, by});
  ADJOINT_ASSIGN_OR_RETURN(y, Shaped(u, y, results));
  return u.Is(Back(u, y, rank));
}

absl::Status AveragePoolGradient(const Use& u) {
  const int rank = u.spec().shape.rank();
  const Shape maps = First(u, u.spec().shape);
  ADJOINT_ASSIGN_OR_RETURN(const Windows w,
                           WindowsOf(u, u.ints("kernel"), maps, First(u, u.in(0).shape())));
  std::string g = Single(u, First(u, u.name(0), rank), w.counts);
  if (const std::string by = Divisors(u, w); !by.empty()) g = u.Op("Div", {g, by});
  ADJOINT_ASSIGN_OR_RETURN(const std::string y, Shaped(u, Spread(u, g, Ones(u, w), w, 1), maps));
  return u.Is(Back(u, y, rank));
}

// ONNX's indices are those in the whole tensor; "plane" ones are i32 and in a map.
absl::Status MaxPool(const Use& u) {
  const int rank = u.spec().shape.rank();
  const bool indexed = u.outputs.size() > 1;
  const std::string kind = indexed ? u.attr<std::string>("indices") : "";
  Attributes attributes;
  ADJOINT_ASSIGN_OR_RETURN(const ops::Window window,
                           ops::WindowFrom(u.node.attrs, u.ints("kernel")));
  attributes = WindowAttributes(window, window.pads_end);
  attributes.push_back(Attr("kernel_shape", window.kernel));
  attributes.push_back(Attr("ceil_mode", int64_t{u.flag("ceil_mode")}));
  if (indexed) {
    attributes.push_back(Attr("storage_order", int64_t{kind == "tensor_column_major"}));
  }
  Names made = u.to.AddMany(indexed ? 2 : 1, "MaxPool", {First(u, u.name(0), rank)}, attributes);
  if (indexed && kind == "plane") {
    const Shape maps = First(u, u.in(0).shape());
    int64_t plane = 1;
    for (int axis = 2; axis < rank; ++axis) {
      if (!maps.dim(axis).is_known()) {
        return absl::UnimplementedError("spatial extents must be numbers");
      }
      plane *= maps[axis];
    }
    const std::string size =
        u.to.Number(DType::kI64, static_cast<double>(std::max<int64_t>(plane, 1)));
    const std::string none = u.Op("Less", {made[1], u.to.Number(DType::kI64, 0)});
    const std::string within = u.Op("Where", {none, made[1], u.Op("Mod", {made[1], size})});
    made[1] = u.to.CastTo(within, DType::kI32);
  }
  for (std::string& name : made) name = Back(u, name, rank);
  return u.AreNamed(made);
}

// Where the indices of a pool point: maps as rows, or as one, of this many elements. A column-major
// one sees its spatial axes in reverse order.
struct Places {
  Ints rows;       // the shape of indices and values: [-1, n] or [-1]
  Shape maps;      // of the tensor that they point into, its spatial axes in the order of the kind
  std::string at;  // i64, 0 where there is none
  std::string none;
  bool reversed = false;
};

absl::StatusOr<Places> PlacesOf(const Use& u, const std::string& indices, const Shape& maps,
                                const Shape& results) {
  if (!maps.IsConcrete() || !results.IsConcrete()) {
    return absl::UnimplementedError("all extents must be numbers");
  }
  const std::string& kind = u.attr<std::string>("indices");
  Places p;
  p.reversed = kind == "tensor_column_major";
  std::vector<Dim> dims(maps.dims().begin(), maps.dims().end());
  if (p.reversed) std::reverse(dims.begin() + 2, dims.end());
  p.maps = Shape(dims);
  const int64_t planes = maps[0] * maps[1];
  p.rows = kind == "plane" ? Ints{planes, results.NumElements() / std::max<int64_t>(planes, 1)}
                           : Ints{results.NumElements()};
  const std::string raw = u.Op("Reshape", {u.to.CastTo(indices, DType::kI64), u.to.Ints(p.rows)},
                               {Attr("allowzero", int64_t{1})});
  const std::string zero = u.to.Number(DType::kI64, 0);
  p.none = u.Op("Less", {raw, zero});
  p.at = u.Op("Where", {p.none, zero, raw});
  return p;
}

Ints ReversedAxes(int rank) {
  Ints axes = {0, 1};
  for (int i = rank - 1; i > 1; --i) axes.push_back(i);
  return axes;
}

absl::Status MaxUnpool(const Use& u) {
  const Shape maps = First(u, u.spec().shape), results = First(u, u.in(0).shape());
  const int rank = maps.rank();
  ADJOINT_ASSIGN_OR_RETURN(const Places p, PlacesOf(u, First(u, u.name(1), rank), maps, results));
  std::string values = u.Op("Reshape", {First(u, u.name(0), rank), u.to.Ints(p.rows)},
                            {Attr("allowzero", int64_t{1})});
  values = u.Op("Where", {p.none, u.Number(0), values});
  const int64_t n = maps.NumElements();
  const Shape flat =
      p.rows.size() == 1 ? Shape{n} : Shape{p.rows[0], n / std::max<int64_t>(p.rows[0], 1)};
  ADJOINT_ASSIGN_OR_RETURN(const std::string zeros, u.to.Full(u.dtype(), flat, 0));
  std::string y =
      u.Op("ScatterElements", {zeros, p.at, values},
           {Attr("axis", static_cast<int64_t>(p.rows.size()) - 1), Attr("reduction", "add")});
  ADJOINT_ASSIGN_OR_RETURN(y, Shaped(u, y, p.maps));
  if (p.reversed) y = u.Op("Transpose", {y}, {Attr("perm", ReversedAxes(rank))});
  return u.Is("Identity", {Back(u, y, rank)});
}

absl::Status MaxPoolGather(const Use& u) {
  const Shape maps = First(u, u.in(0).shape()), results = First(u, u.spec().shape);
  const int rank = maps.rank();
  ADJOINT_ASSIGN_OR_RETURN(const Places p, PlacesOf(u, First(u, u.name(1), rank), maps, results));
  std::string x = First(u, u.name(0), rank);
  if (p.reversed) x = u.Op("Transpose", {x}, {Attr("perm", ReversedAxes(rank))});
  const int64_t n = maps.NumElements();
  const Shape flat =
      p.rows.size() == 1 ? Shape{n} : Shape{p.rows[0], n / std::max<int64_t>(p.rows[0], 1)};
  ADJOINT_ASSIGN_OR_RETURN(x, Shaped(u, x, flat));
  std::string y =
      u.Op("GatherElements", {x, p.at}, {Attr("axis", static_cast<int64_t>(p.rows.size()) - 1)});
  y = u.Op("Where", {p.none, u.Number(0), y});
  ADJOINT_ASSIGN_OR_RETURN(y, Shaped(u, y, results));
  return u.Is("Identity", {Back(u, y, rank)});
}

// A product with the map's matrix, [n, size], along the last axis.
absl::Status AxisMap(const Use& u) {
  const int rank = u.spec().shape.rank(), axis = u.axis("axis", rank);
  const Tensor& indices = u.attr<Tensor>("indices");
  const Tensor& weights = u.attr<Tensor>("weights");
  const int64_t n = u.in(0).shape()[axis], size = u.spec().shape[axis];
  const int64_t taps = size == 0 ? 0 : indices.size() / size;
  std::vector<double> matrix(n * size, 0.0);
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t k = i * taps; k < (i + 1) * taps; ++k) {
      const int64_t from = static_cast<int64_t>(indices.ValueAt(k));
      if (from >= 0) matrix[from * size + i] += weights.ValueAt(k);
    }
  }
  const std::string map = u.to.Constant(Filled(u.dtype(), Shape{n, size}, matrix));
  const std::string x =
      u.Op("Transpose", {u.name(0)}, {Attr("perm", MovedAxis(rank, axis, rank - 1))});
  return u.Is("Transpose", {u.Op("MatMul", {x, map})},
              {Attr("perm", MovedAxis(rank, rank - 1, axis))});
}

// Weights [K, 1, kernel...] that pick one element of a window each.
std::string Picks(const Use& u, const Windows& w) {
  const int64_t k = Product(w.window.kernel);
  Ints shape = {k, 1};
  shape.insert(shape.end(), w.window.kernel.begin(), w.window.kernel.end());
  std::vector<double> eye(k * k, 0.0);
  for (int64_t i = 0; i < k; ++i) eye[i * k + i] = 1;
  return u.to.Constant(Filled(u.dtype(), ShapeOf(shape), eye));
}

// How many windows of an operand there are.
absl::StatusOr<Windows> ColumnsOf(const Use& u, const Shape& maps) {
  ADJOINT_ASSIGN_OR_RETURN(Windows w, WindowsOf(u, u.ints("kernel"), maps, maps));
  for (int i = 0; i < w.rank(); ++i) {
    ADJOINT_ASSIGN_OR_RETURN(const Dim count, ops::WindowCount(w.window, i, Dim(w.extents[i])));
    w.counts[i] = count.value();
  }
  return w;
}

absl::Status Unfold(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const Windows w, ColumnsOf(u, u.in(0).shape()));
  const std::string y = u.Op("Conv", {Single(u, u.name(0), w.extents), Picks(u, w)},
                             WindowAttributes(w.window, w.window.pads_end));
  ADJOINT_ASSIGN_OR_RETURN(const std::string columns, Shaped(u, y, u.spec().shape));
  return u.Is(columns);
}

absl::Status Fold(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const Windows w, ColumnsOf(u, u.spec().shape));
  Ints shape = {-1, Product(w.window.kernel)};
  shape.insert(shape.end(), w.counts.begin(), w.counts.end());
  const std::string windows = u.Op("Reshape", {u.name(0), u.to.Ints(shape)});
  ADJOINT_ASSIGN_OR_RETURN(const std::string y,
                           Shaped(u, Spread(u, windows, Picks(u, w), w, 1), u.spec().shape));
  return u.Is(y);
}

constexpr Emitter kRows[] = {
    {"conv", Conv},
    {"conv_input_gradient", ConvInputGradient},
    {"conv_weights_gradient", ConvWeightsGradient},
    {"average_pool", AveragePool},
    {"average_pool_gradient", AveragePoolGradient},
    {"max_pool", MaxPool},
    {"max_unpool", MaxUnpool},
    {"max_pool_gather", MaxPoolGather},
    {"axis_map", AxisMap},
    {"unfold", Unfold},
    {"fold", Fold},
};

}  // namespace

absl::Span<const Emitter> SpatialEmitters() { return kRows; }

}  // namespace adjoint::onnx
