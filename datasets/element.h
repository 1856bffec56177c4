#ifndef ADJOINT_DATASETS_ELEMENT_H_
#define ADJOINT_DATASETS_ELEMENT_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/csr_matrix.h"
#include "core/tensor.h"

namespace adjoint::datasets {

// A tensor, or a sparse matrix. Copies share the elements.
using Component = std::variant<Tensor, CsrMatrix>;

// "f32[28,28]", "csr f32[1,10000] with 131 entries".
std::string ToString(const Component& component);
// Rows of axis 0; 0 for a scalar.
int64_t RowsOf(const Component& component);

// What a dataset yields: a sample, or a batch of them. `x` are a model's inputs, `y` its targets,
// mostly one of each; y may be empty. `sample_weight` is empty, or has for each target how much the
// sample, or each of its steps, counts in training. In a sample a tensor has no batch axis and a
// sparse matrix has one row; in a batch axis 0 counts the samples.
struct Element {
  std::vector<Component> x = {};
  std::vector<Component> y = {};
  std::vector<Component> sample_weight = {};
};

// "({f32[28,28]}, {u8[]})", with a third list where there are weights.
std::string ToString(const Element& element);

// One batch of samples: tensors of equal spec get a new first axis, sparse rows follow each other.
// Requires samples. Errors: samples that differ in number, spec or kind of their components, naming
// the sample, counted from `first`.
absl::StatusOr<Element> Stack(absl::Span<const Element> samples, int64_t first = 0);

// to[i] = from[rows[i]], along axis 0, on all threads. Requires specs that agree but for the first
// axis, and numbers of rows that exist.
void GatherRows(const Tensor& from, absl::Span<const uint32_t> rows, Tensor* to);

}  // namespace adjoint::datasets

#endif  // ADJOINT_DATASETS_ELEMENT_H_
