#include "core/tensor.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"

namespace adjoint {
namespace {

Tensor ValueOrDie(absl::StatusOr<Tensor> tensor) {
  ADJOINT_CHECK(tensor.ok(), tensor.status().message());
  return *std::move(tensor);
}

}  // namespace

Tensor::Tensor() : spec_{DType::kF32, Shape{0}} {}

absl::StatusOr<Tensor> Tensor::Allocate(const TensorSpec& spec) {
  ADJOINT_ASSIGN_OR_RETURN(int64_t bytes, spec.ByteSize());
  auto buffer = Buffer::Allocate(static_cast<size_t>(bytes));
  if (!buffer.ok()) {
    return absl::Status(buffer.status().code(), absl::StrCat("a tensor ", spec.ToString(), ": ",
                                                             buffer.status().message()));
  }
  Tensor t;
  t.spec_ = spec;
  t.size_ = spec.shape.NumElements();
  t.buffer_ = *std::move(buffer);
  t.data_ = t.buffer_->data();
  return t;
}

absl::StatusOr<Tensor> Tensor::AllocateZeros(const TensorSpec& spec) {
  ADJOINT_ASSIGN_OR_RETURN(Tensor t, Allocate(spec));
  std::memset(t.data_, 0, static_cast<size_t>(t.bytes()));
  return t;
}

Tensor Tensor::Empty(const TensorSpec& spec) { return ValueOrDie(Allocate(spec)); }
Tensor Tensor::Zeros(const TensorSpec& spec) { return ValueOrDie(AllocateZeros(spec)); }

double Tensor::ValueAt(int64_t i) const {
  return VisitDType(dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<double>(static_cast<const T*>(data_)[i]);
  });
}

Tensor Tensor::Clone() const {
  Tensor copy = Empty(spec_);
  if (size_ > 0) std::memcpy(copy.data_, data_, static_cast<size_t>(bytes()));
  return copy;
}

Tensor Tensor::Rows(int64_t begin, int64_t end) const {
  ADJOINT_CHECK(shape().rank() >= 1 && 0 <= begin && begin <= end && end <= shape()[0],
                absl::StrCat("Tensor::Rows(", begin, ", ", end, ") of ", spec_.ToString()));
  Tensor view = *this;
  view.spec_.shape.set_dim(0, end - begin);
  view.size_ = view.spec_.shape.NumElements();
  if (view.size_ > 0) {
    view.data_ = static_cast<char*>(data_) + bytes() / shape()[0] * begin;
  }
  return view;
}

absl::StatusOr<Tensor> Tensor::Reshaped(const Shape& shape) const {
  if (!shape.IsConcrete() || shape.NumElements() != size_) {
    return absl::InvalidArgumentError(absl::StrCat("a tensor ", spec_.ToString(), " of ", size_,
                                                   " elements cannot take the shape ",
                                                   shape.ToString()));
  }
  Tensor view = *this;
  view.spec_.shape = shape;
  return view;
}

std::string Tensor::ToString(int64_t limit) const {
  std::string text = absl::StrCat(spec_.ToString(), " {");
  for (int64_t i = 0; i < std::min(limit, size_); ++i) {
    absl::StrAppend(&text, i > 0 ? ", " : "", ValueAt(i));
  }
  absl::StrAppend(&text, size_ > limit ? ", ...}" : "}");
  return text;
}

void Tensor::CheckDType(DType asked) const {
  ADJOINT_CHECK(asked == spec_.dtype,
                absl::StrCat("Tensor::data: elements asked for as ", DTypeName(asked),
                             ", but the tensor is ", spec_.ToString()));
}

void Tensor::CheckCount(size_t given) const {
  ADJOINT_CHECK(given == static_cast<size_t>(size_),
                absl::StrCat("Tensor::Of: ", given, " values given for ", spec_.ToString()));
}

bool BitwiseEqual(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() &&
         (a.size() == 0 || std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0);
}

}  // namespace adjoint
