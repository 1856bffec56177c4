#include "core/csr_matrix.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"

namespace adjoint {
namespace {

absl::Status CheckRow(int64_t row, absl::Span<const int32_t> columns, int64_t cols) {
  int64_t previous = -1;
  for (int32_t column : columns) {
    if (column <= previous || column >= cols) {
      return absl::InvalidArgumentError(
          column < 0 || column >= cols
              ? absl::StrCat("a CSR matrix of ", cols, " columns: row ", row, " names column ",
                             column, ", outside 0..", cols - 1)
              : absl::StrCat("a CSR matrix: columns must ascend within a row, but in row ", row,
                             " column ", column, " follows ", previous,
                             "; sort them and merge repeats"));
    }
    previous = column;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CsrMatrix> CsrMatrix::Create(int64_t cols, absl::Span<const int64_t> offsets,
                                            absl::Span<const int32_t> columns,
                                            absl::Span<const float> values) {
  if (cols < 0 || cols > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a CSR matrix cannot have ", cols, " columns: 0 to 2^31-1 are possible"));
  }
  if (!values.empty() && values.size() != columns.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a CSR matrix needs a value for each column: ", columns.size(), " columns, ",
                     values.size(), " values"));
  }
  const int64_t stored = static_cast<int64_t>(columns.size());
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != stored) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a CSR matrix's row offsets must begin with 0 and end with the number of entries, ", stored,
        "; given are ", offsets.size(), " offsets",
        offsets.empty() ? "" : absl::StrCat(" from ", offsets.front(), " to ", offsets.back())));
  }
  const int64_t rows = static_cast<int64_t>(offsets.size()) - 1;
  for (int64_t r = 0; r < rows; ++r) {
    if (offsets[r] > offsets[r + 1] || offsets[r + 1] > stored) {
      return absl::InvalidArgumentError(
          absl::StrCat("a CSR matrix's row offsets must ascend to the number of entries, ", stored,
                       ", but row ", r, " runs from ", offsets[r], " to ", offsets[r + 1]));
    }
    ADJOINT_RETURN_IF_ERROR(
        CheckRow(r, columns.subspan(offsets[r], offsets[r + 1] - offsets[r]), cols));
  }
  CsrMatrix m;
  m.cols_ = cols;
  ADJOINT_ASSIGN_OR_RETURN(m.ranges_, Tensor::Allocate({DType::kI64, Shape{rows, 2}}));
  ADJOINT_ASSIGN_OR_RETURN(m.columns_, Tensor::Allocate({DType::kI32, Shape{stored}}));
  ADJOINT_ASSIGN_OR_RETURN(m.values_, Tensor::Allocate({DType::kF32, Shape{stored}}));
  absl::Span<int64_t> ranges = m.ranges_.mutable_data<int64_t>();
  for (int64_t r = 0; r < rows; ++r) {
    ranges[2 * r] = offsets[r];
    ranges[2 * r + 1] = offsets[r + 1];
  }
  std::copy(columns.begin(), columns.end(), m.columns_.mutable_data<int32_t>().begin());
  if (values.empty()) {
    absl::Span<float> ones = m.values_.mutable_data<float>();
    std::fill(ones.begin(), ones.end(), 1.0f);
  } else {
    m.all_ones_ = std::all_of(values.begin(), values.end(), [](float v) { return v == 1.0f; });
    std::copy(values.begin(), values.end(), m.values_.mutable_data<float>().begin());
  }
  return m;
}

absl::StatusOr<CsrMatrix> CsrMatrix::FromDense(const Tensor& dense) {
  if (dense.dtype() != DType::kF32 || dense.shape().rank() != 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a CSR matrix is made from an f32 matrix of rank 2, not from ", dense.spec().ToString()));
  }
  const int64_t rows = dense.shape()[0], cols = dense.shape()[1];
  const absl::Span<const float> x = dense.data<float>();
  std::vector<int64_t> offsets = {0};
  std::vector<int32_t> columns;
  std::vector<float> values;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      if (x[r * cols + c] != 0) {
        columns.push_back(static_cast<int32_t>(c));
        values.push_back(x[r * cols + c]);
      }
    }
    offsets.push_back(static_cast<int64_t>(columns.size()));
  }
  return Create(cols, offsets, columns, values);
}

int64_t CsrMatrix::nnz() const {
  const absl::Span<const int64_t> ranges = ranges_.data<int64_t>();
  int64_t n = 0;
  for (size_t i = 0; i + 1 < ranges.size(); i += 2) n += ranges[i + 1] - ranges[i];
  return n;
}

absl::Span<const int32_t> CsrMatrix::RowColumns(int64_t row) const {
  const absl::Span<const int64_t> ranges = ranges_.data<int64_t>();
  return columns_.data<int32_t>().subspan(ranges[2 * row], ranges[2 * row + 1] - ranges[2 * row]);
}

absl::Span<const float> CsrMatrix::RowValues(int64_t row) const {
  const absl::Span<const int64_t> ranges = ranges_.data<int64_t>();
  return values_.data<float>().subspan(ranges[2 * row], ranges[2 * row + 1] - ranges[2 * row]);
}

absl::StatusOr<CsrMatrix> CsrMatrix::SelectRows(absl::Span<const int64_t> rows) const {
  CsrMatrix picked = *this;
  ADJOINT_ASSIGN_OR_RETURN(
      picked.ranges_, Tensor::Allocate({DType::kI64, Shape{static_cast<int64_t>(rows.size()), 2}}));
  const absl::Span<const int64_t> from = ranges_.data<int64_t>();
  const absl::Span<int64_t> to = picked.ranges_.mutable_data<int64_t>();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= this->rows()) {
      return absl::InvalidArgumentError(
          absl::StrCat("row ", rows[i], " of ", ToString(), " does not exist"));
    }
    to[2 * i] = from[2 * rows[i]];
    to[2 * i + 1] = from[2 * rows[i] + 1];
  }
  return picked;
}

CsrMatrix CsrMatrix::Rows(int64_t begin, int64_t end) const {
  CsrMatrix view = *this;
  view.ranges_ = ranges_.Rows(begin, end);
  return view;
}

absl::StatusOr<Tensor> CsrMatrix::ToDense() const {
  ADJOINT_ASSIGN_OR_RETURN(Tensor dense,
                           Tensor::AllocateZeros({DType::kF32, Shape{rows(), cols_}}));
  const absl::Span<float> x = dense.mutable_data<float>();
  for (int64_t r = 0; r < rows(); ++r) {
    const absl::Span<const int32_t> columns = RowColumns(r);
    const absl::Span<const float> values = RowValues(r);
    for (size_t k = 0; k < columns.size(); ++k) x[r * cols_ + columns[k]] = values[k];
  }
  return dense;
}

std::string CsrMatrix::ToString() const {
  return absl::StrCat("csr f32[", rows(), ",", cols_, "] with ", nnz(), " entries");
}

}  // namespace adjoint
