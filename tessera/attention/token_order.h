// The order in which a video's tokens are laid out for attention.
//
// A tile is a run of consecutive tokens. In raster order that is a few rows of one frame: long,
// thin, and with everything in view. Laid out along a curve or box by box, it is a compact piece of
// space and time, so that more tiles are clearly needed or clearly not. Attention does not care;
// whatever belongs to a token (its rotation, its own modulation) must be laid out with it.
// How the orders are made and what they are worth: docs/attention/token_order.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::attention {

enum class TokenOrderKind {
  kRaster,   ///< frame by frame, row by row
  kHilbert,  ///< along a generalised Hilbert curve: compact at every tile size
  kBoxes,    ///< box by box, ragged rests last: compact where a tile is a box or divides it
};

/// Tokens along t, y and x; x is fastest in raster order.
using TokenExtents = std::array<int64_t, 3>;

inline constexpr int64_t kMaxOrderedTokens = int64_t{1} << 26;

struct TokenOrderSpec {
  TokenOrderKind kind = TokenOrderKind::kHilbert;
  TokenExtents grid = {};  ///< each >= 1, at most kMaxOrderedTokens tokens together
  /// Of kBoxes, each >= 1; an extent beyond the grid's counts as the grid's. Others ignore it.
  TokenExtents box = {4, 4, 8};

  int64_t num_tokens() const { return grid[0] * grid[1] * grid[2]; }
};

/// Both ways between laid-out positions and raster indices, each a permutation of [0, L).
struct TokenOrder {
  std::vector<int32_t> raster_index;  ///< [L], of the token laid out at a position
  std::vector<int32_t> position;      ///< [L], of the token with a raster index; the inverse
};

/// Throws InvalidArgument, before anything is allocated, for sizes outside their ranges. The same
/// spec gives the same order on every machine.
TokenOrder make_token_order(const TokenOrderSpec& spec);

/// The number by which a SkipState knows the order: in [1, 2^31), a hash of kind, grid and box, so
/// that marks made in one order are refused in another. Raster orders of two grids differ too: a
/// tile of one is not a tile of the other. A state that was not told its order has 0. Two of the
/// orders collide with a probability of 2^-31. Throws as make_token_order does.
int32_t token_order_id(const TokenOrderSpec& spec);

/// "raster", "hilbert", "boxes", and back; throws InvalidArgument for another name.
std::string token_order_name(TokenOrderKind kind);
TokenOrderKind token_order_kind(std::string_view name);

}  // namespace tessera::attention
