#include "ops/elementwise_tape.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"

namespace adjoint::ops {

ElementwiseTape::Ref ElementwiseTape::AddInput(DType dtype) {
  values_.push_back({.input = num_inputs_++, .dtype = dtype});
  return static_cast<Ref>(values_.size()) - 1;
}

ElementwiseTape::Ref ElementwiseTape::AddInstr(const OpDef* op, Attrs attrs,
                                               absl::Span<const Ref> operands, DType dtype) {
  const Ref result = static_cast<Ref>(values_.size());
  ADJOINT_CHECK(op->traits.elementwise && !operands.empty() && operands.size() <= kMaxOperands,
                absl::StrCat(op->name, " with ", operands.size(), " operands is not an instruction",
                             " of an elementwise tape"));
  for (const Ref ref : operands) {
    ADJOINT_CHECK(ref >= 0 && ref < result, absl::StrCat(op->name, " reads %", ref, " as value %",
                                                         result, " of an elementwise tape"));
  }
  values_.push_back({.op = op,
                     .attrs = std::move(attrs),
                     .operands = {operands.begin(), operands.end()},
                     .dtype = dtype});
  return result;
}

void ElementwiseTape::AddOutput(Ref ref) {
  ADJOINT_CHECK(ref >= 0 && ref < static_cast<Ref>(values_.size()),
                absl::StrCat("%", ref, " is not a value of the elementwise tape"));
  outputs_.push_back(ref);
}

std::string ElementwiseTape::ToString() const {
  const auto name = [](std::string* out, Ref ref) { absl::StrAppend(out, "%", ref); };
  std::string inputs, body;
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& v = values_[i];
    if (v.input >= 0) {
      absl::StrAppend(&inputs, inputs.empty() ? "" : ", ", "%", i, " ", DTypeName(v.dtype));
    } else {
      absl::StrAppend(&body, "%", i, " = ", v.op->name, v.attrs.ToString(), "(",
                      absl::StrJoin(v.operands, ", ", name), "); ");
    }
  }
  return absl::StrCat("(", inputs, ") ", body, "-> ", absl::StrJoin(outputs_, ", ", name));
}

bool ElementwiseTape::Equals(const AttrObject& other) const {
  const auto* tape = dynamic_cast<const ElementwiseTape*>(&other);
  if (tape == nullptr || outputs_ != tape->outputs_ || values_.size() != tape->values_.size()) {
    return false;
  }
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& a = values_[i];
    const Value& b = tape->values_[i];
    if (a.input != b.input || a.op != b.op || a.dtype != b.dtype || a.operands != b.operands ||
        a.attrs != b.attrs) {
      return false;
    }
  }
  return true;
}

}  // namespace adjoint::ops
