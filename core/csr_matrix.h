#ifndef ADJOINT_CORE_CSR_MATRIX_H_
#define ADJOINT_CORE_CSR_MATRIX_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace adjoint {

// A sparse matrix of f32 in compressed rows. Row r holds the entries ranges[r][0] .. ranges[r][1]-1
// of `columns` and `values`. A pair of bounds a row, rather than the usual rows+1 offsets, lets a
// batch of rows in any order point into the matrix it was drawn from, so drawing one copies no
// entries (see SelectRows).
//
// Invariants, checked by every factory: 0 <= begin <= end <= stored entries; within a row columns
// ascend strictly and lie in 0 .. cols-1. Copying shares the buffers.
class CsrMatrix {
 public:
  CsrMatrix() = default;

  // offsets: rows+1 numbers, ascending from 0 to columns.size(). values: as many as columns, or
  // none at all for all ones.
  static absl::StatusOr<CsrMatrix> Create(int64_t cols, absl::Span<const int64_t> offsets,
                                          absl::Span<const int32_t> columns,
                                          absl::Span<const float> values = {});

  // The non-zeros of an f32[rows, cols].
  static absl::StatusOr<CsrMatrix> FromDense(const Tensor& dense);

  int64_t rows() const { return ranges_.size() / 2; }
  int64_t cols() const { return cols_; }
  // Entries of all rows together; an entry two rows share counts twice.
  int64_t nnz() const;

  const Tensor& ranges() const { return ranges_; }    // i64[rows, 2]
  const Tensor& columns() const { return columns_; }  // i32[stored entries]
  const Tensor& values() const { return values_; }    // f32[stored entries]
  // Whether all stored values are one, as of words that are there or not.
  bool all_ones() const { return all_ones_; }

  absl::Span<const int32_t> RowColumns(int64_t row) const;
  absl::Span<const float> RowValues(int64_t row) const;

  // The rows named by `rows`, in that order, repeats allowed, sharing columns and values. Errors: a
  // row outside the matrix.
  absl::StatusOr<CsrMatrix> SelectRows(absl::Span<const int64_t> rows) const;
  // Rows begin..end-1. Requires 0 <= begin <= end <= rows().
  CsrMatrix Rows(int64_t begin, int64_t end) const;

  // f32[rows, cols].
  absl::StatusOr<Tensor> ToDense() const;

  // "csr f32[15000,10000] with 1985230 entries".
  std::string ToString() const;

 private:
  int64_t cols_ = 0;
  bool all_ones_ = true;
  Tensor ranges_ = Tensor::Zeros({DType::kI64, Shape{0, 2}});
  Tensor columns_ = Tensor::Zeros({DType::kI32, Shape{0}});
  Tensor values_;
};

}  // namespace adjoint

#endif  // ADJOINT_CORE_CSR_MATRIX_H_
