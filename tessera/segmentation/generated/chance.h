// Drawing by chance: ranges, probabilities, choices.
#pragma once

#include <initializer_list>

#include "tessera/core/random.h"
#include "tessera/segmentation/generated/exact_math.h"

namespace tessera::segmentation::generated {

struct Range {
  float low, high;
};

/// Uniform in [low, high).
inline float draw(Random& random, Range range) {
  return range.low + (range.high - range.low) * random.uniform();
}

/// Uniform in the logarithm; 0 < low <= high.
inline float draw_log(Random& random, Range range) {
  return range.low * power(range.high / range.low, random.uniform());
}

/// Uniform integer in [low, high].
inline int draw_int(Random& random, int low, int high) {
  return low + static_cast<int>(random.below(high - low + 1));
}

inline bool happens(Random& random, float probability) { return random.uniform() < probability; }

/// Nearly normal, mean 0 and deviation 1, never beyond 6: a sum of twelve uniform numbers. (The
/// exact way needs log and cos of the C library.)
inline float draw_normal(Random& random) {
  float sum = -6;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return sum;
}

/// An index, with probabilities in proportion to the weights.
inline int pick(Random& random, std::initializer_list<float> weights) {
  float total = 0;
  for (const float weight : weights) total += weight;
  float left = total * random.uniform();
  int index = 0;
  for (const float weight : weights) {
    if (left < weight) break;
    left -= weight;
    ++index;
  }
  const int last = static_cast<int>(weights.size()) - 1;
  return index < last ? index : last;
}

}  // namespace tessera::segmentation::generated
