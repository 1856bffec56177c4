#include "ops/gemm/gemm.h"

#include <algorithm>

#include "core/simd.h"

namespace adjoint::ops {
namespace {

// Tiles of c, one below the other: up to max_rows rows each and one panel of columns.
struct TileCall {
  int64_t tiles;
  int64_t k;
  const float* a;
  int64_t a_tile;  // from a tile's first element of a to that of the next
  int64_t a_row, a_col;
  const float* b;
  int64_t b_row;
  float* pack;
  int64_t prefetch;  // rows of b ahead
  float* c;
  int64_t c_row, c_col;
  int64_t width;
  bool accumulate;
  bool stream;  // whole tiles that nothing is added to are stored past the caches
  const float* bias_row;
  const float* bias_column;
};

using TileFn = void (*)(const TileCall&);

constexpr int64_t kAlign = 16;  // floats of a cache line

constexpr int kMostRows = 12;
// How far ahead along its rows a tile asks for the elements of a that lie so: each of the rows is a
// page of its own, and nothing else would fetch the next line of each in time.
constexpr int64_t kAhead = 32;

// Panels of b, or tiles of a, copied at once where they are neighbours in a row: the caches fetch
// ahead along a row, but not from row to row. Of short pieces of rows those some rows on are asked
// for.
constexpr int kPanelsTogether = 4;
constexpr int kTilesTogether = 8;
constexpr int64_t kRowsAhead = 8;

struct TileSet {
  int panel;
  int max_rows;
  TileFn tiles[kMostRows + 1][2][2];  // [rows][a along k][packs b]
  void (*pack_rows)(const float* b, int64_t b_row, int64_t k, int64_t width, float* to);
  void (*pack_panels)(const float* b, int64_t b_row, int64_t k, float* to);
  void (*pack_columns)(const float* b, int64_t b_col, int64_t k, int64_t width, float* to);
  void (*row_times_rows)(const float* x, const float* b, int64_t b_row, int64_t k, int64_t n,
                         float* y);
  void (*row_times_columns)(const float* x, const float* b, int64_t b_col, int64_t k, int64_t n,
                            float* y);
  void (*outer)(const float* a, const float* b, int64_t m, int64_t n, int64_t c_row, float* c);
};

// Stores a tile, from row `first` of the call's on, that is not a whole panel or lies along
// columns. `y` has rows of `stride` elements.
__attribute__((noinline)) void StoreTile(const TileCall& t, int64_t first, int rows, int stride,
                                         const float* y) {
  float* const c = t.c + first * t.c_row;
  const float* const bias_column = t.bias_column == nullptr ? nullptr : t.bias_column + first;
  const auto store = [&](int64_t i, int64_t j) {
    float* const to = c + i * t.c_row + j * t.c_col;
    float value = y[i * stride + j];
    if (t.accumulate) value += *to;
    if (t.bias_row != nullptr) value += t.bias_row[j];
    if (bias_column != nullptr) value += bias_column[i];
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
typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));

// Four rows of four elements as columns: row i's element l becomes row l's element i.
ADJOINT_INLINE void Turn(Four* rows) {
  const Four s0 = __builtin_shuffle(rows[0], rows[1], (IntFour){0, 4, 1, 5});
  const Four s1 = __builtin_shuffle(rows[0], rows[1], (IntFour){2, 6, 3, 7});
  const Four s2 = __builtin_shuffle(rows[2], rows[3], (IntFour){0, 4, 1, 5});
  const Four s3 = __builtin_shuffle(rows[2], rows[3], (IntFour){2, 6, 3, 7});
  rows[0] = __builtin_shuffle(s0, s2, (IntFour){0, 1, 4, 5});
  rows[1] = __builtin_shuffle(s0, s2, (IntFour){2, 3, 6, 7});
  rows[2] = __builtin_shuffle(s1, s3, (IntFour){0, 1, 4, 5});
  rows[3] = __builtin_shuffle(s1, s3, (IntFour){2, 3, 6, 7});
}

// The same in memory: to[l * to_row + i] = x[i * x_row + l].
inline void TurnFour(const float* x, int64_t x_row, int64_t to_row, float* to) {
  Four rows[4];
  for (int i = 0; i < 4; ++i) rows[i] = *reinterpret_cast<const Four*>(x + i * x_row);
  Turn(rows);
  for (int l = 0; l < 4; ++l) *reinterpret_cast<Four*>(to + l * to_row) = rows[l];
}

namespace baseline {
#define TARGET
#define STREAM __builtin_ia32_movntps
constexpr int kLanes = 4;
constexpr int kMaxRows = 6;
#include "ops/gemm/tiles.inc"
#undef STREAM
#undef TARGET
}  // namespace baseline

namespace avx2 {
#define TARGET ADJOINT_TARGET_AVX2
#define STREAM __builtin_ia32_movntps256
constexpr int kLanes = 8;
constexpr int kMaxRows = 6;
#include "ops/gemm/tiles.inc"
#undef STREAM
#undef TARGET
}  // namespace avx2

namespace avx512 {
#define TARGET ADJOINT_TARGET_AVX512
#define STREAM __builtin_ia32_movntps512
constexpr int kLanes = 16;
constexpr int kMaxRows = 12;
#include "ops/gemm/tiles.inc"
#undef STREAM
#undef TARGET
}  // namespace avx512

const TileSet& SelectTiles() {
  switch (CurrentIsa()) {
    case Isa::kAvx512:
      return avx512::Set();
    case Isa::kAvx2:
      return avx2::Set();
    case Isa::kBaseline:
      break;
  }
  return baseline::Set();
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

// PackTile() of tiles of rows >= 4, one below the other, where a_row = 1.
void PackTilesOfColumns(const float* __restrict a, int64_t a_col, int64_t tiles, int64_t rows,
                        int64_t k, float* __restrict to) {
  const int64_t width = tiles * rows;
  for (int64_t l = 0; l < k; ++l, a += a_col, to += rows) {
    for (int64_t i = 0; i < width; i += kAlign) __builtin_prefetch(a + kRowsAhead * a_col + i);
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const float* const x = a + tile * rows;
      float* const y = to + tile * rows * k;
      const auto copy_four = [&](int64_t i) {
        *reinterpret_cast<Four*>(y + i) = *reinterpret_cast<const Four*>(x + i);
      };
      for (int64_t i = 0; i + 4 < rows; i += 4) copy_four(i);
      copy_four(rows - 4);  // overlaps those before
    }
  }
}

// to[l * rows + i] = a[i * a_row + l * a_col].
void PackTile(const float* __restrict a, int64_t a_row, int64_t a_col, int64_t rows, int64_t k,
              float* __restrict to) {
  if (a_col != 1) {
    for (int64_t l = 0; l < k; ++l, a += a_col, to += rows) {
      for (int64_t i = 0; i < rows; ++i) to[i] = a[i * a_row];
    }
    return;
  }
  int64_t l = 0;
  for (; l + 4 <= k; l += 4) {
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) TurnFour(a + i * a_row + l, a_row, rows, to + l * rows + i);
    for (; i < rows; ++i) {
      const float* const x = a + i * a_row + l;
      float* const y = to + l * rows + i;
      y[0] = x[0];
      y[rows] = x[1];
      y[2 * rows] = x[2];
      y[3 * rows] = x[3];
    }
  }
  for (; l < k; ++l) {
    for (int64_t i = 0; i < rows; ++i) to[l * rows + i] = a[i * a_row + l];
  }
}

// Tiles first .. last - 1, all of one height, to `to`.
void PackTiles(const float* a, int64_t a_row, int64_t a_col, const RowTiles& tiles, int64_t first,
               int64_t last, int64_t k, float* to) {
  for (int64_t i = first; i < last;) {
    const int64_t row = tiles.Begin(i), rows = tiles.Height(i);
    if (a_row == 1 && rows >= 4) {
      const int64_t count = std::min<int64_t>(kTilesTogether, last - i);
      PackTilesOfColumns(a + row, a_col, count, rows, k, to + row * k);
      i += count;
    } else {
      PackTile(a + row * a_row, a_row, a_col, rows, k, to + row * k);
      ++i;
    }
  }
}

}  // namespace

