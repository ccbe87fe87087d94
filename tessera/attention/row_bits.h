// Private: the bits of one row of tiles, read and changed in one place.
#pragma once

#include <bit>
#include <cstdint>

namespace tessera::attention {

class RowBits {
 public:
  explicit RowBits(int32_t* words) : words_(words) {}

  bool is_set(int64_t tile) const { return (word(tile) >> (tile % 32)) & 1u; }
  void set(int64_t tile) { store(tile, word(tile) | bit(tile)); }
  void clear(int64_t tile) { store(tile, word(tile) & ~bit(tile)); }

 private:
  static uint32_t bit(int64_t tile) { return 1u << (tile % 32); }
  uint32_t word(int64_t tile) const { return std::bit_cast<uint32_t>(words_[tile / 32]); }
  void store(int64_t tile, uint32_t value) { words_[tile / 32] = std::bit_cast<int32_t>(value); }

  int32_t* words_;
};

}  // namespace tessera::attention
