#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/onnx/lower/helpers.h"
#include "ops/shape_ops.h"

// Sequences and optionals. Their lengths are known, so they are lists of values here and leave
// nothing to be computed but their elements.

namespace adjoint::onnx {
namespace {

using ops::Var;

const Value& Sequence(NodeContext& c, int i) {
  const Value& value = c.InValue(i);
  if (c.ok() && value.kind != Value::Kind::kSequence) {
    c.Fail(absl::StrCat("input ", i, " must be a sequence"));
  }
  return value;
}

// Input i as a position among n, which may count from the end.
int64_t Position(NodeContext& c, int i, int64_t n) {
  int64_t at = c.KnownInt(i);
  if (!c.ok()) return 0;
  if (at < 0) at += n;
  if (at >= 0 && at < n) return at;
  c.Fail(absl::StrCat("position ", at, " is outside of 0 .. ", n - 1));
  return 0;
}

Values SequenceConstruct(NodeContext& c) {
  Values elements;
  for (int i = 0; i < c.num_inputs(); ++i) elements.push_back(c.InValue(i));
  return {Value::Sequence(std::move(elements))};
}

Values SequenceEmpty(NodeContext& c) {
  c.DTypeAttr("dtype", DType::kF32);
  return {Value::Sequence({})};
}

Values SequenceAt(NodeContext& c) {
  const Value& sequence = Sequence(c, 0);
  const int64_t at = Position(c, 1, static_cast<int64_t>(sequence.elements.size()));
  if (!c.ok()) return {};
  return {sequence.elements[at]};
}

Values SequenceInsert(NodeContext& c) {
  Values elements = Sequence(c, 0).elements;
  const int64_t n = static_cast<int64_t>(elements.size());
  const int64_t at = c.Has(2) ? Position(c, 2, n + 1) : n;
  // Counted from the end, -1 is in front of the last element.
  const bool from_end = c.Has(2) && c.KnownInt(2) < 0;
  if (!c.ok()) return {};
  elements.insert(elements.begin() + (from_end ? std::max<int64_t>(at - 1, 0) : at), c.InValue(1));
  return {Value::Sequence(std::move(elements))};
}

Values SequenceErase(NodeContext& c) {
  Values elements = Sequence(c, 0).elements;
  const int64_t n = static_cast<int64_t>(elements.size());
  if (n == 0) return One(c.Fail("the sequence is empty"));
  const int64_t at = c.Has(1) ? Position(c, 1, n) : n - 1;
  if (!c.ok()) return {};
  elements.erase(elements.begin() + at);
  return {Value::Sequence(std::move(elements))};
}

Values SequenceLength(NodeContext& c) {
  return One(c.Scalar<int64_t>(static_cast<int64_t>(Sequence(c, 0).elements.size())));
}

Values ConcatFromSequence(NodeContext& c) {
  const Value& sequence = Sequence(c, 0);
  const int64_t axis = c.Int("axis");
  const bool new_axis = c.Flag("new_axis", false);
  if (!c.ok()) return {};
  if (sequence.elements.empty()) return One(c.Fail("the sequence is empty"));
  std::vector<ops::Operand> parts;
  for (const Value& element : sequence.elements) {
    if (!element.is_tensor()) return One(c.Fail("the elements must be tensors"));
    parts.push_back(new_axis ? ops::ExpandDims(element.var, axis) : element.var);
  }
  return One(ops::Concat(parts, axis));
}

// Into slices of one element (without their axis, unless keepdims), of at most `split` elements, or
// of these numbers of elements.
Values SplitToSequence(NodeContext& c) {
  const Var x = c.In(0);
  const int axis = c.Axis(c.Int("axis", 0), x.shape().rank());
  const bool keepdims = c.Flag("keepdims", true);
  const int64_t extent = c.Extent(x, axis);
  std::vector<int64_t> sizes;
  if (!c.Has(1)) {
    if (extent > 1000000) return One(c.Unsupported("a sequence of more than a million elements"));
    sizes.assign(extent, 1);
  } else if (c.In(1).shape().rank() == 0) {
    const int64_t size = c.KnownInt(1);
    if (!c.ok()) return {};
    if (size < 1 || extent / size > 1000000) {
      return One(c.Fail(absl::StrCat("an extent of ", extent, " in parts of ", size)));
    }
    for (int64_t at = 0; at < extent; at += size) sizes.push_back(std::min(size, extent - at));
  } else {
    sizes = c.KnownInts(1);
  }
  if (!c.ok()) return {};
  Values elements;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    if (size < 0 || size > extent - begin) {
      return One(c.Fail(absl::StrCat("the parts do not add up to the extent, ", extent)));
    }
    Var part = ops::SliceAxis(x, axis, begin, begin + size);
    if (!c.Has(1) && !keepdims) part = ops::Squeeze(part, {axis});
    elements.push_back(part);
    begin += size;
  }
  if (begin != extent) {
    return One(c.Fail(absl::StrCat("the parts add up to ", begin, ", but the extent is ", extent)));
  }
  return {Value::Sequence(std::move(elements))};
}

// The body once for each element of the first sequence, with the elements of other sequences beside
// it and tensors as they are.
Values SequenceMap(NodeContext& c) {
  const pb::GraphProto& body = c.GraphAttr("body");
  const size_t n = Sequence(c, 0).elements.size();
  if (!c.ok()) return {};
  std::vector<Values> columns(body.output_size());
  for (size_t i = 0; i < n; ++i) {
    Values inputs;
    for (int k = 0; k < c.num_inputs(); ++k) {
      const Value& value = c.InValue(k);
      if (value.kind != Value::Kind::kSequence) {
        inputs.push_back(value);
      } else if (value.elements.size() == n) {
        inputs.push_back(value.elements[i]);
      } else {
        return One(c.Fail(
            absl::StrCat("the sequences have ", n, " and ", value.elements.size(), " elements")));
      }
    }
    Values outputs = c.Inline(body, std::move(inputs));
    if (!c.ok()) return {};
    for (size_t k = 0; k < columns.size(); ++k) columns[k].push_back(outputs[k]);
  }
  Values results;
  for (Values& column : columns) results.push_back(Value::Sequence(std::move(column)));
  return results;
}

Values Optional(NodeContext& c) {
  if (c.HasAttr("type")) c.TypeAttr("type");
  if (!c.Has(0)) return {Value::Optional({})};
  return {Value::Optional({c.InValue(0)})};
}

Values OptionalGetElement(NodeContext& c) {
  const Value& optional = c.InValue(0);
  if (!c.ok()) return {};
  if (optional.kind != Value::Kind::kOptional) return {optional};
  if (optional.elements.empty()) return One(c.Fail("the optional is empty"));
  return {optional.elements[0]};
}

Values OptionalHasElement(NodeContext& c) {
  const Value& optional = c.InValue(0);
  const bool empty = optional.kind == Value::Kind::kOptional && optional.elements.empty();
  return One(c.Scalar<bool>(!empty));
}

constexpr Lowering kRows[] = {
    {"SequenceConstruct", 11, 1, kVariadic, SequenceConstruct, Takes::kValues},
    {"SequenceEmpty", 11, 0, 0, SequenceEmpty, Takes::kValues},
    {"SequenceAt", 11, 2, 2, SequenceAt, Takes::kValues},
    {"SequenceInsert", 11, 2, 3, SequenceInsert, Takes::kValues},
    {"SequenceErase", 11, 1, 2, SequenceErase, Takes::kValues},
    {"SequenceLength", 11, 1, 1, SequenceLength, Takes::kValues},
    {"ConcatFromSequence", 11, 1, 1, ConcatFromSequence, Takes::kValues},
    {"SplitToSequence", 11, 1, 2, SplitToSequence, Takes::kValues},
    {"SequenceMap", 17, 1, kVariadic, SequenceMap, Takes::kValues},
    {"Optional", 15, 0, 1, Optional, Takes::kValues},
    {"OptionalGetElement", 15, 1, 1, OptionalGetElement, Takes::kValues},
    {"OptionalHasElement", 15, 1, 1, OptionalHasElement, Takes::kValues},
};

}  // namespace

absl::Span<const Lowering> SequenceLowerings() { return kRows; }

}  // namespace adjoint::onnx
