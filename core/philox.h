#ifndef ADJOINT_CORE_PHILOX_H_
#define ADJOINT_CORE_PHILOX_H_

#include <array>
#include <cstdint>

namespace adjoint {

// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy
// as 1, 2, 3" (SC 2011): 128 random bits as a pure function of a 64-bit key and a 128-bit counter.
inline std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 2> key,
                                          std::array<uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// Names one sequence of random numbers. The seed is the user's; the stream tells the places in a
// program apart; the step counts executions, modulo 2^32.
struct RandomStream {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t step = 0;

  // Elements 4 * block .. 4 * block + 3 of the sequence; block is taken modulo 2^32.
  std::array<uint32_t, 4> Block(uint64_t block) const {
    return Philox4x32({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
                      {static_cast<uint32_t>(block), static_cast<uint32_t>(step),
                       static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)});
  }
};

// 24 random bits as a float in [0, 1).
inline float UniformFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// 53 random bits as a double in [0, 1).
inline double UniformDouble(uint32_t high, uint32_t low) {
  return static_cast<double>(((uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}

// A generator for drawing numbers one after the other (initializers, shuffles). Satisfies
// UniformRandomBitGenerator. Not thread-safe.
class PhiloxEngine {
 public:
  using result_type = uint32_t;
  explicit PhiloxEngine(RandomStream stream) : stream_(stream) {}

  static constexpr uint32_t min() { return 0; }
  static constexpr uint32_t max() { return UINT32_MAX; }

  uint32_t operator()() {
    if (used_ == 4) {
      block_ = stream_.Block(next_block_++);
      used_ = 0;
    }
    return block_[used_++];
  }

  // An unbiased integer in 0 .. bound-1, by Lemire's multiplication with rejection ("Fast Random
  // Integer Generation in an Interval", 2019). Requires 1 <= bound.
  uint32_t Below(uint32_t bound) {
    uint64_t product = uint64_t{(*this)()} * bound;
    if (static_cast<uint32_t>(product) < bound) {
      const uint32_t threshold = -bound % bound;
      while (static_cast<uint32_t>(product) < threshold) product = uint64_t{(*this)()} * bound;
    }
    return static_cast<uint32_t>(product >> 32);
  }

 private:
  RandomStream stream_;
  std::array<uint32_t, 4> block_{};
  uint64_t next_block_ = 0;
  int used_ = 4;
};

}  // namespace adjoint

#endif  // ADJOINT_CORE_PHILOX_H_