int64_t GemmPanel() { return TheTiles().panel; }
int64_t GemmTileRows() { return TheTiles().max_rows; }
int64_t PackedColumns(int64_t n) { return CeilDiv(n, GemmPanel()) * GemmPanel(); }

int64_t GemmBlocking::RightFloats() const {
  return CeilDiv(PackedColumns(nc) * kc, kAlign) * kAlign;
}

int64_t GemmBlocking::LeftFloats() const { return pack_a ? CeilDiv(mc * kc, kAlign) * kAlign : 0; }

namespace {

// A panel of k rows, `width` columns from `b` on.
void PackPanel(const float* b, const GemmOperands& x, int64_t k, int64_t width, float* to) {
  const TileSet& set = TheTiles();
  if (x.b_col != 1) {
    set.pack_columns(b, x.b_col, k, width, to);
  } else {
    set.pack_rows(b, x.b_row, k, width, to);
  }
}

// A block of c: what one packed block of a and one of b give. The operands begin at the block.
struct BlockCall {
  int64_t m, n, k;
  GemmOperands x;
  bool accumulate;
  bool b_is_packed;  // what is to be packed of b
  float* b_pack;     // panels of k rows
  float* a_pack;
};

void MultiplyBlock(const BlockCall& block, const GemmBlocking& blocking) {
  const TileSet& set = TheTiles();
  const GemmOperands& x = block.x;
  const int64_t panel = set.panel, k = block.k;
  const int64_t panels = CeilDiv(block.n, panel);
  const RowTiles tiles(block.m, set.max_rows);
  if (blocking.pack_a) {
    PackTiles(x.a, x.a_row, x.a_col, tiles, 0, tiles.taller, k, block.a_pack);
    PackTiles(x.a, x.a_row, x.a_col, tiles, tiles.taller, tiles.count, k, block.a_pack);
  }
  // Tiles first .. last - 1, all of one height, under panel p. `packs`: they are the first to meet
  // it.
  const auto compute = [&](int64_t first, int64_t last, int64_t p, bool meets_first) {
    if (first == last) return;
    const int64_t row = tiles.Begin(first), rows = tiles.Height(first);
    const int64_t column = p * panel;
    TileCall t;
    t.tiles = last - first;
    t.k = k;
    t.width = std::min(panel, block.n - column);
    float* const packed = block.b_pack + column * k;
    const float* const b = x.b + column * x.b_col;
    const bool as_it_lies = x.b_col == 1 && t.width == panel;
    const bool meets_first_rows = meets_first && !block.b_is_packed;
    // As it lies a panel is read in place, or packed by the tile that first reads it.
    const bool packs = as_it_lies && blocking.pack_b && meets_first_rows;
    const bool in_place = as_it_lies && (!blocking.pack_b || packs);
    if (!as_it_lies && meets_first_rows) PackPanel(b, x, k, t.width, packed);
    t.b = in_place ? b : packed;
    t.b_row = in_place ? x.b_row : panel;
    t.pack = packed;
    t.prefetch = 16;
    bool along_k = false;
    if (blocking.pack_a) {
      t.a = block.a_pack + row * k;
      t.a_row = 1;
      t.a_col = rows;
      t.a_tile = rows * k;
    } else {
      t.a = x.a + row * x.a_row;
      t.a_row = x.a_row;
      t.a_col = x.a_col;
      t.a_tile = rows * x.a_row;
      along_k = x.a_col == 1;
    }
    t.c = x.c + row * x.c_row + column * x.c_col;
    t.c_row = x.c_row;
    t.c_col = x.c_col;
    t.accumulate = block.accumulate;
    t.stream = blocking.stream && x.c_col == 1 && x.c_row % kAlign == 0 &&
               reinterpret_cast<uintptr_t>(t.c) % (kAlign * sizeof(float)) == 0;
    t.bias_row = x.bias_row == nullptr ? nullptr : x.bias_row + column;
    t.bias_column = x.bias_column == nullptr ? nullptr : x.bias_column + row;
    set.tiles[rows][along_k][packs](t);
  };
  if (blocking.rows_first) {
    for (int64_t i = 0; i < tiles.count; ++i) {
      for (int64_t p = 0; p < panels; ++p) compute(i, i + 1, p, i == 0);
    }
    return;
  }
  for (int64_t p = 0; p < panels; ++p) {
    compute(0, 1, p, true);
    const int64_t taller = std::max<int64_t>(1, tiles.taller);
    compute(1, taller, p, false);
    compute(taller, tiles.count, p, false);
  }
}

// The block of c, and of a product of depth k, at row i, column j and depth l.
GemmOperands At(const GemmOperands& x, int64_t i, int64_t j, int64_t l, bool last) {
  GemmOperands y = x;
  y.a += i * x.a_row + l * x.a_col;
  y.b += l * x.b_row + j * x.b_col;
  y.c += i * x.c_row + j * x.c_col;
  y.bias_row = last && x.bias_row != nullptr ? x.bias_row + j : nullptr;
  y.bias_column = last && x.bias_column != nullptr ? x.bias_column + i : nullptr;
  return y;
}

}  // namespace

