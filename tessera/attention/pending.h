// Private: the byte in which the first of two streams leaves what it found of a tile.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace tessera::attention {

/// The tile was not visited or must stay.
inline constexpr uint8_t kPendingKeep = 0;

/// max_gap can do without the tile. What one policy found means nothing to the other, so they have
/// codes of their own.
inline constexpr uint8_t kPendingGap = 255;

/// Masses in steps of 1/8 of a power of two, rounded up, so that a certified mass stays one: code c
/// in [1, 249] is 2^(-(c - 1) / 8); smaller masses are the last code, but 0 is kPendingZero. A mass
/// above 1 is never affordable and reads as 1.
inline constexpr uint8_t kPendingZero = 250;

inline uint8_t encode_pending_mass(float mass) {
  constexpr double kLeast = 0x1p-31;
  if (mass == 0) return kPendingZero;
  const double exponent = -8 * std::log2(std::clamp<double>(mass, kLeast, 1));
  return static_cast<uint8_t>(1 + std::floor(exponent));
}

inline double decode_pending_mass(uint8_t code) {
  return code == kPendingZero ? 0 : std::exp2((1 - code) / 8.0);
}

}  // namespace tessera::attention
