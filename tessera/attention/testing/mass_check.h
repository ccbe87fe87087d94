// Runs one call under the policy `mass` and compares all that it found and did with the oracle.
#pragma once

#include <gtest/gtest.h>

#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/mass_oracle.h"
#include "tessera/attention/testing/tolerance.h"

namespace tessera::attention::testing {

struct MassTally {
  int64_t visited = 0, dropped = 0, probed = 0, returned = 0;
  int64_t undecided = 0, wrong = 0, invalid = 0;
};

/// The marks of one row of tiles after the call, judged by its masses before it.
inline void tally_row(const OracleRow& row, size_t index, const std::vector<double>& masses,
                      const SkipState& before, const SkipStateView& after, const SkipRequest& skip,
                      double delta, MassTally& tally) {
  const SkipStateView old = before.view();
  const auto is_in = [&](int64_t tile) {
    const int64_t first = tile * old.field(HeaderField::kKvTile);
    const int64_t end = first + old.field(HeaderField::kKvTile);
    return std::any_of(skip.must_keep.begin(), skip.must_keep.end(),
                       [&](const auto& r) { return r.begin < end && first < r.end; });
  };
  std::vector<double> candidates, probes;
  std::vector<bool> is_gone, is_back;
  const double budget = expected_budget(std::get<MassPolicy>(skip.policy), old, row.h);
  double level = budget;  // a probe that holds more returns
  for (size_t n = 0; n < row.tiles.size(); ++n) {
    const bool is_kept = after.is_kept(row.b, row.h, row.i, row.tiles[n]);
    if (row.is_probe[n]) {
      probes.push_back(masses[n]);
      is_back.push_back(is_kept);
    } else if (!old.is_kept(row.b, row.h, row.i, row.tiles[n]) || is_in(row.tiles[n])) {
      EXPECT_EQ(is_kept, old.is_kept(row.b, row.h, row.i, row.tiles[n]));
    } else {
      candidates.push_back(masses[n]);
      is_gone.push_back(!is_kept);
      if (is_kept) level = std::min(level, masses[n]);
    }
  }
  const auto judged = judge_choice(candidates, is_gone, old.spent[index], budget, delta);
  tally.invalid += !judged.is_valid;
  tally.undecided += judged.undecided;
  tally.wrong += judged.wrong_decided;
  tally.visited += static_cast<int64_t>(row.tiles.size());
  tally.dropped += std::count(is_gone.begin(), is_gone.end(), true);
  tally.probed += static_cast<int64_t>(probes.size());
  for (size_t n = 0; n < probes.size(); ++n) {
    tally.returned += is_back[n];
    if (std::abs(probes[n] - level) <= 2 * delta * level) {
      ++tally.undecided;
    } else {
      tally.wrong += is_back[n] != (probes[n] > level);
    }
  }
}

/// One call of one stream with `skip.state`, under the policy `mass`.
inline Answer run_and_check(const Problem& problem, const SkipRequest& skip,
                            const RunOptions& options, MassTally& tally) {
  const SkipStateView& view = *skip.state;
  const auto& policy = std::get<MassPolicy>(skip.policy);
  const SkipStateShape shape = attention::state_shape(view);
  const SkipState before = copy_of(view);
  const auto rows = expected_rows(problem, view, skip);
  const auto weights = all_weights(problem, shape.geometry);
  std::vector<float> reference(weights.size(), NAN);
  const bool is_shard_mean = policy.estimate == MassEstimate::kRowMean && skip.carried.lse;
  if (is_shard_mean) {
    reference.assign(skip.carried.lse, skip.carried.lse + reference.size());
  } else if (shape.has_lse && view.field(HeaderField::kStep) > 0) {
    const float* lse = before.view().lse + view.field(HeaderField::kStream) * reference.size();
    reference.assign(lse, lse + reference.size());
  }
  Answer got = run(problem, skip, options);
  const Tolerance t = forward_tolerance(problem, shape.geometry);
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto masses = policy.estimate == MassEstimate::kRowMaximum
                            ? largest_shares(rows[r], weights, skip.carried.lse)
                            : mean_shares(rows[r], weights, reference.data(), !is_shard_mean);
    std::vector<double> want(shape.kv_tiles(), -1.0);
    for (size_t n = 0; n < masses.size(); ++n) want[rows[r].tiles[n]] = masses[n];
    for (int64_t j = 0; j < shape.kv_tiles(); ++j) {
      const double tolerance = want[j] < 0 ? 0 : t.mass * want[j] + t.mass_absolute;
      EXPECT_NEAR(got.tile_mass[r * shape.kv_tiles() + j], want[j], tolerance)
          << "row of tiles " << r << ", tile " << j;
    }
    if (skip.step == StepKind::kDense || shape.streams == 2) continue;
    tally_row(rows[r], r, masses, before, view, skip, t.mass, tally);
  }
  EXPECT_NO_THROW(check_state(view));
  return got;
}

}  // namespace tessera::attention::testing
