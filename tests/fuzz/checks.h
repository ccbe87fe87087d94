// What must hold after a call, for one back end and between two.
#pragma once

#include <vector>

#include "tessera/attention/skip_state.h"
#include "tessera/attention/testing/mass_oracle.h"

#include "tests/fuzz/call.h"

namespace tessera::fuzz {

/// A call as told from its inputs alone, before it runs.
struct Expected {
  std::vector<attention::testing::OracleRow> rows;  // of tiles
  attention::testing::Problem tame;                 // nasty tokens are zeros
  std::vector<uint8_t> is_clean_query;              // [B, Hq, Lq]: no nasty token comes near it
  std::vector<uint8_t> is_clean_row;                // one a row of tiles: its marks can be told
  bool is_exact = false;

  Expected(const Call& call, const attention::SkipState& before);
};

/// A state after a call, and what the call wrote.
struct Done {
  const attention::SkipState& state;
  const Result& result;
};

/// What attention.h, mass.h and skip_state.h promise of any back end.
void check_promises(const Call& call, const Expected& expected, const attention::SkipState& before,
                    const Done& done);

/// A fast back end against the fp64 reference, both from the state `before`: outputs within the
/// tolerance of docs/numerics.md, marks equal where scores are exact, else right for masses within
/// theirs.
void check_against(const Call& call, const Expected& expected, const attention::SkipState& before,
                   const Done& want, const Done& got, bool rounds_weights);

/// All arrays are the same, bit for bit.
bool same_state(const attention::SkipState& a, const attention::SkipState& b);

}  // namespace tessera::fuzz
