#include "ops/tape_closings.h"

#include <memory>

#include "absl/strings/str_cat.h"

namespace adjoint::ops {

std::string TapeClosings::ToString() const {
  constexpr const char* kNames[] = {"sum", "mean", "max", "min", "prod"};
  std::string text;
  for (const TapeClosing& c : closings_) {
    absl::StrAppend(&text, text.empty() ? "[" : ", ");
    if (c.axes == 0) {
      absl::StrAppend(&text, "none");
    } else {
      absl::StrAppend(&text, kNames[static_cast<size_t>(c.reduction)], " over ", c.axes,
                      c.keepdims ? " kept" : "");
    }
  }
  return absl::StrCat(text, "]");
}

bool TapeClosings::Equals(const AttrObject& other) const {
  const auto* closings = dynamic_cast<const TapeClosings*>(&other);
  return closings != nullptr && closings_ == closings->closings_;
}

absl::Span<const TapeClosing> ClosingsOf(const Attrs& attrs) {
  if (!attrs.Has("closings")) return {};
  const auto* closings = dynamic_cast<const TapeClosings*>(
      attrs.At<std::shared_ptr<const AttrObject>>("closings").get());
  return closings == nullptr ? absl::Span<const TapeClosing>() : closings->closings();
}

}  // namespace adjoint::ops
