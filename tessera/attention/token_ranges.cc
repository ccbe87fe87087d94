#include "tessera/attention/token_ranges.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

using Words = std::vector<uint32_t>;

bool is_for_all(const TokenRange& range, int64_t q_len) {
  return range.head == kAllHeads && range.q_begin == 0 && range.q_end == q_len;
}

/// The list with its q_end resolved.
std::vector<TokenRange> checked_list(const char* name, std::span<const TokenRange> ranges,
                                     const RangeGrid& grid) {
  std::vector<TokenRange> list(ranges.begin(), ranges.end());
  const TokenRange* last = nullptr;
  for (TokenRange& range : list) {
    if (range.q_end == kLastToken) range.q_end = grid.q_len;
    TESSERA_CHECK(range.head == kAllHeads || (0 <= range.head && range.head < grid.num_heads),
                  "[attention_forward] ", name, " must name a head in [0, ", grid.num_heads,
                  "), got: ", range.head);
    TESSERA_CHECK(0 <= range.q_begin && range.q_begin < range.q_end && range.q_end <= grid.q_len,
                  "[attention_forward] ", name, " must name non-empty ranges of queries in [0, ",
                  grid.q_len, "), got: [", range.q_begin, ", ", range.q_end, ")");
    const bool follows = last != nullptr && last->head == range.head &&
                         last->q_begin == range.q_begin && last->q_end == range.q_end;
    TESSERA_CHECK((follows ? last->end : 0) <= range.begin && range.begin < range.end &&
                      range.end <= grid.kv_len,
                  "[attention_forward] ", name,
                  " must be ascending, non-empty ranges without overlap in [0, ", grid.kv_len,
                  "), got: [", range.begin, ", ", range.end, ")");
    last = &range;
  }
  return list;
}

/// The ranges that hold for one head; kAllHeads: for heads that no range names.
std::vector<TokenRange> of_head(const std::vector<TokenRange>& list, int32_t head) {
  std::vector<TokenRange> found;
  for (const auto& range : list) {
    if (range.head == kAllHeads || range.head == head) found.push_back(range);
  }
  return found;
}

