#ifndef ADJOINT_OPS_STREAM_H_
#define ADJOINT_OPS_STREAM_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/parallel.h"
#include "core/simd.h"

namespace adjoint::ops {

// Results of at least this many bytes do not fit into the caches, so nothing is lost by writing
// them past those; and what is gained is that memory need not be read before it is written. The
// size of a server's last-level cache.
constexpr int64_t kStreamBytes = int64_t{32} << 20;

// memcpy with stores past the caches, for a large result that is made in pieces. `to` begins at a
// multiple of 16 bytes, or plain stores are used. Call StreamFence() before another thread may read
// `to`.
inline void StreamCopy(void* to, const void* from, int64_t bytes) {
#if defined(__SSE2__)
  if (reinterpret_cast<uintptr_t>(to) % 16 == 0) {
    auto* const target = static_cast<__m128i*>(to);
    const auto* const source = static_cast<const __m128i*>(from);
    const int64_t words = bytes / 16;
    int64_t i = 0;
    for (; i + 4 <= words; i += 4) {  // a line of the cache at once
      const __m128i a = _mm_loadu_si128(source + i), b = _mm_loadu_si128(source + i + 1);
      const __m128i c = _mm_loadu_si128(source + i + 2), d = _mm_loadu_si128(source + i + 3);
      _mm_stream_si128(target + i, a);
      _mm_stream_si128(target + i + 1, b);
      _mm_stream_si128(target + i + 2, c);
      _mm_stream_si128(target + i + 3, d);
    }
    for (; i < words; ++i) _mm_stream_si128(target + i, _mm_loadu_si128(source + i));
    std::memcpy(target + words, source + words, static_cast<size_t>(bytes - words * 16));
    return;
  }
#endif
  std::memcpy(to, from, static_cast<size_t>(bytes));
}

// to[i] = from[i] * factor, stored past the caches, for kernel bodies (core/simd.h). `to` begins at
// a multiple of 16 bytes, and n is a multiple of 4 unless it is the end of an array.
ADJOINT_INLINE void StreamScaled(float* __restrict to, const float* __restrict from, float factor,
                                 int64_t n) {
  int64_t i = 0;
#if defined(__SSE2__)
  const __m128 factors = _mm_set1_ps(factor);
  for (; i + 4 <= n; i += 4) _mm_stream_ps(to + i, _mm_mul_ps(_mm_loadu_ps(from + i), factors));
#endif
  for (; i < n; ++i) to[i] = from[i] * factor;
}

inline void StreamFence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// The longest row that StreamRows() takes: one that leaves room in the first-level cache.
constexpr int64_t kStreamRowBytes = 24 << 10;

// Whether rows x n elements of T are worth StreamRows().
template <typename T>
bool StreamsRows(int64_t rows, int64_t n) {
  const int64_t row_bytes = n * static_cast<int64_t>(sizeof(T));
  return row_bytes <= kStreamRowBytes && rows >= kStreamBytes / row_bytes;
}

// Makes rows begin..end-1 of `out` by make(row, to) in a buffer, and streams them.
template <typename T, typename Make>
void StreamRows(T* out, int64_t begin, int64_t end, int64_t n, const Make& make) {
  alignas(64) char buffer[kStreamRowBytes];
  T* const row_buffer = reinterpret_cast<T*>(buffer);
  for (int64_t row = begin; row < end; ++row) {
    make(row, row_buffer);
    StreamCopy(out + row * n, row_buffer, n * static_cast<int64_t>(sizeof(T)));
  }
  StreamFence();
}

// Makes rows x n elements of `out` in parallel: make(row, count, to) makes `count` rows from `row`
// on, one below the other, at `to`, which is their place in `out`, or for a large result a buffer
// that is streamed. `grain` are elements of a part, about; n >= 1.
template <typename T, typename Make>
void ParallelRows(T* out, int64_t rows, int64_t n, int64_t grain, const Make& make) {
  const bool streams = StreamsRows<T>(rows, n);
  ParallelForRange(rows, std::max<int64_t>(1, grain / n), [&](int64_t begin, int64_t end) {
    if (streams) {
      StreamRows<T>(out, begin, end, n, [&](int64_t row, T* to) { make(row, int64_t{1}, to); });
    } else {
      make(begin, end - begin, out + begin * n);
    }
  });
}

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_STREAM_H_
