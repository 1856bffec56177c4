#include "graph/onnx/node_context.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/onnx/importer.h"
#include "ops/builder.h"

namespace adjoint::onnx {
namespace {

std::string AttributeTypeName(int type) {
  return pb::AttributeProto_AttributeType_Name(static_cast<pb::AttributeProto_AttributeType>(type));
}

// Before version 2 of the format attributes did not say their type.
bool HasField(const pb::AttributeProto& a, pb::AttributeProto::AttributeType type) {
  switch (type) {
    case pb::AttributeProto::FLOAT:
      return a.has_f();
    case pb::AttributeProto::INT:
      return a.has_i();
    case pb::AttributeProto::STRING:
      return a.has_s();
    case pb::AttributeProto::TENSOR:
      return a.has_t();
    case pb::AttributeProto::GRAPH:
      return a.has_g();
    case pb::AttributeProto::TYPE_PROTO:
      return a.has_tp();
    default:
      return true;  // lists may be empty
  }
}

}  // namespace

NodeContext::NodeContext(Importer& importer, const pb::NodeProto& node, int64_t version,
                         Scope* scope, Values inputs)
    : importer_(importer),
      graph_(importer.graph()),
      node_(node),
      version_(version),
      scope_(scope),
      inputs_(std::move(inputs)) {}

bool NodeContext::ok() const { return status_.ok() && importer_.ok(); }

Var NodeContext::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  return Var{&graph_, -1, 0};
}

Var NodeContext::Fail(absl::string_view what) { return Fail(absl::InvalidArgumentError(what)); }

Var NodeContext::Unsupported(absl::string_view what) {
  return Fail(absl::UnimplementedError(what));
}

Var NodeContext::In(int i) {
  if (!Has(i)) return Fail(absl::StrCat("input ", i, " is missing"));
  if (!inputs_[i].is_tensor()) return Fail(absl::StrCat("input ", i, " must be a tensor"));
  return inputs_[i].var;
}

const Value& NodeContext::InValue(int i) {
  static const Value* const none = new Value;
  if (Has(i)) return inputs_[i];
  Fail(absl::StrCat("input ", i, " is missing"));
  return *none;
}

std::vector<Var> NodeContext::Ins() {
  std::vector<Var> vars;
  for (int i = 0; i < num_inputs(); ++i) vars.push_back(In(i));
  return vars;
}

const pb::AttributeProto* NodeContext::FindAttr(absl::string_view name,
                                                pb::AttributeProto::AttributeType type,
                                                bool required) {
  read_.insert(std::string(name));
  for (const pb::AttributeProto& a : node_.attribute()) {
    if (a.name() != name) continue;
    if ((a.type() != pb::AttributeProto::UNDEFINED && a.type() != type) || !HasField(a, type)) {
      Fail(absl::DataLossError(absl::StrCat("attribute '", name, "' must be of type ",
                                            AttributeTypeName(type), ", but is of type ",
                                            AttributeTypeName(a.type()))));
      return nullptr;
    }
    return &a;
  }
  if (required) Fail(absl::StrCat("attribute '", name, "' is missing"));
  return nullptr;
}

bool NodeContext::HasAttr(absl::string_view name) {
  return std::any_of(node_.attribute().begin(), node_.attribute().end(),
                     [&](const pb::AttributeProto& a) { return a.name() == name; });
}

int64_t NodeContext::Int(absl::string_view name) {
  const auto* a = FindAttr(name, pb::AttributeProto::INT, /*required=*/true);
  return a == nullptr ? 0 : a->i();
}

int64_t NodeContext::Int(absl::string_view name, int64_t fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::INT, /*required=*/false);
  return a == nullptr ? fallback : a->i();
}

float NodeContext::Float(absl::string_view name, float fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::FLOAT, /*required=*/false);
  return a == nullptr ? fallback : a->f();
}

std::string NodeContext::String(absl::string_view name, absl::string_view fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::STRING, /*required=*/false);
  return a == nullptr ? std::string(fallback) : a->s();
}

std::vector<int64_t> NodeContext::Ints(absl::string_view name, std::vector<int64_t> fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::INTS, /*required=*/false);
  return a == nullptr ? std::move(fallback)
                      : std::vector<int64_t>(a->ints().begin(), a->ints().end());
}

