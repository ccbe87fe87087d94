// The eight flips and quarter turns of a square.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tessera::segmentation {

inline constexpr int kNumTurns = 8;

/// The square's planes, (planes, side, side), under turn `turn` in [0, 8): 0 changes nothing, bit 0
/// mirrors along x, bit 1 along y, bit 2 transposes (after the mirrors).
template <typename Value>
std::vector<Value> turned(std::span<const Value> planes, int side, int turn) {
  std::vector<Value> result(planes.size());
  const size_t area = size_t{1} * side * side;
  for (size_t plane = 0; plane < planes.size(); plane += area) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        int from_y = turn & 4 ? x : y, from_x = turn & 4 ? y : x;
        if (turn & 1) from_x = side - 1 - from_x;
        if (turn & 2) from_y = side - 1 - from_y;
        result[plane + size_t{1} * y * side + x] =
            planes[plane + size_t{1} * from_y * side + from_x];
      }
    }
  }
  return result;
}

/// The turn that undoes `turn`.
inline int inverse_turn(int turn) {
  if ((turn & 4) == 0) return turn;
  // Transposing swaps the mirrors.
  return 4 | (turn & 1 ? 2 : 0) | (turn & 2 ? 1 : 0);
}

}  // namespace tessera::segmentation
