#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/onnx/exporter.h"

// Products of matrices, dense, quantized and sparse, and determinants.

namespace adjoint::onnx {
namespace {

std::string Transposed(const Use& u, const std::string& x, int rank) {
  return u.Op("Transpose", {x}, {Attr("perm", MovedAxis(rank, rank - 1, rank - 2))});
}

absl::Status MatMul(const Use& u) {
  const auto operand = [&](int i, absl::string_view transposed) {
    const int rank = u.in(i).shape().rank();
    return u.flag(transposed) && rank > 1 ? Transposed(u, u.name(i), rank) : u.name(i);
  };
  const std::string a = operand(0, "transpose_a");
  return u.Is("MatMul", {a, operand(1, "transpose_b")});
}

absl::Status MatMulInteger(const Use& u) { return u.Is("MatMulInteger", u.names()); }

absl::Status Det(const Use& u) { return u.Is("Det", {u.name(0)}); }

absl::Status SlogDet(const Use& u) {
  const std::string det = u.Op("Det", {u.name(0)});
  return u.AreNamed({u.Op("Sign", {det}), u.Op("Log", {u.Op("Abs", {det})})});
}

// 1 of `dtype` at [row, entry] where the entry is in the row's range, inputs 0 and 1: [m, nnz].
absl::StatusOr<std::string> Membership(const Use& u, DType dtype) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string count, u.to.ShapeVector(u.in(1).shape()));
  const std::string entries =
      u.Op("Range", {u.to.Number(DType::kI64, 0), u.Op("Squeeze", {count, u.to.Ints({0})}),
                     u.to.Number(DType::kI64, 1)});
  const auto bound = [&](int64_t k) {
    return u.Op("Slice", {u.name(0), u.to.Ints({k}), u.to.Ints({k + 1}), u.to.Ints({1})});
  };
  const std::string from = u.Op("GreaterOrEqual", {entries, bound(0)});
  const std::string before = u.Op("Less", {entries, bound(1)});
  return u.to.CastTo(u.Op("And", {from, before}), dtype);
}

// The operands of a product: values at the members' places, ones where it has none, and `dense`.
struct Entries {
  std::string values;
  std::string dense;
};

Entries EntriesOf(const Use& u, const std::string& member) {
  if (u.num_inputs() == 3) return {member, u.name(2)};
  return {u.Op("Mul", {member, u.name(2)}), u.name(3)};
}

// By way of the rows of `dense` at the entries' columns.
absl::Status CsrMatMul(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string member, Membership(u, u.dtype()));
  const Entries entries = EntriesOf(u, member);
  return u.Is("MatMul", {entries.values, u.Op("Gather", {entries.dense, u.name(1)})});
}

absl::Status CsrTransposedMatMul(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string member, Membership(u, u.dtype()));
  const Entries entries = EntriesOf(u, member);
  const std::string each = u.Op("MatMul", {Transposed(u, entries.values, 2), entries.dense});
  ADJOINT_ASSIGN_OR_RETURN(const std::string zeros, u.to.Full(u.dtype(), u.spec().shape, 0));
  const std::string columns =
      u.Op("Unsqueeze", {u.to.CastTo(u.name(1), DType::kI64), u.to.Ints({1})});
  return u.Is("ScatterND", {zeros, columns, each}, {Attr("reduction", "add")});
}

absl::Status CsrSampledMatMul(const Use& u) {
  ADJOINT_ASSIGN_OR_RETURN(const std::string member, Membership(u, u.dtype()));
  const std::string rows = u.Op("MatMul", {Transposed(u, member, 2), u.name(2)});
  const std::string product = u.Op("Mul", {rows, u.Op("Gather", {u.name(3), u.name(1)})});
  return u.Is("ReduceSum", {product, u.to.Ints({1})}, {Attr("keepdims", int64_t{0})});
}

constexpr Emitter kRows[] = {
    {"matmul", MatMul},
    {"matmul_integer", MatMulInteger},
    {"det", Det},
    {"slogdet", SlogDet},
    {"csr_matmul", CsrMatMul},
    {"csr_transposed_matmul", CsrTransposedMatMul},
    {"csr_sampled_matmul", CsrSampledMatMul},
};

}  // namespace

absl::Span<const Emitter> MatrixEmitters() { return kRows; }

}  // namespace adjoint::onnx
