#ifndef ADJOINT_CORE_TENSOR_H_
#define ADJOINT_CORE_TENSOR_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/buffer.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "core/tensor_spec.h"

namespace adjoint {

// A dense row-major array whose shape is all numbers. Copying a tensor shares its buffer; Clone()
// copies the elements. Reading from several threads is safe; writing needs a buffer held alone.
class Tensor {
 public:
  // An empty f32[0].
  Tensor();

  // Uninitialised elements. Errors: a dim that is not a number, a size beyond the address space,
  // no memory. Use this for sizes that come from a file or a user.
  static absl::StatusOr<Tensor> Allocate(const TensorSpec& spec);
  // All bytes zero. Errors as Allocate.
  static absl::StatusOr<Tensor> AllocateZeros(const TensorSpec& spec);

  // As above for sizes that the program knows to be right: a failure ends the process with its
  // message, as operator new would.
  static Tensor Empty(const TensorSpec& spec);
  static Tensor Zeros(const TensorSpec& spec);

  // Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}). Ends the process when the counts differ.
  template <typename T>
  static Tensor Of(const Shape& shape, absl::Span<const T> values);
  template <typename T>
  static Tensor Of(const Shape& shape, std::initializer_list<T> values) {
    return Of<T>(shape, absl::Span<const T>(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor Vector(absl::Span<const T> values) {
    return Of<T>(Shape{static_cast<int64_t>(values.size())}, values);
  }
  template <typename T>
  static Tensor Scalar(T value) {
    return Of<T>(Shape{}, absl::Span<const T>(&value, 1));
  }

  const TensorSpec& spec() const { return spec_; }
  DType dtype() const { return spec_.dtype; }
  const Shape& shape() const { return spec_.shape; }
  int64_t size() const { return size_; }
  int64_t bytes() const { return size_ * static_cast<int64_t>(DTypeSize(spec_.dtype)); }

  const void* raw() const { return data_; }
  void* mutable_raw() { return data_; }

  // The elements. Requires DTypeOf<T> == dtype(), checked.
  template <typename T>
  absl::Span<const T> data() const {
    CheckDType(DTypeOf<T>);
    // Not in braces: those would make a bool of each argument, and a list of them, for T = bool.
    return absl::Span<const T>(static_cast<const T*>(data_), static_cast<size_t>(size_));
  }
  template <typename T>
  absl::Span<T> mutable_data() {
    CheckDType(DTypeOf<T>);
    return absl::Span<T>(static_cast<T*>(data_), static_cast<size_t>(size_));
  }
  // The only element of a tensor of one element.
  template <typename T>
  T item() const {
    return data<T>()[0];
  }

  // Element i in memory order, converted to double.
  double ValueAt(int64_t i) const;

  // True when no other tensor shares the buffer.
  bool HoldsBufferAlone() const { return buffer_.use_count() == 1; }

  // A tensor of its own with equal elements.
  Tensor Clone() const;

  // Rows begin..end-1 of axis 0, sharing the buffer. Requires rank >= 1 and
  // 0 <= begin <= end <= shape()[0].
  Tensor Rows(int64_t begin, int64_t end) const;

  // The same elements under another shape of as many, sharing the buffer; an error otherwise.
  absl::StatusOr<Tensor> Reshaped(const Shape& shape) const;

  // "f32[2,3] {1, 2, 3, 4, 5, 6}", cut after `limit` elements.
  std::string ToString(int64_t limit = 8) const;

 private:
  void CheckDType(DType asked) const;
  void CheckCount(size_t given) const;

  TensorSpec spec_;
  int64_t size_ = 0;
  std::shared_ptr<Buffer> buffer_;
  void* data_ = nullptr;
};

// True when specs and all bytes are equal.
bool BitwiseEqual(const Tensor& a, const Tensor& b);

template <typename T>
Tensor Tensor::Of(const Shape& shape, absl::Span<const T> values) {
  Tensor t = Empty({DTypeOf<T>, shape});
  absl::Span<T> to = t.mutable_data<T>();
  t.CheckCount(values.size());
  for (size_t i = 0; i < to.size(); ++i) to[i] = values[i];
  return t;
}

}  // namespace adjoint

#endif  // ADJOINT_CORE_TENSOR_H_
