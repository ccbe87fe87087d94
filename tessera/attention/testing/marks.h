// Small problems whose marks can be told by hand, and marks as text; all with 16 x 16 tiles.
#pragma once

#include <string>
#include <vector>

#include "tessera/attention/skip_state.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {

inline constexpr TileGeometry kTile{16, 16};

inline SkipState begun_state(const ProblemSpec& spec, int steps,
                             Direction first = Direction::kAscending) {
  SkipState state(state_shape_for(spec, kTile));
  state.begin(steps, first);
  return state;
}

/// A state for two streams, or with each row's log-sum-exp, or both.
inline SkipState begun_state_with(const ProblemSpec& spec, int steps, int streams, bool has_lse) {
  SkipStateShape shape = state_shape_for(spec, kTile);
  shape.streams = streams;
  shape.has_lse = has_lse;
  SkipState state(shape);
  state.begin(steps);
  return state;
}

/// A state of one's own with the same contents.
inline SkipState copy_of(const SkipStateView& from) {
  SkipState copy(attention::state_shape(from));
  const SkipStateView to = copy.view();
  const auto copy_array = [](const auto* source, auto* target, const auto& shape) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    if (source != nullptr) std::copy_n(source, count, target);
  };
  copy_array(from.bits, to.bits, from.bits_shape);
  copy_array(from.spent, to.spent, from.spent_shape);
  copy_array(from.lse, to.lse, from.lse_shape);
  copy_array(from.pending, to.pending, from.pending_shape);
  std::copy_n(from.header, kHeaderFields, to.header);
  return copy;
}

inline std::vector<int32_t> bits_of(const SkipStateView& state) {
  const auto& s = state.bits_shape;
  return {state.bits, state.bits + s[0] * s[1] * s[2] * s[3]};
}

/// The kept tiles of row 0 as text, one digit a tile.
inline std::string row_text(const SkipStateView& state, int64_t kv_tiles, int64_t q_tile = 0) {
  std::string text;
  for (int64_t j = 0; j < kv_tiles; ++j) text += state.is_kept(0, 0, q_tile, j) ? '1' : '0';
  return text;
}

/// One head, D = 1, q = 1, scale 1: tile j's scores are all `scores[j]`. 16 queries.
inline Problem problem_of_scores(const std::vector<float>& scores) {
  ProblemSpec spec{
      .q_len = 16, .kv_len = static_cast<int64_t>(scores.size()) * 16, .head_dim = 1, .scale = 1.0};
  Problem problem = make_problem(spec);
  for (int64_t t = 0; t < 16; ++t) problem.q.set(0, t, 0, 0, 1.0f);
  for (int64_t t = 0; t < spec.kv_len; ++t) problem.k.set(0, t, 0, 0, scores[t / 16]);
  return problem;
}

}  // namespace tessera::attention::testing
