// A fuzzer's input, read as numbers. Past its end everything is 0, so every input means something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace tessera::fuzz {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool is_empty() const { return size_ == 0; }
  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  /// In [low, high], at most 256 values apart.
  int64_t between(int64_t low, int64_t high) { return low + byte() % (high - low + 1); }
  bool flag() { return byte() & 1; }
  bool one_in(int64_t n) { return between(1, n) == n; }
  int32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | byte();
    return static_cast<int32_t>(value);
  }
  /// Mostly small multiples of 1/16; now and then something nasty, if `may_be_nasty`.
  float real(bool may_be_nasty) {
    const uint8_t value = byte();
    if (may_be_nasty && value >= 250) return nasty();
    return static_cast<float>(value - 125) / 16;
  }
  float nasty() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr float kNasty[] = {
        0,      -0.0f,     1e30f,      -1e30f,
        1e-40f, kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()};
    return kNasty[byte() % 8];
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

/// What must hold, in any build; both kinds of driver count a trap as a find.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: broken: %s\n", what);
  std::abort();
}

}  // namespace tessera::fuzz
