// Private: packed copies of keys and values, made when a tile is first visited and given up when no
// row of tiles works on their head any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>

#include "tessera/core/aligned_buffer.h"

namespace tessera::attention::cpu {

/// The tiles of one key head of one batch entry, each a block of keys and a block of values.
/// Several threads may ask for tiles at once.
class PackedHead {
 public:
  /// Uses `words`, room for that many tiles.
  PackedHead(float* words, int64_t tiles, int64_t key_tile, int64_t value_tile)
      : words_(words),
        key_tile_(key_tile),
        tile_size_(key_tile + value_tile),
        states_(std::make_unique<std::atomic<int32_t>[]>(tiles)) {}

  struct Tile {
    const float* keys;
    const float* values;
  };

  /// The first of `tiles`, after pack(tile, keys, values) if nobody asked for it before. While
  /// another thread packs it, this one packs tiles further on: so many threads that start on one
  /// head share the packing.
  template <typename Pack>
  Tile get(std::span<const int32_t> tiles, const Pack& pack) {
    std::atomic<int32_t>& first = states_[tiles.front()];
    for (const int32_t tile : tiles) {
      if (first.load(std::memory_order_acquire) == kReady) break;
      int32_t state = kAbsent;
      if (!states_[tile].compare_exchange_strong(state, kBusy, std::memory_order_acquire)) continue;
      pack(tile, keys_of(tile), keys_of(tile) + key_tile_);
      states_[tile].store(kReady, std::memory_order_release);
      states_[tile].notify_all();
    }
    first.wait(kBusy, std::memory_order_acquire);
    return {keys_of(tiles.front()), keys_of(tiles.front()) + key_tile_};
  }

  /// The tile's keys; null if it is not packed yet.
  const float* find(int64_t tile) const {
    const bool is_ready = states_[tile].load(std::memory_order_acquire) == kReady;
    return is_ready ? keys_of(tile) : nullptr;
  }

 private:
  friend class PackedHeads;
  float* keys_of(int64_t tile) const { return words_ + tile * tile_size_; }

  enum : int32_t { kAbsent, kBusy, kReady };

  float* words_;
  int64_t key_tile_, tile_size_;
  std::unique_ptr<std::atomic<int32_t>[]> states_;
  // The rest is guarded by PackedHeads.
  int64_t pair_ = -1;  // b * Hkv + h; -1: none yet
  int64_t users_ = 0;
  int64_t last_use_ = 0;
};

/// Lends heads to rows of tiles. Where rows are computed in order of their heads, as executors that
/// hand out indices in order do, two heads are enough for as many threads as one head has rows: a
/// head that nobody works on is the oldest one, and its memory, still in the cache, is used again.
/// In any other order more heads are made, one for each thread at most and one more, or one is
/// packed twice.
class PackedHeads {
 public:
  /// For `pairs` heads of so many tiles.
  PackedHeads(int64_t pairs, int64_t tiles, int64_t key_tile, int64_t value_tile)
      : tiles_(tiles), key_tile_(key_tile), value_tile_(value_tile) {
    // In one piece: glibc gives a second piece of that size back to the system on every free, and
    // the fresh pages of the next call cost a tenth of a call that skips 90 %.
    add_heads(pairs < 2 ? 1 : 2);
  }

  /// The head of that (batch entry, key head) pair; give it back with release().
  PackedHead& acquire(int64_t pair) {
    const std::lock_guard lock(mutex_);
    PackedHead& head = find(pair);
    if (head.pair_ != pair) {
      head.pair_ = pair;
      for (int64_t i = 0; i < tiles_; ++i) head.states_[i] = PackedHead::kAbsent;
    }
    ++head.users_;
    head.last_use_ = ++uses_;
    return head;
  }

  void release(PackedHead& head) {
    const std::lock_guard lock(mutex_);
    --head.users_;
  }

 private:
  void add_heads(int64_t count) {
    const int64_t size = tiles_ * (key_tile_ + value_tile_);
    float* words = words_.emplace_back(count * size).data();
    for (int64_t i = 0; i < count; ++i) {
      heads_.emplace_back(words + i * size, tiles_, key_tile_, value_tile_);
    }
  }

  PackedHead& find(int64_t pair) {
    PackedHead* oldest = nullptr;
    for (PackedHead& head : heads_) {
      if (head.pair_ == pair) return head;
      if (head.users_ == 0 && (oldest == nullptr || head.last_use_ < oldest->last_use_)) {
        oldest = &head;
      }
    }
    if (oldest != nullptr) return *oldest;
    add_heads(1);
    return heads_.back();
  }

  int64_t tiles_, key_tile_, value_tile_;
  std::mutex mutex_;
  std::list<AlignedBuffer<float>> words_;
  std::list<PackedHead> heads_;
  int64_t uses_ = 0;
};

}  // namespace tessera::attention::cpu
