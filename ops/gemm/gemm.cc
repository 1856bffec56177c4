#include "ops/gemm/gemm.h"

#include <algorithm>

#include "core/simd.h"

namespace adjoint::ops {
namespace {

// A tile of c: up to max_rows rows and one panel of columns.
struct TileCall {
  int64_t k;
  const float* a;
  int64_t a_row, a_col;
  const float* b;
  int64_t b_row;
  float* pack;
  int64_t prefetch;  // rows of b ahead
  float* c;
  int64_t c_row, c_col;
  int64_t width;
  bool accumulate;
  const float* bias_row;
  const float* bias_column;
};

using TileFn = void (*)(const TileCall&);

constexpr int kMostRows = 12;

struct TileSet {
  int panel;
  int max_rows;
  TileFn tiles[kMostRows + 1][2][2];  // [rows][a along k][packs b]
  void (*pack_rows)(const float* b, int64_t b_row, int64_t k, int64_t width, float* to);
  void (*pack_columns)(const float* b, int64_t b_col, int64_t k, int64_t width, float* to);
  void (*row_times_rows)(const float* x, const float* b, int64_t b_row, int64_t k, int64_t n,
                         float* y);
  void (*row_times_columns)(const float* x, const float* b, int64_t b_col, int64_t k, int64_t n,
                            float* y);
  void (*outer)(const float* a, const float* b, int64_t m, int64_t n, int64_t c_row, float* c);
};

// Stores a tile that is not a whole panel, or lies along columns. `y` has rows of `stride`
// elements.
__attribute__((noinline)) void StoreTile(const TileCall& t, int rows, int stride, const float* y) {
  const auto store = [&](int64_t i, int64_t j) {
    float* const to = t.c + i * t.c_row + j * t.c_col;
    float value = y[i * stride + j];
    if (t.accumulate) value += *to;
    if (t.bias_row != nullptr) value += t.bias_row[j];
    if (t.bias_column != nullptr) value += t.bias_column[i];
    *to = value;
  };
  if (t.c_col == 1) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < t.width; ++j) store(i, j);
    }
  } else {
    for (int64_t j = 0; j < t.width; ++j) {
      for (int64_t i = 0; i < rows; ++i) store(i, j);
    }
  }
}

typedef int IntFour __attribute__((vector_size(16)));

namespace baseline {
#define TARGET
constexpr int kLanes = 4;
constexpr int kMaxRows = 6;
#include "ops/gemm/tiles.inc"
#undef TARGET
}  // namespace baseline

namespace avx2 {
#define TARGET ADJOINT_TARGET_AVX2
constexpr int kLanes = 8;
constexpr int kMaxRows = 6;
#include "ops/gemm/tiles.inc"
#undef TARGET
}  // namespace avx2

namespace avx512 {
#define TARGET ADJOINT_TARGET_AVX512
constexpr int kLanes = 16;
constexpr int kMaxRows = 12;
#include "ops/gemm/tiles.inc"
#undef TARGET
}  // namespace avx512

const TileSet& SelectTiles() {
  switch (CurrentIsa()) {
    case Isa::kAvx512:
      return avx512::Tiles();
    case Isa::kAvx2:
      return avx2::Tiles();
    case Isa::kBaseline:
      break;
  }
  return baseline::Tiles();
}

const TileSet& TheTiles() {
  static const TileSet& tiles = SelectTiles();
  return tiles;
}

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// m rows in tiles of about one height, none above `most`.
struct RowTiles {
  RowTiles(int64_t m, int64_t most)
      : count(CeilDiv(m, most)), height(m / count), taller(m % count) {}
  int64_t Begin(int64_t i) const { return i * height + std::min(i, taller); }
  int64_t Height(int64_t i) const { return height + (i < taller); }

  int64_t count;
  int64_t height;
  int64_t taller;  // tiles at the front with a row more
};

// to[l * rows + i] = a[i * a_row + l * a_col].
void PackTile(const float* __restrict a, int64_t a_row, int64_t a_col, int64_t rows, int64_t k,
              float* __restrict to) {
  if (a_col == 1) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t l = 0; l < k; ++l) to[l * rows + i] = a[i * a_row + l];
    }
  } else {
    for (int64_t l = 0; l < k; ++l, a += a_col, to += rows) {
      for (int64_t i = 0; i < rows; ++i) to[i] = a[i * a_row];
    }
  }
}

constexpr int64_t kAlign = 16;

}  // namespace

int64_t GemmPanel() { return TheTiles().panel; }
int64_t GemmTileRows() { return TheTiles().max_rows; }