/// The keys, ascending and merged where they touch or overlap, that hold for the query `token`.
std::vector<TokenRange> keys_of_query(const std::vector<TokenRange>& list, int64_t token) {
  std::vector<TokenRange> found;
  for (const auto& range : list) {
    if (range.q_begin <= token && token < range.q_end) found.push_back(range);
  }
  const auto begins_earlier = [](const auto& a, const auto& b) { return a.begin < b.begin; };
  std::sort(found.begin(), found.end(), begins_earlier);
  std::vector<TokenRange> merged;
  for (const auto& range : found) {
    // Touching ranges are one: together they may fill a tile that neither fills alone.
    if (!merged.empty() && range.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

void check_disjoint(const std::vector<TokenRange>& keep, const std::vector<TokenRange>& skip,
                    int32_t head, int64_t query) {
  const auto head_name = [&] { return head == kAllHeads ? "all heads" : concat("head ", head); };
  for (size_t k = 0, s = 0; k < keep.size() && s < skip.size();) {
    TESSERA_CHECK(keep[k].end <= skip[s].begin || skip[s].end <= keep[k].begin,
                  "[attention_forward] must_keep and must_skip must share no token, got: [",
                  keep[k].begin, ", ", keep[k].end, ") and [", skip[s].begin, ", ", skip[s].end,
                  ") for query ", query, " of ", head_name());
    keep[k].end <= skip[s].end ? ++k : ++s;
  }
}

void set_bits(Words& words, int64_t begin, int64_t end) {
  for (int64_t tile = begin; tile < end; ++tile) words[tile / 32] |= 1u << (tile % 32);
}

/// Tiles that one query's ranges touch, and tiles that they fill.
void add_touched(const std::vector<TokenRange>& keys, int64_t kv_tile, Words& words) {
  for (const auto& range : keys) {
    set_bits(words, range.begin / kv_tile, tile_count(range.end, kv_tile));
  }
}
Words filled(const std::vector<TokenRange>& keys, int64_t kv_len, int64_t kv_tile) {
  Words words(tile_count(tile_count(kv_len, kv_tile), 32));
  for (const auto& range : keys) {
    // The last tile may be short; reaching kv_len fills it.
    const int64_t end = range.end == kv_len ? tile_count(range.end, kv_tile) : range.end / kv_tile;
    set_bits(words, tile_count(range.begin, kv_tile), end);
  }
  return words;
}

/// Queries at which the set of ranges in force may change, 0 and q_len among them.
std::vector<int64_t> query_cuts(const std::vector<TokenRange>& keep,
                                const std::vector<TokenRange>& skip, int64_t q_len) {
  std::vector<int64_t> cuts = {0, q_len};
  for (const auto* list : {&keep, &skip}) {
    for (const auto& range : *list) cuts.insert(cuts.end(), {range.q_begin, range.q_end});
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

struct TileWords {
  Words keep, skip;
  friend bool operator==(const TileWords&, const TileWords&) = default;
};

/// One head's words, [Tq]: between two cuts all queries have the same ranges; a tile keeps what any
/// of its queries keeps and skips what all of them skip.
std::vector<TileWords> words_of_head(const std::vector<TokenRange>& keep,
                                     const std::vector<TokenRange>& skip, int32_t head,
                                     const RangeGrid& grid, int64_t q_tile) {
  const int64_t kv_tile = grid.geometry.kv_tile;
  const int64_t words = tile_count(tile_count(grid.kv_len, kv_tile), 32);
  std::vector<TileWords> tiles(tile_count(grid.q_len, q_tile),
                               TileWords{Words(words), Words(words, ~0u)});
  const std::vector<int64_t> cuts = query_cuts(keep, skip, grid.q_len);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const auto kept_keys = keys_of_query(keep, cuts[i]);
    const auto skipped_keys = keys_of_query(skip, cuts[i]);
    check_disjoint(kept_keys, skipped_keys, head, cuts[i]);
    const Words skipped = filled(skipped_keys, grid.kv_len, kv_tile);
    for (int64_t t = cuts[i] / q_tile; t < tile_count(cuts[i + 1], q_tile); ++t) {
      add_touched(kept_keys, kv_tile, tiles[t].keep);
      for (int64_t word = 0; word < words; ++word) tiles[t].skip[word] &= skipped[word];
    }
  }
  return tiles;
}

}  // namespace

RangeTiles range_tiles(std::span<const TokenRange> must_keep, std::span<const TokenRange> must_skip,
                       const RangeGrid& grid) {
  const auto keep = checked_list("must_keep", must_keep, grid);
  const auto skip = checked_list("must_skip", must_skip, grid);
  std::vector<int32_t> heads = {kAllHeads};
  bool is_shared = true;
  for (const auto* list : {&keep, &skip}) {
    for (const auto& range : *list) {
      heads.push_back(range.head);
      is_shared &= is_for_all(range, grid.q_len);
    }
  }
  std::sort(heads.begin(), heads.end());
  heads.erase(std::unique(heads.begin(), heads.end()), heads.end());

  // Ranges that hold for all queries cut as if all queries were one tile.
  const int64_t q_tile = is_shared ? grid.q_len : grid.geometry.q_tile;
  RangeTiles tiles;
  tiles.row_words_ = tile_count(tile_count(grid.kv_len, grid.geometry.kv_tile), 32);
  tiles.q_tiles_ = tile_count(grid.q_len, q_tile);
  if (!is_shared) tiles.lists_.resize(grid.num_heads * tiles.q_tiles_);
  int32_t lists = 0;
  for (const int32_t head : heads) {  // kAllHeads first: the named ones then replace their part
    const auto words = words_of_head(of_head(keep, head), of_head(skip, head), head, grid, q_tile);
    for (int64_t t = 0; t < tiles.q_tiles_; ++t) {
      if (t == 0 || words[t] != words[t - 1]) {
        for (const Words* part : {&words[t].keep, &words[t].skip}) {
          tiles.words_.insert(tiles.words_.end(), part->begin(), part->end());
        }
        ++lists;
      }
      if (is_shared) continue;
      const int64_t first = head == kAllHeads ? 0 : head;
      const int64_t end = head == kAllHeads ? grid.num_heads : head + 1;
      for (int64_t h = first; h < end; ++h) tiles.lists_[h * tiles.q_tiles_ + t] = lists - 1;
    }
  }
  return tiles;
}

}  // namespace tessera::attention
