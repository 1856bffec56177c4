#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/exporter.h"

// Draws of random numbers become operators that draw anew in each run, from the runtime's own
// generator: seed and step have no counterpart. Draws that are equal here are one node there, so
// that a mask and its gradient agree.

namespace adjoint::onnx {
namespace {

// What a draw depends on; operands from `first` on are seed, step and perhaps an offset.
std::string KeyOf(const Use& u, int first, const Shape& shape, absl::string_view kind) {
  std::string key = absl::StrCat(kind, " ", u.integer("stream"), " ", shape.ToString());
  for (int i = first; i < u.num_inputs(); ++i) absl::StrAppend(&key, " ", u.name(i));
  return key;
}

// f32 or f64 in [0, 1), or normal.
absl::StatusOr<std::string> Draw(const Use& u, absl::string_view op, DType dtype,
                                 const Shape& shape, int first) {
  std::string* const made = u.to.Draw(KeyOf(u, first, shape, absl::StrCat(op, DTypeName(dtype))));
  if (!made->empty()) return *made;
  const int64_t type = OnnxFromDType(dtype);
  if (shape.IsConcrete()) {
    *made = u.Op(op, {}, {Attr("dtype", type), Attr("shape", shape.Extents())});
  } else {
    ADJOINT_ASSIGN_OR_RETURN(const std::string like, u.to.Full(dtype, shape, 0));
    *made = u.Op(absl::StrCat(op, "Like"), {like}, {Attr("dtype", type)});
  }
  return *made;
}

absl::Status Dropout(const Use& u) {
  const double rate = u.attr<double>("rate");
  std::string* const mask = u.to.Draw(KeyOf(u, 1, u.spec().shape, absl::StrCat("dropout ", rate)));
  if (mask->empty()) {
    ADJOINT_ASSIGN_OR_RETURN(const std::string ones, u.to.Full(DType::kF32, u.spec().shape, 1));
    const std::string ratio = u.to.Number(DType::kF32, rate), on = u.to.Number(DType::kBool, 1);
    *mask = u.to.AddMany(2, "Dropout", {ones, ratio, on})[1];
  }
  const std::string scaled = u.Op("Mul", {u.name(0), u.Number(1 / (1 - rate))});
  return u.Is("Where", {*mask, scaled, u.Number(0)});
}

absl::Status Uniform(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string y,
                           Draw(u, "RandomUniform", u.dtype(), u.spec().shape, 0));
  return u.Is(y);
}

absl::Status Normal(const Use& u) {
  if (u.attr<double>("bound") != 0) {
    return absl::UnimplementedError("ONNX has no truncated normal distribution");
  }
  ADJOINT_ASSIGN_OR_RETURN(const std::string y,
                           Draw(u, "RandomNormal", u.dtype(), u.spec().shape, 0));
  return u.Is(y);
}

// low + floor(u (high - low))
absl::Status Integers(const Use& u) {
  const double low = static_cast<double>(u.integer("low"));
  const double count = static_cast<double>(u.integer("high")) - low;
  ADJOINT_ASSIGN_OR_RETURN(const std::string uniform,
                           Draw(u, "RandomUniform", DType::kF64, u.spec().shape, 0));
  const std::string scaled = u.Op("Mul", {uniform, u.to.Number(DType::kF64, count)});
  const std::string whole =
      u.Op("Min", {u.Op("Floor", {scaled}), u.to.Number(DType::kF64, std::max(count - 1, 0.0))});
  return u.Is("Add", {u.to.CastTo(whole, u.dtype()), u.Number(low)});
}

// The order of uniform numbers.
absl::Status Permutation(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string uniform,
                           Draw(u, "RandomUniform", DType::kF64, u.spec().shape, 0));
  const std::string order = u.to.AddMany(2, "TopK", {uniform, u.to.Ints({u.integer("n")})})[1];
  return u.Is(u.to.CastTo(order, u.dtype()));
}

absl::Status Categorical(const Use& u) {
  const Shape& shape = u.in(0).shape();
  if (!shape.dim(shape.rank() - 1).is_known()) {
    return absl::UnimplementedError("the number of classes must be known");
  }
  const std::string rows = u.Op("Reshape", {u.name(0), u.to.Ints({-1, shape[shape.rank() - 1]})});
  const std::string drawn = u.Op("Multinomial", {rows},
                                 {Attr("sample_size", u.integer("samples")),
                                  Attr("dtype", int64_t{OnnxFromDType(u.dtype())})});
  ADJOINT_ASSIGN_OR_RETURN(const std::string extents, u.to.ShapeVector(u.spec().shape));
  return u.Is("Reshape", {drawn, extents}, {Attr("allowzero", int64_t{1})});
}

constexpr Emitter kRows[] = {
    {"dropout", Dropout},
    {"random_uniform", Uniform},
    {"random_normal", Normal},
    {"random_integers", Integers},
    {"random_permutation", Permutation},
    {"random_categorical", Categorical},
};

}  // namespace

absl::Span<const Emitter> RandomEmitters() { return kRows; }

}  // namespace adjoint::onnx
