// Private: the byte in which the first of two streams leaves what it found of a tile.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace tessera::attention {

/// The tile was not visited or must stay.
inline constexpr uint8_t kPendingKeep = 0;

/// Masses in steps of 1/8 of a power of two, rounded up, so that a certified mass stays one: code c
/// in [1, 255] is 2^(-(c - 1) / 8). A non-finite mass is kPendingKeep.
inline uint8_t encode_pending_mass(float mass) {
  if (!std::isfinite(mass)) return kPendingKeep;
  if (mass >= 1) return 1;
  constexpr double kLeast = 0x1p-31;
  const double exponent = -8 * std::log2(std::max<double>(mass, kLeast));
  return static_cast<uint8_t>(1 + std::clamp<double>(std::floor(exponent), 0, 254));
}

inline double decode_pending_mass(uint8_t code) { return std::exp2((1 - code) / 8.0); }

}  // namespace tessera::attention
