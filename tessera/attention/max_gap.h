// The policy `max_gap`: a tile is dropped when every row's largest score in it lies far below the
// row's largest score so far. It is the rule of LiteAttention (arXiv:2511.11062, eq. 7).
//
// Let S = q k^T without the scale. For a visited tile and a real row r (rows past Lq do not vote):
//   loc_r   largest S[r, c] over the tile's columns c < kv length,
//   prev_r  largest loc_r of the tiles visited earlier in this call.
// The tile is needed iff for some row (loc_r - prev_r) * scale > threshold; equality drops it. The
// first visited tile of a row of tiles is always needed. A tile that is not needed is still
// computed in this call; it is left out from the next call on.
//
// Why it is safe within one step: prev_r only grows, so a dropped tile also lies that far below
// the row's maximum over all visited tiles, and the tile that holds a row's maximum is never
// dropped. It bounds maxima, not the total mass of what is dropped.
#pragma once

#include "tessera/attention/level_table.h"
#include "tessera/attention/skip_state.h"

namespace tessera::attention {

/// Natural-log units. Upstream's -10 in log2 units is -10 ln 2.
inline constexpr float kDefaultMaxGapThreshold = -6.93f;

struct MaxGapPolicy {
  float threshold = kDefaultMaxGapThreshold;  ///< finite, < 0, natural-log units
  LevelTable thresholds = {};                 ///< if set, by step and head, instead
  DirectionMode direction = DirectionMode::kAlternating;
};

/// The rule in units of unscaled scores, the same decision in fp32 and fp64.
///
/// A gap (loc - prev) that fp32 holds exactly is judged alike by both members: `fp32` is the
/// largest float that is not above `fp64`.
struct MaxGapCut {
  double fp64 = 0;  ///< threshold / scale; a row needs the tile iff gap > fp64
  float fp32 = 0;
};

/// Throws InvalidArgument unless the threshold is finite and below zero. `scale` > 0.
MaxGapCut max_gap_cut(float threshold, double scale);

}  // namespace tessera::attention
