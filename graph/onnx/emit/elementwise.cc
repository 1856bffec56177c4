#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "graph/onnx/exporter.h"

// Elementwise ops that are no operator by themselves.

namespace adjoint::onnx {
namespace {

absl::Status Cast(const Use& u) { return u.Is(u.to.CastTo(u.name(0), u.dtype())); }

absl::Status Identity(const Use& u) { return u.Is(u.name(0)); }

absl::Status Square(const Use& u) { return u.Is("Mul", {u.name(0), u.name(0)}); }

absl::Status NotEqual(const Use& u) { return u.Is("Not", {u.Op("Equal", u.names())}); }

// 0.5 x (1 + erf(x / sqrt(2)))
absl::Status Gelu(const Use& u) {
  const std::string scaled = u.Op("Mul", {u.name(0), u.Number(std::sqrt(0.5))});
  const std::string sum = u.Op("Add", {u.Op("Erf", {scaled}), u.Number(1)});
  return u.Is("Mul", {u.Op("Mul", {u.name(0), u.Number(0.5)}), sum});
}

// 2 sinh(x / 2) exp(x / 2) near 0, where exp(x) - 1 cancels.
absl::Status Expm1(const Use& u) {
  const std::string x = u.name(0), half = u.Op("Mul", {x, u.Number(0.5)});
  const std::string product = u.Op("Mul", {u.Op("Sinh", {half}), u.Op("Exp", {half})});
  const std::string near = u.Op("Less", {u.Op("Abs", {x}), u.Number(1)});
  const std::string far = u.Op("Sub", {u.Op("Exp", {x}), u.Number(1)});
  return u.Is("Where", {near, u.Op("Mul", {product, u.Number(2)}), far});
}

// With u = 1 + x rounded: log(u) x / (u - 1), or x where u is 1, or log(u) where u - 1 is x
// (Kahan).
absl::Status Log1p(const Use& u) {
  const std::string x = u.name(0), one = u.Number(1);
  const std::string sum = u.Op("Add", {x, one});
  const std::string log = u.Op("Log", {sum}), back = u.Op("Sub", {sum, one});
  const std::string scaled = u.Op("Mul", {log, u.Op("Div", {x, back})});
  const std::string large = u.Op("Where", {u.Op("Equal", {back, x}), log, scaled});
  return u.Is("Where", {u.Op("Equal", {sum, one}), x, large});
}

absl::Status Exp2(const Use& u) { return u.Is("Pow", {u.Number(2), u.name(0)}); }

template <int base>
absl::Status LogOf(const Use& u) {
  return u.Is("Div", {u.Op("Log", {u.name(0)}), u.Number(std::log(static_cast<double>(base)))});
}

// The angle of (x, y): atan(y / x), moved by pi where x < 0, and +-pi/2 on the axis.
absl::Status Atan2(const Use& u) {
  const std::string y = u.name(0), x = u.name(1), zero = u.Number(0), pi = u.Number(M_PI);
  const std::string angle = u.Op("Atan", {u.Op("Div", {y, x})});
  const std::string below = u.Op("Less", {y, zero});
  const std::string turn = u.Op("Where", {below, u.Op("Neg", {pi}), pi});
  const std::string left =
      u.Op("Where", {u.Op("Less", {x, zero}), u.Op("Add", {angle, turn}), angle});
  const std::string upright = u.Op("Mul", {u.Op("Sign", {y}), u.Number(M_PI / 2)});
  return u.Is("Where", {u.Op("Equal", {x, zero}), upright, left});
}

absl::Status Trunc(const Use& u) {
  const std::string x = u.name(0);
  return u.Is("Where", {u.Op("Less", {x, u.Number(0)}), u.Op("Ceil", {x}), u.Op("Floor", {x})});
}

absl::Status Fmod(const Use& u) { return u.Is("Mod", u.names(), {Attr("fmod", int64_t{1})}); }

// ONNX's own is for integers. Floats: the remainder of fmod, plus b where their signs differ.
absl::Status Mod(const Use& u) {
  if (!IsFloating(u.dtype())) return u.Is("Mod", u.names());
  const std::string zero = u.Number(0), b = u.name(1);
  const std::string rest = u.Op("Mod", u.names(), {Attr("fmod", int64_t{1})});
  const std::string differ = u.Op("Xor", {u.Op("Less", {rest, zero}), u.Op("Less", {b, zero})});
  const std::string some = u.Op("Not", {u.Op("Equal", {rest, zero})});
  const std::string moved = u.Op("And", {differ, some});
  return u.Is("Where", {moved, u.Op("Add", {rest, b}), rest});
}

DType UnsignedOf(DType dtype) {
  switch (dtype) {
    case DType::kI8:
      return DType::kU8;
    case DType::kI16:
      return DType::kU16;
    case DType::kI32:
      return DType::kU32;
    case DType::kI64:
      return DType::kU64;
    default:
      return dtype;
  }
}

// All ones minus x.
absl::Status BitwiseNot(const Use& u) {
  const std::string ones = VisitDType(u.dtype(), [&](auto tag) -> std::string {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      return u.to.Constant(Tensor::Scalar<T>(static_cast<T>(~T{0})));
    } else {
      return u.Number(1);
    }
  });
  return u.Is("Sub", {ones, u.name(0)});
}

// BitShift is for unsigned types and counts below their bits.
std::string Shifted(const Use& u, const std::string& x, absl::string_view direction) {
  const DType type = UnsignedOf(u.dtype());
  const std::string bits = u.to.Number(type, 8.0 * static_cast<double>(DTypeSize(type)));
  const std::string count = u.to.CastTo(u.name(1), type);
  const std::string within = u.Op("Less", {count, bits}), zero = u.to.Number(type, 0);
  const std::string shifted =
      u.Op("BitShift", {u.to.CastTo(x, type), u.Op("Where", {within, count, zero})},
           {Attr("direction", direction)});
  return u.to.CastTo(u.Op("Where", {within, shifted, zero}), u.dtype());
}

absl::Status ShiftLeft(const Use& u) { return u.Is(Shifted(u, u.name(0), "LEFT")); }

// A negative number is shifted as its complement, -1 - x, so that its sign fills up.
absl::Status ShiftRight(const Use& u) {
  if (UnsignedOf(u.dtype()) == u.dtype()) return u.Is(Shifted(u, u.name(0), "RIGHT"));
  const std::string x = u.name(0), ones = u.Number(-1);
  const std::string negative = u.Op("Less", {x, u.Number(0)});
  const std::string magnitude = u.Op("Where", {negative, u.Op("Sub", {ones, x}), x});
  const std::string shifted = Shifted(u, magnitude, "RIGHT");
  return u.Is("Where", {negative, u.Op("Sub", {ones, shifted}), shifted});
}

absl::Status NoBits(const Use&) {
  return absl::UnimplementedError("ONNX has operators on bits from operator set 18 on");
}

constexpr Emitter kRows[] = {
    {"cast", Cast},
    {"stop_gradient", Identity},
    {"barrier", Identity},
    {"saved", Identity},
    {"square", Square},
    {"not_equal", NotEqual},
    {"gelu", Gelu},
    {"expm1", Expm1},
    {"log1p", Log1p},
    {"exp2", Exp2},
    {"log2", LogOf<2>},
    {"log10", LogOf<10>},
    {"atan2", Atan2},
    {"trunc", Trunc},
    {"mod", Mod},
    {"fmod", Fmod},
    {"bitwise_not", BitwiseNot},
    {"bitwise_and", NoBits},
    {"bitwise_or", NoBits},
    {"bitwise_xor", NoBits},
    {"shift_left", ShiftLeft},
    {"shift_right", ShiftRight},
};

}  // namespace

absl::Span<const Emitter> ElementwiseEmitters() { return kRows; }

}  // namespace adjoint::onnx