std::vector<float> NodeContext::Floats(absl::string_view name, std::vector<float> fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::FLOATS, /*required=*/false);
  return a == nullptr ? std::move(fallback)
                      : std::vector<float>(a->floats().begin(), a->floats().end());
}

std::vector<std::string> NodeContext::Strings(absl::string_view name,
                                              std::vector<std::string> fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::STRINGS, /*required=*/false);
  return a == nullptr ? std::move(fallback)
                      : std::vector<std::string>(a->strings().begin(), a->strings().end());
}

Tensor NodeContext::TensorAttr(absl::string_view name) {
  const auto* a = FindAttr(name, pb::AttributeProto::TENSOR, /*required=*/true);
  if (a == nullptr) return Tensor();
  absl::StatusOr<Tensor> tensor = importer_.ReadTensor(a->t());
  if (tensor.ok()) return *std::move(tensor);
  Fail(tensor.status());
  return Tensor();
}

const pb::GraphProto& NodeContext::GraphAttr(absl::string_view name) {
  const auto* a = FindAttr(name, pb::AttributeProto::GRAPH, /*required=*/true);
  return a == nullptr ? pb::GraphProto::default_instance() : a->g();
}

const pb::TypeProto& NodeContext::TypeAttr(absl::string_view name) {
  const auto* a = FindAttr(name, pb::AttributeProto::TYPE_PROTO, /*required=*/true);
  return a == nullptr ? pb::TypeProto::default_instance() : a->tp();
}

DType NodeContext::DTypeAttr(absl::string_view name, DType fallback) {
  const auto* a = FindAttr(name, pb::AttributeProto::INT, /*required=*/false);
  if (a == nullptr) return fallback;
  const absl::StatusOr<DType> dtype =
      DTypeFromOnnx(static_cast<int32_t>(std::clamp<int64_t>(a->i(), 0, 1 << 20)));
  if (dtype.ok()) return *dtype;
  Fail(absl::Status(dtype.status().code(),
                    absl::StrCat("attribute '", name, "': ", dtype.status().message())));
  return fallback;
}

std::string NodeContext::Choice(absl::string_view name, absl::string_view fallback,
                                absl::Span<const absl::string_view> choices) {
  const std::string value = String(name, fallback);
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    Unsupported(absl::StrCat("attribute '", name, "' is '", value, "'; supported are ",
                             absl::StrJoin(choices, ", ")));
    return std::string(fallback);
  }
  return value;
}

Tensor NodeContext::Known(Var v) {
  if (!ok() || !v.valid()) return Tensor();
  absl::StatusOr<Tensor> value = importer_.knowledge().Get(v);
  if (value.ok()) return *std::move(value);
  Fail(value.status());
  return Tensor();
}

Tensor NodeContext::Known(int i) {
  const Var v = In(i);
  if (!ok() || !v.valid()) return Tensor();
  absl::StatusOr<Tensor> value = importer_.knowledge().Get(v);
  if (value.ok()) return *std::move(value);
  Fail(absl::Status(value.status().code(),
                    absl::StrCat("input ", i, ": ", value.status().message())));
  return Tensor();
}

std::optional<Tensor> NodeContext::FindKnown(Var v) {
  if (!ok() || !v.valid()) return std::nullopt;
  return importer_.knowledge().Find(v);
}

std::vector<int64_t> NodeContext::KnownInts(int i) {
  const Tensor value = Known(i);
  if (!ok()) return {};
  if (!IsInteger(value.dtype()) || value.shape().rank() > 1) {
    Fail(absl::StrCat("input ", i, " must be a vector of integers, not ", value.spec().ToString()));
    return {};
  }
  std::vector<int64_t> ints;
  for (int64_t k = 0; k < value.size(); ++k) ints.push_back(IntAt(value, k));
  return ints;
}

int64_t NodeContext::KnownInt(int i) {
  const Tensor value = Known(i);
  if (!ok()) return 0;
  if (value.size() != 1) {
    Fail(absl::StrCat("input ", i, " must be a single number, not ", value.spec().ToString()));
    return 0;
  }
  return IntAt(value, 0);
}

