// Random numbers that do not depend on the platform's standard library.
#pragma once

#include <cstdint>

namespace tessera {

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, every seed is good.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next();

  /// Uniform in [0, 1), 24 bits.
  float uniform();

  /// Standard normal (Box and Muller), one value a call.
  float normal();

  /// Uniform integer in [0, bound), bound >= 1.
  int64_t below(int64_t bound);

 private:
  uint64_t state_;
};

}  // namespace tessera
