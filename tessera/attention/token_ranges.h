// Ranges of tokens that one call must keep or must skip, and the tiles they mean.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "tessera/attention/tile_geometry.h"

namespace tessera::attention {

inline constexpr int32_t kAllHeads = -1;
inline constexpr int64_t kLastToken = std::numeric_limits<int64_t>::max();

/// Keys [begin, end), in the order in which they are laid out; for the queries [q_begin, q_end) of
/// one query head, where these are given. Half-open, tokens. Batch entries share all ranges.
struct TokenRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t q_begin = 0;
  int64_t q_end = kLastToken;  ///< kLastToken: Lq
  int32_t head = kAllHeads;    ///< in [0, Hq), or kAllHeads
};

/// The score matrices that ranges lie in, and how they are cut.
struct RangeGrid {
  int64_t num_heads = 1;
  int64_t q_len = 1, kv_len = 1;  // tokens
  TileGeometry geometry = {};
};

/// The tiles of one call's ranges. Rows of tiles with the same ranges share their words; a call
/// whose ranges hold for all heads and queries has one list.
class RangeTiles {
 public:
  /// Of one row of tiles: ceil(Tk / 32) words each, lowest bit first, as in SkipState. No tile is
  /// in both.
  struct Row {
    const uint32_t* keep;
    const uint32_t* skip;
  };
  Row row(int64_t head, int64_t q_tile) const {
    const int64_t list = lists_.empty() ? 0 : lists_[head * q_tiles_ + q_tile];
    const uint32_t* keep = words_.data() + 2 * list * row_words_;
    return {keep, keep + row_words_};
  }

 private:
  friend RangeTiles range_tiles(std::span<const TokenRange> must_keep,
                                std::span<const TokenRange> must_skip, const RangeGrid& grid);

  int64_t row_words_ = 0, q_tiles_ = 0;
  std::vector<uint32_t> words_;  // [lists, keep or skip, row_words_]
  std::vector<int32_t> lists_;   // [Hq, Tq]; empty: one list for all
};

/// Maps token ranges to tiles. Tile (i, j) holds the scores of the query tokens
/// [i q_tile, min((i + 1) q_tile, Lq)) and the key tokens [j kv_tile, min((j + 1) kv_tile, Lk)).
///
///   must_keep rounds outwards: a tile with at least one such score is kept.
///   must_skip rounds inwards: a tile is skipped only if all its scores lie in the union of the
///   ranges. Other tiles are attended in full, scores inside must_skip included.
///
/// So ranges that share no score share no tile. Throws InvalidArgument unless each range is
/// non-empty and inside its head's scores; a range that follows one with the same head and queries
/// begins at or after that one's end; and no score (head, query, key) is in both lists.
/// Cost: O(ranges + Tk) if all ranges hold for all heads and queries; else about
/// O(heads named * (ranges of the head^2 + Tq Tk / 32)).
RangeTiles range_tiles(std::span<const TokenRange> must_keep, std::span<const TokenRange> must_skip,
                       const RangeGrid& grid);

}  // namespace tessera::attention