size_t GemmBlocking::ScratchBytes() const {
  int64_t floats = CeilDiv(nc, GemmPanel()) * GemmPanel() * kc;
  floats = CeilDiv(floats, kAlign) * kAlign;
  if (pack_a) floats += CeilDiv(mc * kc, kAlign) * kAlign;
  return static_cast<size_t>(floats) * sizeof(float);
}

void Gemm(int64_t m, int64_t n, int64_t k, const GemmOperands& x, const GemmBlocking& blocking,
          void* scratch) {
  const TileSet& set = TheTiles();
  float* const b_pack = static_cast<float*>(scratch);
  const int64_t panel = set.panel;
  const int64_t b_floats =
      CeilDiv(CeilDiv(blocking.nc, panel) * panel * blocking.kc, kAlign) * kAlign;
  float* const a_pack = b_pack + b_floats;

  for (int64_t jc = 0; jc < n; jc += blocking.nc) {
    const int64_t nc = std::min(blocking.nc, n - jc);
    const int64_t panels = CeilDiv(nc, panel);
    for (int64_t pc = 0; pc < k; pc += blocking.kc) {
      const int64_t kc = std::min(blocking.kc, k - pc);
      const bool last = pc + kc == k;
      for (int64_t ic = 0; ic < m; ic += blocking.mc) {
        const int64_t mc = std::min(blocking.mc, m - ic);
        const RowTiles tiles(mc, set.max_rows);
        const float* const a = x.a + ic * x.a_row + pc * x.a_col;
        if (blocking.pack_a) {
          for (int64_t i = 0; i < tiles.count; ++i) {
            PackTile(a + tiles.Begin(i) * x.a_row, x.a_row, x.a_col, tiles.Height(i), kc,
                     a_pack + tiles.Begin(i) * kc);
          }
        }
        const auto compute = [&](int64_t i, int64_t p) {
          const int64_t row = tiles.Begin(i), rows = tiles.Height(i);
          const int64_t column = p * panel;
          const bool first_use = ic == 0 && i == 0;
          TileCall t;
          t.k = kc;
          t.width = std::min(panel, nc - column);
          float* const packed = b_pack + column * kc;
          const float* const b = x.b + (jc + column) * x.b_col + pc * x.b_row;
          bool packs = false;
          t.b = packed;
          t.b_row = panel;
          if (x.b_col != 1) {
            if (first_use) set.pack_columns(b, x.b_col, kc, t.width, packed);
          } else if (t.width < panel) {
            if (first_use) set.pack_rows(b, x.b_row, kc, t.width, packed);
          } else if (!blocking.pack_b) {
            t.b = b;
            t.b_row = x.b_row;
          } else if (first_use) {
            packs = true;
            t.b = b;
            t.b_row = x.b_row;
            t.pack = packed;
            t.prefetch = 16;
          }
          bool along_k = false;
          if (blocking.pack_a) {
            t.a = a_pack + row * kc;
            t.a_row = 1;
            t.a_col = rows;
          } else {
            t.a = a + row * x.a_row;
            t.a_row = x.a_row;
            t.a_col = x.a_col;
            along_k = x.a_col == 1;
          }
          t.c = x.c + (ic + row) * x.c_row + (jc + column) * x.c_col;
          t.c_row = x.c_row;
          t.c_col = x.c_col;
          t.accumulate = pc > 0;
          t.bias_row = last && x.bias_row != nullptr ? x.bias_row + jc + column : nullptr;
          t.bias_column = last && x.bias_column != nullptr ? x.bias_column + ic + row : nullptr;
          set.tiles[rows][along_k][packs](t);
        };
        if (blocking.rows_first) {
          for (int64_t i = 0; i < tiles.count; ++i) {
            for (int64_t p = 0; p < panels; ++p) compute(i, p);
          }
        } else {
          for (int64_t p = 0; p < panels; ++p) {
            for (int64_t i = 0; i < tiles.count; ++i) compute(i, p);
          }
        }
      }
    }
  }
}

void RowTimesMatrix(int64_t n, int64_t k, const float* x, const float* b, int64_t b_row,
                    int64_t b_col, float* y) {
  if (b_row == 1 && (b_col != 1 || k > 1)) {
    TheTiles().row_times_columns(x, b, b_col, k, n, y);
  } else {
    std::fill_n(y, n, 0.0f);
    TheTiles().row_times_rows(x, b, b_row, k, n, y);
  }
}

void OuterProduct(int64_t m, int64_t n, const float* a, const float* b, int64_t c_row, float* c) {
  TheTiles().outer(a, b, m, n, c_row, c);
}

}  // namespace adjoint::ops
