#ifndef ADJOINT_CORE_ATTRS_H_
#define ADJOINT_CORE_ATTRS_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/check.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace adjoint {

// An attribute value that a layer above core defines (a fused kernel's tape, a sub-program).
// Immutable and shared.
class AttrObject {
 public:
  virtual ~AttrObject() = default;
  virtual std::string ToString() const = 0;
  virtual bool Equals(const AttrObject& other) const = 0;
};

// Kinds of attribute values. The numbers are written into model files: append, never renumber.
enum class AttrKind : uint8_t {
  kInt = 0,
  kFloat = 1,
  kBool = 2,
  kString = 3,
  kDType = 4,
  kInts = 5,
  kShape = 6,
  kTensor = 7,
  kObject = 8,
};

// The index of the alternative is its AttrKind.
using AttrValue = std::variant<int64_t, double, bool, std::string, DType, std::vector<int64_t>,
                               Shape, Tensor, std::shared_ptr<const AttrObject>>;

absl::string_view AttrKindName(AttrKind kind);
inline AttrKind KindOf(const AttrValue& value) { return static_cast<AttrKind>(value.index()); }

// What distinguishes one use of an op from another, fixed when the node is made: a small map from
// name to value, kept sorted by name. Tensors compare bit by bit. Copies share their entries until
// one of them is changed, for passes copy every node.
class Attrs {
 public:
  using Entry = std::pair<std::string, AttrValue>;

  Attrs() = default;
  Attrs(std::initializer_list<Entry> entries);

  void Set(absl::string_view name, AttrValue value);

  // The value, or null when there is none of this name.
  const AttrValue* Find(absl::string_view name) const;
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }

  // The value of a name and type that the op's declaration guarantees; ends the process otherwise.
  template <typename T>
  const T& At(absl::string_view name) const {
    const AttrValue* value = Find(name);
    ADJOINT_CHECK(value != nullptr && std::holds_alternative<T>(*value), MissingMessage(name));
    return std::get<T>(*value);
  }
  template <typename T>
  T GetOr(absl::string_view name, T fallback) const {
    return Has(name) ? At<T>(name) : std::move(fallback);
  }

  absl::Span<const Entry> entries() const {
    return entries_ == nullptr ? absl::Span<const Entry>() : absl::MakeConstSpan(*entries_);
  }
  bool empty() const { return entries_ == nullptr; }

  // "{axes=[0], keepdims=false}", "" when empty.
  std::string ToString() const;
  uint64_t Fingerprint() const;

  friend bool operator==(const Attrs& a, const Attrs& b);
  friend bool operator!=(const Attrs& a, const Attrs& b) { return !(a == b); }

 private:
  std::string MissingMessage(absl::string_view name) const;

  std::shared_ptr<std::vector<Entry>> entries_;  // null when empty; not changed while shared
};

}  // namespace adjoint

#endif  // ADJOINT_CORE_ATTRS_H_
