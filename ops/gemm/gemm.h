#ifndef ADJOINT_OPS_GEMM_GEMM_H_
#define ADJOINT_OPS_GEMM_GEMM_H_

#include <cstddef>
#include <cstdint>

namespace adjoint::ops {

// A product of f32 matrices, c = a b + bias, given by pointers and strides in elements:
// a[i * a_row + l * a_col], b[l * b_row + j * b_col], c[i * c_row + j * c_col]. One of the two
// strides of each is 1. `bias_row` is added to every row, `bias_column` to every column; both may
// be null.
struct GemmOperands {
  const float* a;
  const float* b;
  float* c;
  int64_t a_row, a_col;
  int64_t b_row, b_col;
  int64_t c_row, c_col;
  const float* bias_row;
  const float* bias_column;
  // Where b is packed already, its blocks of kc rows one after the other as PackRight() makes them,
  // that of row l at b_packed + l * b_packed_columns. Then b itself is not read.
  const float* b_packed = nullptr;
  int64_t b_packed_columns = 0;  // PackedColumns() of all of its columns
  int64_t b_packed_first = 0;    // the product's first column among those: a panel's first
};

// How a product is cut for the caches (Goto and van de Geijn, "Anatomy of High-Performance Matrix
// Multiplication", 2008). What is not said here does not show in the bits: each element of c is the
// sum over l in ascending order, fused multiply-adds where the CPU has them, in blocks of `kc` that
// are added one after the other.
struct GemmBlocking {
  int64_t mc = 0;  // rows of a block of a
  int64_t nc = 0;  // columns of a block of b
  int64_t kc = 0;  // depth of both
  bool pack_a =
      false;  // copies a block of a before it is used: for strides that the caches dislike
  bool pack_b =
      true;  // copies b's panels as they are first read; always, where b lies along columns
  bool rows_first = false;  // a tile's rows meet all panels before the next rows: for a small kc
  bool stream = false;      // c is written past the caches where that can be; for k <= kc

  // Elements of a packed block of b and of one of a, in whole cache lines.
  int64_t RightFloats() const;
  int64_t LeftFloats() const;
  size_t ScratchBytes() const {
    return static_cast<size_t>(RightFloats() + LeftFloats()) * sizeof(float);
  }
};

// Columns of a panel of b, and rows of the largest tile of c, for the CPU.
int64_t GemmPanel();
int64_t GemmTileRows();
// n columns in whole panels.
int64_t PackedColumns(int64_t n);

// Computes c, m x n, with K = k >= 1, on the calling thread. `scratch` has blocking.ScratchBytes()
// bytes, or for a packed b those of LeftFloats(), 64-byte aligned.
void Gemm(int64_t m, int64_t n, int64_t k, const GemmOperands& operands,
          const GemmBlocking& blocking, void* scratch);

// The same in two steps that several threads can share, for each block of `kc` terms from l = 0,
// kc, 2 kc, ... on: first PackRight() for all panels of b (columns GemmPanel() p on), of which
// there are as many as it takes for n columns; then GemmPacked() for all rows of c, cut as one
// likes: it adds the block's terms to rows i .. i + mc - 1, `scratch` being blocking.LeftFloats()
// floats.
void PackRight(int64_t first_panel, int64_t last_panel, int64_t n, int64_t kc, int64_t l,
               const GemmOperands& operands, float* packed);
void GemmPacked(int64_t i, int64_t mc, int64_t n, int64_t kc, int64_t l, int64_t k,
                const GemmOperands& operands, const float* packed, const GemmBlocking& blocking,
                void* scratch);

// y[j] = sum over l of x[l] b[l * b_row + j * b_col] for j < n; one of the strides is 1.
void RowTimesMatrix(int64_t n, int64_t k, const float* x, const float* b, int64_t b_row,
                    int64_t b_col, float* y);

// c[i * c_row + j] = a[i] b[j].
void OuterProduct(int64_t m, int64_t n, const float* a, const float* b, int64_t c_row, float* c);

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_GEMM_GEMM_H_
