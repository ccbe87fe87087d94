// Private: packed copies of the keys and values of some heads, made when a tile is first visited.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "tessera/attention/forward_plan.h"
#include "tessera/core/aligned_buffer.h"

namespace tessera::attention::cpu {

/// Tiles of (batch entry, key head) pairs, in order of b * Hkv + h, each a block of keys and a
/// block of values. Several threads may ask for tiles at once; whoever asks first packs.
class PackedTiles {
 public:
  PackedTiles(int64_t pairs, int64_t tiles, int64_t key_tile, int64_t value_tile)
      : tiles_(tiles),
        key_tile_(key_tile),
        tile_size_(key_tile + value_tile),
        words_(pairs * tiles * tile_size_),
        states_(std::make_unique<std::atomic<int32_t>[]>(pairs * tiles)),
        count_(pairs * tiles) {}

  /// Forgets all tiles; those of pairs from `first_pair` on come next.
  void restart(int64_t first_pair) {
    first_pair_ = first_pair;
    for (int64_t i = 0; i < count_; ++i) states_[i].store(kAbsent, std::memory_order_relaxed);
  }

  struct Tile {
    const float* keys;
    const float* values;
  };

  /// The tile, after pack(keys, values) if nobody asked before.
  template <typename Pack>
  Tile get(int64_t pair, int64_t tile, const Pack& pack) {
    const int64_t index = (pair - first_pair_) * tiles_ + tile;
    float* keys = words_.data() + index * tile_size_;
    std::atomic<int32_t>& state = states_[index];
    int32_t found = state.load(std::memory_order_acquire);
    if (found == kAbsent &&
        state.compare_exchange_strong(found, kBusy, std::memory_order_acquire)) {
      pack(keys, keys + key_tile_);
      state.store(kReady, std::memory_order_release);
      state.notify_all();
    } else if (found != kReady) {
      state.wait(kBusy, std::memory_order_acquire);
    }
    return {keys, keys + key_tile_};
  }

  /// Where the tile lies; null if it is not packed yet.
  const float* find(int64_t pair, int64_t tile) const {
    const int64_t index = (pair - first_pair_) * tiles_ + tile;
    const bool is_ready = states_[index].load(std::memory_order_acquire) == kReady;
    return is_ready ? words_.data() + index * tile_size_ : nullptr;
  }

 private:
  enum : int32_t { kAbsent, kBusy, kReady };

  int64_t tiles_, key_tile_, tile_size_, first_pair_ = 0;
  AlignedBuffer<float> words_;
  std::unique_ptr<std::atomic<int32_t>[]> states_;
  int64_t count_;
};

}  // namespace tessera::attention::cpu