void Gemm(int64_t m, int64_t n, int64_t k, const GemmOperands& x, const GemmBlocking& blocking,
          void* scratch) {
  float* const own = static_cast<float*>(scratch);
  float* const a_pack = own + (x.b_packed == nullptr ? blocking.RightFloats() : 0);
  for (int64_t j = 0; j < n; j += blocking.nc) {
    for (int64_t l = 0; l < k; l += blocking.kc) {
      const int64_t kc = std::min(blocking.kc, k - l);
      float* const b_pack = x.b_packed == nullptr
                                ? own
                                : const_cast<float*>(x.b_packed) + l * x.b_packed_columns +
                                      (x.b_packed_first + j) * kc;
      for (int64_t i = 0; i < m; i += blocking.mc) {
        MultiplyBlock({.m = std::min(blocking.mc, m - i),
                       .n = std::min(blocking.nc, n - j),
                       .k = kc,
                       .x = At(x, i, j, l, l + kc == k),
                       .accumulate = l > 0,
                       .b_is_packed = i > 0 || x.b_packed != nullptr,
                       .b_pack = b_pack,
                       .a_pack = a_pack},
                      blocking);
      }
    }
  }
}

void PackRight(int64_t first, int64_t last, int64_t n, int64_t kc, int64_t l, const GemmOperands& x,
               float* to) {
  const int64_t panel = GemmPanel();
  const float* const b = x.b + l * x.b_row;
  int64_t p = first;
  if (x.b_col == 1) {
    for (; p + kPanelsTogether <= last && (p + kPanelsTogether) * panel <= n;
         p += kPanelsTogether) {
      TheTiles().pack_panels(b + p * panel, x.b_row, kc, to + p * panel * kc);
    }
  }
  for (; p < last; ++p) {
    const int64_t column = p * panel, width = std::min(panel, n - column);
    PackPanel(b + column * x.b_col, x, kc, width, to + column * kc);
  }
}

void GemmPacked(int64_t i, int64_t mc, int64_t n, int64_t kc, int64_t l, int64_t k,
                const GemmOperands& x, const float* b_pack, const GemmBlocking& blocking,
                void* scratch) {
  MultiplyBlock({.m = mc,
                 .n = n,
                 .k = kc,
                 .x = At(x, i, 0, l, l + kc == k),
                 .accumulate = l > 0,
                 .b_is_packed = true,
                 .b_pack = const_cast<float*>(b_pack),
                 .a_pack = static_cast<float*>(scratch)},
                blocking);
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