double NodeContext::KnownNumber(int i) {
  const Tensor value = Known(i);
  if (!ok()) return 0;
  if (value.size() != 1) {
    Fail(absl::StrCat("input ", i, " must be a single number, not ", value.spec().ToString()));
    return 0;
  }
  return value.ValueAt(0);
}

std::vector<double> NodeContext::KnownNumbers(int i) {
  const Tensor value = Known(i);
  std::vector<double> numbers;
  if (!ok()) return numbers;
  for (int64_t k = 0; k < value.size(); ++k) numbers.push_back(value.ValueAt(k));
  return numbers;
}

std::vector<Dim> NodeContext::KnownDims(int i, bool allow_unknown) {
  const Var v = In(i);
  if (!ok()) return {};
  std::optional<std::vector<Dim>> dims = importer_.knowledge().FindDims(v);
  if (dims.has_value()) {
    const auto unknown =
        std::count_if(dims->begin(), dims->end(), [](Dim d) { return !d.is_valid(); });
    if (unknown == 0 || allow_unknown) return *std::move(dims);
  }
  std::vector<Dim> result;
  for (int64_t extent : KnownInts(i)) result.push_back(extent);
  return result;
}

std::optional<std::vector<Dim>> NodeContext::FindDims(Var v) {
  if (!ok() || !v.valid()) return std::nullopt;
  return importer_.knowledge().FindDims(v);
}

void NodeContext::SetDims(Var v, std::vector<Dim> dims) {
  if (ok()) importer_.knowledge().SetDims(v, std::move(dims));
}

std::optional<std::vector<int64_t>> NodeContext::IntsAttrOrInput(absl::string_view name, int i,
                                                                 int64_t since) {
  if (version_ < since) {
    if (!HasAttr(name)) return std::nullopt;
    return Ints(name);
  }
  if (!Has(i)) return std::nullopt;
  return KnownInts(i);
}

int64_t NodeContext::Extent(Var v, int64_t axis) {
  if (!ok() || !v.valid()) return 0;
  const int at = Axis(axis, v.shape().rank());
  if (!ok()) return 0;
  const Dim d = v.shape().dim(at);
  if (d.is_known()) return d.value();
  Unsupported(absl::StrCat("the extent of axis ", at, " of ", v.spec().ToString(),
                           " must be a number; give one for the dim in ImportOptions::dims"));
  return 0;
}

std::vector<int64_t> NodeContext::Extents(Var v) {
  std::vector<int64_t> extents;
  if (!ok() || !v.valid()) return extents;
  for (int axis = 0; axis < v.shape().rank(); ++axis) extents.push_back(Extent(v, axis));
  return extents;
}

int NodeContext::Axis(int64_t axis, int rank) {
  const absl::StatusOr<int> normal = NormalizeAxis(axis, rank);
  if (normal.ok()) return *normal;
  Fail(normal.status());
  return 0;
}

bool NodeContext::RankIs(Var v, int lo, int hi) {
  if (!ok() || !v.valid()) return false;
  const int rank = v.shape().rank();
  if (rank >= lo && rank <= hi) return true;
  Fail(absl::StrCat(
      "an operand ", v.spec().ToString(), " has rank ", rank, ", where it must be ",
      lo == hi ? absl::StrCat(lo)
               : (rank < lo ? absl::StrCat("at least ", lo) : absl::StrCat("at most ", hi))));
  return false;
}

Var NodeContext::Constant(Tensor value) { return graph_.Constant(std::move(value)); }

Var NodeContext::ConstantInts(absl::Span<const int64_t> values) {
  return Constant(Tensor::Vector<int64_t>(values));
}

Var NodeContext::ScalarOf(DType dtype, double number) {
  return VisitDType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return Constant(Tensor::Scalar<T>(static_cast<T>(number)));
  });
}

Values NodeContext::Inline(const pb::GraphProto& graph, Values inputs) {
  if (!ok()) return {};
  absl::StatusOr<Values> outputs = importer_.Inline(graph, scope_, std::move(inputs));
  if (outputs.ok()) return *std::move(outputs);
  Fail(outputs.status());
  return {};
}

const pb::AttributeProto* NodeContext::UnreadAttribute() const {
  for (const pb::AttributeProto& a : node_.attribute()) {
    if (!read_.contains(a.name())) return &a;
  }
  return nullptr;
}

}  // namespace adjoint::onnx
