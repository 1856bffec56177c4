#ifndef ADJOINT_NN_INITIALIZERS_H_
#define ADJOINT_NN_INITIALIZERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace adjoint::nn {

// How a variable begins, as a name with numbers, which is also how it is written in model files:
//
//   "zeros", "ones", "constant(v)"
//   "random_uniform(low, high)"          in [low, high)
//   "random_normal(mean, deviation)"
//   "glorot_uniform"  uniform in +-sqrt(6 / (fan_in + fan_out))
//   "glorot_normal"   normal of deviation sqrt(2 / (fan_in + fan_out))
//   "he_uniform"      uniform in +-sqrt(6 / fan_in)
//   "he_normal"       normal of deviation sqrt(2 / fan_in)
//   "orthogonal(gain)"  orthonormal rows or columns, whichever are fewer, times the gain (1)
//   "unit_forget_bias"  1 in the second quarter, that of an LSTM's forget gate, and 0 elsewhere
//
// Glorot and Bengio (2010), He et al. (2015). The last two normals are, as in Keras, truncated at
// twice the deviation of the normal they are cut from, which is widened to have that deviation once
// cut. Fans are Keras': rows and columns of a matrix; for higher ranks the last two extents times
// the product of the others. Orthogonal matrices (Saxe et al., 2014) are the Q of a matrix of
// normal numbers whose R has a positive diagonal; of higher ranks, all but the last axis are one. A
// wrong name is an error of Draw.
class Initializer {
 public:
  Initializer(const char* text) : text_(text) {}             // NOLINT: implicit
  Initializer(std::string text) : text_(std::move(text)) {}  // NOLINT: implicit

  // Begins as this tensor. Its text, "given", makes no initializer.
  Initializer(Tensor value) : text_("given"), value_(std::move(value)) {}  // NOLINT: implicit

  const std::string& text() const { return text_; }

  // A tensor of `spec` (floating). Its numbers depend on the seed, the path (the variable's name in
  // its model, "dense/kernel") and the spec, and on nothing else.
  absl::StatusOr<Tensor> Draw(const TensorSpec& spec, uint64_t seed, absl::string_view path) const;

 private:
  std::string text_;
  std::optional<Tensor> value_;
};

Initializer Constant(double value);
Initializer RandomUniform(double low = -0.05, double high = 0.05);
Initializer RandomNormal(double mean = 0, double deviation = 0.05);

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_INITIALIZERS_H_
