// How the score matrix is cut into tiles. A SkipState carries its geometry; this is where a new
// one gets it from, and nowhere else.
#pragma once

#include <cstdint>

namespace tessera::attention {

/// Rows (query tokens) and columns (key tokens) of one tile, each in [1, kMaxTileSize]. A tile is
/// what a mark is about. A back end may load keys for `q_group` neighbouring rows of tiles at once
/// (64-row decisions in 128-row work: q_tile 64, q_group 2). That changes no mark and no answer,
/// only how many loads the marks save: TileCounts::loaded.
struct TileGeometry {
  int32_t q_tile = 0;
  int32_t kv_tile = 0;
  int32_t q_group = 1;

  friend bool operator==(const TileGeometry&, const TileGeometry&) = default;
};

inline constexpr int32_t kMaxTileSize = 4096;
inline constexpr int32_t kMaxQGroup = 16;

/// The back ends `cpu` and `reference` take any geometry; this one suits the first. A tile of
/// scores (16 KiB) and, at head_dim 64, the tile's keys (16 KiB) stay in a 32 KiB first-level
/// cache; smaller tiles skip more finely but spend more on rescaling the output.
inline constexpr TileGeometry kCpuTileGeometry{.q_tile = 64, .kv_tile = 64};

/// Tiles of `tile` tokens that cover `tokens` tokens.
constexpr int64_t tile_count(int64_t tokens, int64_t tile) { return (tokens + tile - 1) / tile; }

}  // namespace tessera::attention
