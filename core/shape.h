#ifndef ADJOINT_CORE_SHAPE_H_
#define ADJOINT_CORE_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace adjoint {

// The extent of one axis: a number, or a named symbol whose number is known only when an
// executable is made. Two dims are equal when their numbers or their symbols are. A value type of
// eight bytes; symbol names are interned for the life of the process (thread-safe).
class Dim {
 public:
  // A negative extent makes an invalid dim; Reshape reads it as "whatever remains".
  constexpr Dim(int64_t extent) : rep_(extent >= 0 ? extent : kInvalid) {}  // NOLINT: implicit

  // `name` is an identifier such as "batch".
  static Dim Symbol(absl::string_view name);

  bool is_known() const { return rep_ >= 0; }
  bool is_symbol() const { return rep_ < 0 && rep_ != kInvalid; }
  bool is_valid() const { return rep_ != kInvalid; }

  // The extent. Requires is_known().
  int64_t value() const { return rep_; }
  // The symbol's name. Requires is_symbol().
  const std::string& name() const;

  // "16", "batch", or "?" for an invalid dim.
  std::string ToString() const;

  friend bool operator==(Dim a, Dim b) { return a.rep_ == b.rep_; }
  friend bool operator!=(Dim a, Dim b) { return a.rep_ != b.rep_; }

  template <typename H>
  friend H AbslHashValue(H h, Dim d) {
    return H::combine(std::move(h), d.rep_);
  }

 private:
  static constexpr int64_t kInvalid = INT64_MIN;
  int64_t rep_;  // >= 0: the extent; -1 - k: symbol k
};

// The extents of a tensor, outermost first. Rank 0 is a scalar.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(absl::Span<const Dim> dims) : dims_(dims.begin(), dims.end()) {}
  static Shape Of(absl::Span<const int64_t> extents);

  int rank() const { return static_cast<int>(dims_.size()); }
  Dim dim(int axis) const { return dims_[axis]; }
  absl::Span<const Dim> dims() const { return dims_; }
  void set_dim(int axis, Dim d) { dims_[axis] = d; }
  void push_back(Dim d) { dims_.push_back(d); }

  // The extent of `axis`. Requires dim(axis).is_known().
  int64_t operator[](int axis) const { return dims_[axis].value(); }

  // True when every dim is a number.
  bool IsConcrete() const;
  // Requires IsConcrete(). The product of all extents, 1 for a scalar.
  int64_t NumElements() const;
  // Requires IsConcrete().
  std::vector<int64_t> Extents() const;

  // "[batch,16]", "[]" for a scalar.
  std::string ToString() const;

  friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }

  template <typename H>
  friend H AbslHashValue(H h, const Shape& s) {
    return H::combine(std::move(h), s.dims_);
  }

 private:
  absl::InlinedVector<Dim, 6> dims_;
};

// Element strides of a dense row-major array of these extents.
std::vector<int64_t> RowMajorStrides(absl::Span<const int64_t> extents);

// `axis` counted from the end when negative, made non-negative. An error names the axis, the rank
// and the allowed range.
absl::StatusOr<int> NormalizeAxis(int64_t axis, int rank);

// NormalizeAxis on each of `axes`, sorted; an axis named twice is an error.
absl::StatusOr<std::vector<int>> NormalizeAxes(absl::Span<const int64_t> axes, int rank);

// NumPy's broadcasting of two shapes: aligned at the last axis, extents equal or one of them 1.
// A symbol broadcasts with itself and with 1.
absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b);

}  // namespace adjoint

#endif  // ADJOINT_CORE_SHAPE_H_
