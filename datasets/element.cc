#include "datasets/element.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"

namespace adjoint::datasets {
namespace {

std::string ListToString(const std::vector<Component>& list) {
  std::string text = "{";
  for (size_t i = 0; i < list.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", ToString(list[i]));
  }
  return text + "}";
}

absl::Status Differs(int64_t sample, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot make a batch: sample ", sample, " has ", what));
}

absl::StatusOr<Component> StackTensors(absl::Span<const Component* const> parts, const char* name,
                                       int64_t first) {
  const TensorSpec& spec = std::get<Tensor>(*parts[0]).spec();
  Shape shape{static_cast<int64_t>(parts.size())};
  for (const int64_t extent : spec.shape.Extents()) shape.push_back(extent);
  ADJOINT_ASSIGN_OR_RETURN(Tensor batch, Tensor::Allocate({spec.dtype, shape}));
  char* to = static_cast<char*>(batch.mutable_raw());
  for (size_t i = 0; i < parts.size(); ++i) {
    const Tensor* const part = std::get_if<Tensor>(parts[i]);
    if (part == nullptr || part->spec() != spec) {
      return Differs(first + static_cast<int64_t>(i),
                     absl::StrCat(name, " ", ToString(*parts[i]), ", sample ", first, " ",
                                  spec.ToString(), "; they must agree"));
    }
    if (part->bytes() > 0) std::memcpy(to, part->raw(), static_cast<size_t>(part->bytes()));
    to += part->bytes();
  }
  return batch;
}

absl::StatusOr<Component> StackRows(absl::Span<const Component* const> parts, const char* name,
                                    int64_t first) {
  const int64_t cols = std::get<CsrMatrix>(*parts[0]).cols();
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (size_t i = 0; i < parts.size(); ++i) {
    const CsrMatrix* const part = std::get_if<CsrMatrix>(parts[i]);
    if (part == nullptr || part->cols() != cols || part->rows() != 1) {
      return Differs(first + static_cast<int64_t>(i),
                     absl::StrCat(name, " ", ToString(*parts[i]), ", wanted is one row of ", cols,
                                  " columns, as of sample ", first));
    }
    const absl::Span<const int32_t> row = part->RowColumns(0);
    columns.insert(columns.end(), row.begin(), row.end());
    values.insert(values.end(), part->RowValues(0).begin(), part->RowValues(0).end());
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  ADJOINT_ASSIGN_OR_RETURN(CsrMatrix matrix, CsrMatrix::Create(cols, offsets, columns, values));
  return matrix;
}

absl::StatusOr<std::vector<Component>> StackLists(absl::Span<const Element> samples,
                                                  std::vector<Component> Element::*list,
                                                  const char* name, int64_t first) {
  const size_t count = (samples[0].*list).size();
  for (size_t i = 0; i < samples.size(); ++i) {
    const size_t has = (samples[i].*list).size();
    if (has == count) continue;
    return Differs(first + static_cast<int64_t>(i),
                   absl::StrCat(has, " of ", name, ", sample ", first, " has ", count));
  }
  std::vector<Component> batch;
  std::vector<const Component*> parts(samples.size());
  for (size_t c = 0; c < count; ++c) {
    for (size_t i = 0; i < samples.size(); ++i) parts[i] = &(samples[i].*list)[c];
    const bool sparse = std::holds_alternative<CsrMatrix>(*parts[0]);
    ADJOINT_ASSIGN_OR_RETURN(Component stacked, sparse ? StackRows(parts, name, first)
                                                       : StackTensors(parts, name, first));
    batch.push_back(std::move(stacked));
  }
  return batch;
}

}  // namespace

std::string ToString(const Component& component) {
  const Tensor* const tensor = std::get_if<Tensor>(&component);
  return tensor != nullptr ? tensor->spec().ToString() : std::get<CsrMatrix>(component).ToString();
}

int64_t RowsOf(const Component& component) {
  const Tensor* const tensor = std::get_if<Tensor>(&component);
  if (tensor == nullptr) return std::get<CsrMatrix>(component).rows();
  return tensor->shape().rank() == 0 ? 0 : tensor->shape()[0];
}

std::string ToString(const Element& element) {
  std::string text = absl::StrCat("(", ListToString(element.x), ", ", ListToString(element.y));
  if (!element.sample_weight.empty()) {
    absl::StrAppend(&text, ", ", ListToString(element.sample_weight));
  }
  return text + ")";
}

absl::StatusOr<Element> Stack(absl::Span<const Element> samples, int64_t first) {
  Element batch;
  ADJOINT_ASSIGN_OR_RETURN(batch.x, StackLists(samples, &Element::x, "x", first));
  ADJOINT_ASSIGN_OR_RETURN(batch.y, StackLists(samples, &Element::y, "y", first));
  ADJOINT_ASSIGN_OR_RETURN(batch.sample_weight,
                           StackLists(samples, &Element::sample_weight, "sample_weight", first));
  return batch;
}

namespace {

// Copies rows of `kBytes`, or where that is 0 of `bytes`. A copy of a fixed size is an instruction
// or two, and many reads are under way at once.
template <size_t kBytes>
void CopyRows(const char* from, absl::Span<const uint32_t> rows, size_t bytes, char* to) {
  const size_t size = kBytes == 0 ? bytes : kBytes;
  for (const uint32_t row : rows) {
    std::memcpy(to, from + row * size, size);
    to += size;
  }
}

}  // namespace

void GatherRows(const Tensor& from, absl::Span<const uint32_t> rows, Tensor* to) {
  if (rows.empty()) return;
  const size_t bytes = static_cast<size_t>(from.bytes() / from.shape()[0]);
  if (bytes == 0) return;
  const auto copy = bytes == 1    ? CopyRows<1>
                    : bytes == 4  ? CopyRows<4>
                    : bytes == 8  ? CopyRows<8>
                    : bytes == 16 ? CopyRows<16>
                                  : CopyRows<0>;
  const char* const source = static_cast<const char*>(from.raw());
  char* const target = static_cast<char*>(to->mutable_raw());
  // Pieces of some 256 KB; bounds of sparse rows and labels are one piece.
  const int64_t grain = std::max<int64_t>(1, (1 << 18) / static_cast<int64_t>(bytes));
  ParallelForRange(static_cast<int64_t>(rows.size()), grain, [&](int64_t begin, int64_t end) {
    copy(source, rows.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), bytes,
         target + static_cast<size_t>(begin) * bytes);
  });
}

}  // namespace adjoint::datasets
