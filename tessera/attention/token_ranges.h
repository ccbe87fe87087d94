// Ranges of key tokens that one call must keep or must skip, and the tiles they mean.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tessera::attention {

/// Half-open range [begin, end) of key tokens, in the order in which the keys are laid out.
struct TokenRange {
  int64_t begin = 0;
  int64_t end = 0;
};

/// The tiles of one call's ranges, one bit a tile, lowest bit first, as in SkipState. They hold
/// for all batch entries, heads and query tiles.
struct RangeTiles {
  std::vector<uint32_t> keep;  ///< ceil(Tk / 32) words
  std::vector<uint32_t> skip;  ///< ceil(Tk / 32) words; disjoint from keep
};

/// Maps token ranges to tiles. Tile j holds the tokens [j * kv_tile, min((j + 1) * kv_tile, Lk)).
///
///   must_keep rounds outwards: a tile with at least one such token is kept.
///   must_skip rounds inwards: a tile is skipped only if all its tokens are in the union of the
///   ranges. Other tiles are attended in full, tokens inside must_skip included.
///
/// So ranges that share no token share no tile. Throws InvalidArgument unless each list ascends
/// with begin < end inside [0, kv_len] and without overlap (touching is fine), and unless the two
/// lists share no token.
RangeTiles range_tiles(std::span<const TokenRange> must_keep, std::span<const TokenRange> must_skip,
                       int64_t kv_len, int32_t kv_tile);

}  // namespace tessera::attention
