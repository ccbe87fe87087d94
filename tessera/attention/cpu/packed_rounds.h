// Private: how the CPU back ends walk over a problem. Independent of the instruction set.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tessera/attention/forward_plan.h"
#include "tessera/core/aligned_buffer.h"

namespace tessera::attention::cpu {

/// Packed keys and values of some (batch entry, key head) pairs, in order of b * Hkv + h.
template <typename Element>
struct PackedHeads {
  int64_t first = 0, count = 0;
  AlignedBuffer<Element> keys;    // [count, Tk, key_tile]
  AlignedBuffer<Element> values;  // [count, Tk, value_tile]
};

/// Packs as many key heads at once as fit 64 MiB, so that long sequences need little beyond one
/// head's copy and short ones few rounds, and computes their rows of tiles: pack(index, packed) for
/// tile index % Tk of pair first + index / Tk, then compute(row, packed, thread). key_tile and
/// value_tile: elements of one packed tile.
template <typename Element, typename Pack, typename Compute>
void run_in_rounds(const ForwardPlan& plan, int64_t key_tile, int64_t value_tile, const Pack& pack,
                   const Compute& compute) {
  constexpr int64_t kBudgetElements = (int64_t{64} << 20) / sizeof(Element);
  const int64_t pairs = plan.batch * plan.num_kv_heads;
  const int64_t head = plan.kv_tiles * (key_tile + value_tile);
  const int64_t round = std::clamp<int64_t>(kBudgetElements / head, 1, pairs);
  PackedHeads<Element> packed;
  packed.keys = AlignedBuffer<Element>(round * plan.kv_tiles * key_tile);
  packed.values = AlignedBuffer<Element>(round * plan.kv_tiles * value_tile);
  // Query heads of one key head are neighbours, and heads are the slower index of a row of tiles.
  const int64_t rows_per_pair = plan.num_heads / plan.num_kv_heads * plan.q_tiles;
  for (packed.first = 0; packed.first < pairs; packed.first += round) {
    packed.count = std::min(round, pairs - packed.first);
    plan.executor->parallel_for(packed.count * plan.kv_tiles,
                                [&](int64_t index, int) { pack(index, packed); });
    plan.executor->parallel_for(packed.count * rows_per_pair, [&](int64_t index, int thread) {
      compute(packed.first * rows_per_pair + index, packed, thread);
    });
  }
}

}  // namespace tessera::attention::cpu
