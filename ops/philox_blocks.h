#ifndef ADJOINT_OPS_PHILOX_BLOCKS_H_
#define ADJOINT_OPS_PHILOX_BLOCKS_H_

#include <cstdint>

#include "core/simd.h"

// Philox for kernel bodies (core/simd.h): many blocks at once.

namespace adjoint::ops {

inline constexpr int kPhiloxBlocks = 32;
inline constexpr int64_t kPhiloxGroup = 4 * kPhiloxBlocks;  // elements

ADJOINT_INLINE uint32_t HighProduct(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>((uint64_t{a} * b) >> 32);
}

// Blocks first .. first + 31 of RandomStream (core/philox.h), the elements one after the other. The
// loops over blocks stay loops, else they are unrolled before they are vectorised.
ADJOINT_INLINE void MakePhiloxBlocks(uint64_t seed, uint64_t stream, uint64_t step, uint64_t first,
                                     uint32_t* __restrict bits) {
  uint32_t c0[kPhiloxBlocks], c1[kPhiloxBlocks], c2[kPhiloxBlocks], c3[kPhiloxBlocks];
#pragma GCC unroll 1
  for (int b = 0; b < kPhiloxBlocks; ++b) {
    c0[b] = static_cast<uint32_t>(first) + static_cast<uint32_t>(b);
    c1[b] = static_cast<uint32_t>(step);
    c2[b] = static_cast<uint32_t>(stream);
    c3[b] = static_cast<uint32_t>(stream >> 32);
  }
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 1
    for (int b = 0; b < kPhiloxBlocks; ++b) {
      const uint32_t high0 = HighProduct(c0[b], 0xD2511F53), low0 = c0[b] * 0xD2511F53;
      const uint32_t high1 = HighProduct(c2[b], 0xCD9E8D57), low1 = c2[b] * 0xCD9E8D57;
      c0[b] = high1 ^ c1[b] ^ key0;
      c1[b] = low1;
      c2[b] = high0 ^ c3[b] ^ key1;
      c3[b] = low0;
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
#pragma GCC unroll 1
  for (int b = 0; b < kPhiloxBlocks; ++b) {
    bits[4 * b] = c0[b];
    bits[4 * b + 1] = c1[b];
    bits[4 * b + 2] = c2[b];
    bits[4 * b + 3] = c3[b];
  }
}

}  // namespace adjoint::ops

#endif  // ADJOINT_OPS_PHILOX_BLOCKS_H_
