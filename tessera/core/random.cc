#include "tessera/core/random.h"

#include <cmath>

namespace tessera {

uint64_t Random::next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

float Random::uniform() { return static_cast<float>(next() >> 40) * 0x1p-24f; }

float Random::normal() {
  const double radius =
      std::sqrt(-2.0 * std::log(1.0 - static_cast<double>(next() >> 11) * 0x1p-53));
  const double angle = 6.283185307179586 * static_cast<double>(next() >> 11) * 0x1p-53;
  return static_cast<float>(radius * std::cos(angle));
}

int64_t Random::below(int64_t bound) {
  // The bias of the modulo is below 2^-40 for every bound used here.
  return static_cast<int64_t>(next() % static_cast<uint64_t>(bound));
}

}  // namespace tessera
