#include <cmath>

#include "tessera/attention/pending.h"
#include "tessera/attention/testing/tolerance.h"

#include "tests/fuzz/checks.h"

namespace tessera::fuzz {
namespace {

using namespace attention;
using attention::testing::OracleRow;
using attention::testing::Tolerance;

/// |want| that is within reach of a difference of `absolute`, and of two roundings.
bool is_close(double got, double want, double absolute, double relative) {
  if (got == want) return true;
  return std::abs(got - want) <= absolute + 2 * relative * std::abs(want);
}

void check_outputs(const Call& call, const Expected& expected, const Tolerance& t,
                   const Result& want, const Result& got) {
  const auto& spec = call.problem.spec;
  int64_t row = 0;
  for (int64_t b = 0; b < spec.batch; ++b) {
    for (int64_t h = 0; h < spec.num_heads; ++h) {
      for (int64_t q = 0; q < spec.q_len; ++q, ++row) {
        if (!expected.is_clean_query[row]) continue;
        require(is_close(got.lse[row], want.lse[row], t.lse_absolute, t.lse_relative), "lse");
        for (int64_t d = 0; d < spec.head_dim; ++d) {
          require(is_close(got.at(b, q, h, d), want.at(b, q, h, d), t.out_absolute, t.out_relative),
                  "out");
        }
        if (!expected.is_exact) continue;
        const bool is_carried = !call.carried_max.empty();
        if (is_carried && std::isnan(call.carried_max[row])) continue;
        require(got.row_max[row] == want.row_max[row], "row_max");
      }
    }
  }
}

/// What the masses of a row of tiles are measured against under kRowMean; null before the first
/// call.
const float* reference_lse(const Call& call, const SkipStateView& old) {
  if (!call.carried_lse.empty()) return call.carried_lse.data();
  const auto queries = old.lse_shape[1] * old.lse_shape[2] * old.lse_shape[3];
  if (old.field(HeaderField::kStep) == 0) return nullptr;
  return old.lse + old.field(HeaderField::kStream) * queries;
}

/// Inputs that jump between calls move a mean's terms out of fp32's range; mass.h promises numbers
/// there, not which.
bool has_jumped(const OracleRow& row, const float* reference, const Result& want) {
  if (reference == nullptr) return false;
  return std::any_of(row.queries.begin(), row.queries.end(), [&](int64_t query) {
    return std::isfinite(reference[query]) && std::abs(reference[query] - want.lse[query]) > 40 &&
           !row.tiles.empty();
  });
}

struct MassDelta {
  double relative, absolute;
};

MassDelta mass_delta(const Call& call, const Expected& expected, const Tolerance& t, bool is_mean,
                     int64_t q_tile) {
  constexpr double kU = 0x1p-24;
  const auto& p = expected.tame;
  const double logit = p.scale() * p.q.max_norm() * p.k.max_norm();
  MassDelta delta{t.mass, t.mass_absolute};
  // A carried lse is no larger than a row's own here, or its part vanishes (or it has_jumped).
  if (is_mean || call.is_shard()) delta.relative += 4 * kU * (logit + 200);
  // Far above the row's own sums, `cpu` takes what was carried for 2^120 times as much.
  if (call.is_shard()) delta.absolute *= 0x1p+7;
  if (!is_mean) return delta;
  delta.relative += 2 * kU * static_cast<double>(q_tile);  // the sum over the rows
  delta.absolute *= std::exp(40.0) * static_cast<double>(q_tile);
  return delta;
}

/// The masses by which a row of tiles is judged, and what became of the tiles.
struct Choice {
  std::vector<double> candidates, probes;
  std::vector<bool> is_gone, is_back;
  int64_t num_staying = 0;
};

Choice choice_of(const Call& call, const OracleRow& row, const Done& want, const SkipStateView& old,
                 const SkipStateView& now) {
  const int64_t kv_tile = old.field(HeaderField::kKvTile), q_tile = old.field(HeaderField::kQTile);
  const auto& spec = call.problem.spec;
  const int64_t q_first = row.i * q_tile, q_end = std::min(q_first + q_tile, spec.q_len);
  const int64_t kv_tiles = tile_count(spec.kv_len, kv_tile);
  const int64_t index = (row.b * spec.num_heads + row.h) * old.bits_shape[2] + row.i;
  const uint8_t* pending = old.field(HeaderField::kStream) == 0 ? nullptr : old.pending;
  Choice choice;
  for (size_t n = 0; n < row.tiles.size(); ++n) {
    const int64_t tile = row.tiles[n], first = tile * kv_tile;
    const int64_t end = std::min(first + kv_tile, spec.kv_len);
    const bool must_stay = std::any_of(call.keep.begin(), call.keep.end(), [&](const auto& r) {
      return r.begin < end && first < r.end && r.q_begin < q_end && q_first < r.q_end &&
             (r.head == kAllHeads || r.head == row.h);
    });
    const uint8_t code = pending == nullptr ? 1 : pending[index * kv_tiles + tile];
    const bool is_unjudged = code == kPendingKeep || code == kPendingGap;
    double mass = want.result.tile_mass[index * kv_tiles + tile];
    if (pending != nullptr && !is_unjudged) mass = std::max(mass, decode_pending_mass(code));
    const bool is_kept = now.is_kept(row.b, row.h, row.i, tile);
    if (row.is_probe[n] && !is_unjudged) {
      choice.probes.push_back(mass);
      choice.is_back.push_back(is_kept);
    } else if (row.is_probe[n]) {
      require(!is_kept, "an unjudged probe does not return");
    } else if (old.is_kept(row.b, row.h, row.i, tile)) {
      require(is_kept || (!must_stay && !is_unjudged), "what must stay stays");
      if (must_stay || is_unjudged) {
        ++choice.num_staying;
      } else {
        choice.candidates.push_back(mass);
        choice.is_gone.push_back(!is_kept);
      }
    }
  }
  return choice;
}

/// The marks under `mass` are right for masses within delta of the reference's.
void check_choice(Choice choice, double spent, double budget, MassDelta delta, bool is_shard) {
  auto& [candidates, probes, is_gone, is_back, num_staying] = choice;
  const auto stays = std::find(is_gone.begin(), is_gone.end(), false) - is_gone.begin();
  // A row's last tile stays, whatever it holds: the heaviest.
  const bool is_last =
      !is_shard && num_staying == 0 && std::count(is_gone.begin(), is_gone.end(), false) == 1;
  if (is_last) {
    const double heaviest = *std::max_element(candidates.begin(), candidates.end());
    require(candidates[stays] * (1 + 2 * delta.relative) + 2 * delta.absolute >= heaviest,
            "the heaviest stays");
    candidates.erase(candidates.begin() + stays);
    is_gone.erase(is_gone.begin() + stays);
  }
  const auto judged = attention::testing::judge_choice(candidates, is_gone, spent, budget,
                                                       delta.relative, delta.absolute);
  require(judged.is_valid, "a choice within the budget");
  require(judged.wrong_decided == 0, "tiles that must go go, that must stay stay");
  if (is_last) return;
  double level = budget;
  for (size_t n = 0; n < candidates.size(); ++n) {
    if (!is_gone[n]) level = std::min(level, candidates[n]);
  }
  for (size_t n = 0; n < probes.size(); ++n) {
    const double margin = 2 * delta.relative * level + 2 * delta.absolute;
    if (std::abs(probes[n] - level) <= margin) continue;
    require(is_back[n] == (probes[n] > level), "probes return if they hold more");
  }
}

/// What the first of two streams left.
void check_pending(bool is_mass, const uint8_t* want, const uint8_t* got, int64_t kv_tiles) {
  for (int64_t j = 0; j < kv_tiles; ++j) {
    require(std::abs(want[j] - got[j]) <= (is_mass ? 1 : 0), "pending");
    require((want[j] == kPendingKeep) == (got[j] == kPendingKeep), "pending: who may go");
  }
}

void check_row_masses(const OracleRow& row, const float* want, const float* got, MassDelta delta) {
  for (const int64_t tile : row.tiles) {
    require(std::abs(got[tile] - want[tile]) <= delta.relative * want[tile] + delta.absolute,
            "tile_mass");
  }
}

/// The estimates of lost mass, where no row's is so large that its kept part leaves fp32's range.
void check_lost(const Done& want, const Done& got, MassDelta delta) {
  for (size_t head = 0; head < want.result.report.masses.size(); ++head) {
    const LostMass& a = want.result.report.masses[head];
    const LostMass& b = got.result.report.masses[head];
    if (!(a.lost < 1e20)) continue;
    require(a.rows == b.rows, "rows that tell of lost mass");
    require(std::abs(a.lost - b.lost) <= 2 * delta.relative * a.lost + 1e-20, "lost mass");
  }
}

}  // namespace

void check_against(const Call& call, const Expected& expected, const SkipState& before,
                   const Done& want, const Done& got, bool rounds_weights) {
  const SkipStateShape& shape = before.shape();
  attention::testing::Problem tame = expected.tame;
  tame.spec.rounds_weights = rounds_weights;
  const Tolerance t = attention::testing::forward_tolerance(tame, shape.geometry);
  check_outputs(call, expected, t, want.result, got.result);

  const SkipStateView old = before.view(), from = want.state.view(), now = got.state.view();
  const auto* policy = std::get_if<MassPolicy>(&call.policy.policy);
  const bool is_mean = policy != nullptr && policy->estimate == MassEstimate::kRowMean;
  const MassDelta delta = mass_delta(call, expected, t, is_mean, shape.geometry.q_tile);
  const int64_t kv_tiles = shape.kv_tiles(), words = shape.words();
  const bool is_first_of_two = old.field(HeaderField::kStream) + 1 < shape.streams;
  const float* reference = is_mean ? reference_lse(call, old) : nullptr;
  bool are_all_clean = true;
  for (size_t r = 0; r < expected.rows.size(); ++r) {
    const OracleRow& row = expected.rows[r];
    const auto index = static_cast<int64_t>(r);
    const bool can_be_told = expected.is_clean_row[r] && !has_jumped(row, reference, want.result);
    are_all_clean &= can_be_told;
    if (!can_be_told) continue;
    if (policy != nullptr) {
      check_row_masses(row, want.result.tile_mass.data() + index * kv_tiles,
                       got.result.tile_mass.data() + index * kv_tiles, delta);
    }
    if (is_first_of_two && (policy != nullptr || expected.is_exact)) {
      check_pending(policy != nullptr, from.pending + index * kv_tiles,
                    now.pending + index * kv_tiles, kv_tiles);
    }
    if (policy == nullptr && expected.is_exact) {
      require(std::equal(from.bits + index * words, from.bits + (index + 1) * words,
                         now.bits + index * words),
              "marks of max_gap are equal where scores are exact");
    }
    if (policy == nullptr || is_first_of_two || call.request.step == StepKind::kDense) continue;
    check_choice(choice_of(call, row, want, old, now), old.spent[r],
                 attention::testing::expected_budget(*policy, old, row.h), delta, call.is_shard());
  }
  if (policy != nullptr && are_all_clean) check_lost(want, got, delta);
}

}  // namespace tessera::fuzz
