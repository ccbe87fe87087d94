#include "tessera/attention/token_ranges.h"

#include <algorithm>

#include "tessera/attention/tile_geometry.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

void check_list(const char* name, std::span<const TokenRange> ranges, int64_t kv_len) {
  int64_t last_end = 0;
  for (const auto& range : ranges) {
    TESSERA_CHECK(last_end <= range.begin && range.begin < range.end && range.end <= kv_len,
                  "[attention_forward] ", name,
                  " must be ascending, non-empty ranges without overlap in [0, ", kv_len,
                  "), got: [", range.begin, ", ", range.end, ")");
    last_end = range.end;
  }
}

void check_disjoint(std::span<const TokenRange> keep, std::span<const TokenRange> skip) {
  for (size_t k = 0, s = 0; k < keep.size() && s < skip.size();) {
    TESSERA_CHECK(keep[k].end <= skip[s].begin || skip[s].end <= keep[k].begin,
                  "[attention_forward] must_keep and must_skip must share no token, got: [",
                  keep[k].begin, ", ", keep[k].end, ") and [", skip[s].begin, ", ", skip[s].end,
                  ")");
    keep[k].end <= skip[s].end ? ++k : ++s;
  }
}

void set_bits(std::vector<uint32_t>& words, int64_t begin, int64_t end) {
  for (int64_t tile = begin; tile < end; ++tile) words[tile / 32] |= 1u << (tile % 32);
}

}  // namespace

RangeTiles range_tiles(std::span<const TokenRange> must_keep, std::span<const TokenRange> must_skip,
                       int64_t kv_len, int32_t kv_tile) {
  check_list("must_keep", must_keep, kv_len);
  check_list("must_skip", must_skip, kv_len);
  check_disjoint(must_keep, must_skip);

  const int64_t words = tile_count(tile_count(kv_len, kv_tile), 32);
  RangeTiles tiles{std::vector<uint32_t>(words), std::vector<uint32_t>(words)};
  for (const auto& range : must_keep) {
    set_bits(tiles.keep, range.begin / kv_tile, tile_count(range.end, kv_tile));
  }
  for (size_t first = 0; first < must_skip.size();) {
    // Touching ranges are one: together they may fill a tile that neither fills alone.
    int64_t end = must_skip[first].end;
    size_t next = first + 1;
    while (next < must_skip.size() && must_skip[next].begin == end) end = must_skip[next++].end;
    // The last tile may be short; reaching kv_len fills it.
    const int64_t end_tile = end == kv_len ? tile_count(end, kv_tile) : end / kv_tile;
    set_bits(tiles.skip, tile_count(must_skip[first].begin, kv_tile), end_tile);
    first = next;
  }
  return tiles;
}

}  // namespace tessera::attention
