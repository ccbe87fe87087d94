#include "tests/fuzz/checks.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace tessera::fuzz {
namespace {

using namespace attention;
using attention::testing::Array;
using attention::testing::OracleRow;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename Shape>
int64_t count(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

bool is_tame(float x) { return std::abs(x) < 100; }

/// [B, L, H]: is any element of the token's head nasty? These become zeros.
std::vector<uint8_t> tame(Array& array) {
  std::vector<uint8_t> is_nasty;
  const auto& shape = array.shape();
  for (int64_t b = 0; b < shape[0]; ++b) {
    for (int64_t t = 0; t < shape[1]; ++t) {
      for (int64_t h = 0; h < shape[2]; ++h) {
        bool all = true;
        for (int64_t d = 0; d < shape[3]; ++d) all &= is_tame(array.at(b, t, h, d));
        is_nasty.push_back(!all);
        for (int64_t d = 0; !all && d < shape[3]; ++d) array.set(b, t, h, d, 0);
      }
    }
  }
  return is_nasty;
}

std::vector<OracleRow> visits(const Call& call, const SkipStateView& before) {
  SkipRequest request = call.request;
  if (!call.is_mass) request.policy = MassPolicy{};  // whose visits without probes are the same
  return attention::testing::expected_rows(call.problem, before, request);
}

int64_t kept(const SkipStateView& state, int64_t row) {
  int64_t sum = 0;
  for (int64_t i = 0; i < state.bits_shape[3]; ++i) {
    sum += std::popcount(static_cast<uint32_t>(state.bits[row * state.bits_shape[3] + i]));
  }
  return sum;
}

void check_counters(const Call& call, const Expected& expected, const SkipStateView& old,
                    const Done& done) {
  const AttentionReport& report = done.result.report;
  std::vector<TileCounts> want(report.heads.size());
  const auto& spec = call.problem.spec;
  for (const OracleRow& row : expected.rows) {
    TileCounts& counts = want[row.b * spec.num_heads + row.h];
    counts.total += tile_count(call.problem.kv_length(row.b), old.field(HeaderField::kKvTile));
    counts.visited += static_cast<int64_t>(row.tiles.size());
    counts.probed += std::count(row.is_probe.begin(), row.is_probe.end(), true);
  }
  const int64_t q_tiles = old.bits_shape[2];
  const SkipStateView now = done.state.view();
  for (size_t head = 0; head < want.size(); ++head) {
    const TileCounts& got = report.heads[head];
    require(got.total == want[head].total, "the total of tiles");
    require(got.visited == want[head].visited, "the visited tiles are those of the definition");
    require(got.probed == want[head].probed, "the probed tiles are those of the definition");
    require(got.returned <= got.probed && got.dropped <= got.visited - got.probed &&
                got.loaded <= got.visited,
            "counters in order");
    int64_t change = 0;
    for (int64_t i = 0; i < q_tiles; ++i) {
      const auto row = static_cast<int64_t>(head) * q_tiles + i;
      change += kept(now, row) - kept(old, row);
    }
    require(change == got.returned - got.dropped, "marks as counted");
  }
}

/// The largest spent + 1 ulp that a row may show.
float most_spent(const Call& call, const SkipStateView& old, int64_t row, int64_t head) {
  if (!call.is_mass || call.request.step == StepKind::kDense) return old.spent[row];
  const double budget =
      attention::testing::expected_budget(std::get<MassPolicy>(call.policy.policy), old, head);
  return std::max(old.spent[row], std::nextafter(static_cast<float>(budget), kInfinity));
}

void check_marks(const Call& call, const Expected& expected, const SkipStateView& old,
                 const SkipStateView& now) {
  const bool is_first_of_two =
      old.field(HeaderField::kStream) + 1 < old.field(HeaderField::kStreams);
  const bool marks_nothing = is_first_of_two || call.request.step == StepKind::kDense;
  for (size_t r = 0; r < expected.rows.size(); ++r) {
    const OracleRow& row = expected.rows[r];
    require(now.spent[r] >= old.spent[r], "spent never shrinks");
    require(now.spent[r] <= most_spent(call, old, r, row.h), "spent within the step's budget");
    require(!marks_nothing || now.spent[r] == old.spent[r], "no marks, no spending");
    const auto index = static_cast<int64_t>(r);
    require(call.is_shard() || kept(old, index) == 0 || kept(now, index) > 0, "a row keeps a tile");
    const int64_t kv_tiles =
        tile_count(old.field(HeaderField::kKvLen), old.field(HeaderField::kKvTile));
    for (int64_t j = 0; j < kv_tiles; ++j) {
      const bool was = old.is_kept(row.b, row.h, row.i, j),
                 is = now.is_kept(row.b, row.h, row.i, j);
      if (was == is) continue;
      const auto at = std::find(row.tiles.begin(), row.tiles.end(), j) - row.tiles.begin();
      require(!marks_nothing, "dense steps and first streams mark nothing");
      require(at < static_cast<int64_t>(row.tiles.size()), "only visited tiles change");
      require(!is || row.is_probe[at], "only probes return");
    }
  }
}

void check_header(const Call& call, const SkipStateView& old, const SkipStateView& now) {
  const int32_t streams = old.field(HeaderField::kStreams);
  const bool ends_step = old.field(HeaderField::kStream) + 1 == streams;
  const bool alternates = std::visit([](const auto& policy) { return policy.direction; },
                                     call.policy.policy) == DirectionMode::kAlternating;
  std::vector<int32_t> want(old.header, old.header + kHeaderFields);
  const auto field = [&](HeaderField name) -> int32_t& { return want[static_cast<int>(name)]; };
  field(HeaderField::kStream) = ends_step ? 0 : 1;
  field(HeaderField::kStep) += ends_step;
  field(HeaderField::kDirection) ^= ends_step && alternates;
  require(std::equal(want.begin(), want.end(), now.header), "one call further");
}

/// The stream's lse is that of the call; the other's is as it was.
void check_kept_lse(const SkipStateView& old, const Done& done) {
  const SkipStateView now = done.state.view();
  if (now.lse == nullptr) return;
  const auto size = static_cast<int64_t>(done.result.lse.size());
  for (int32_t stream = 0; stream < old.field(HeaderField::kStreams); ++stream) {
    const bool is_this = stream == old.field(HeaderField::kStream);
    const float* want = is_this ? done.result.lse.data() : old.lse + stream * size;
    require(std::memcmp(now.lse + stream * size, want, size * sizeof(float)) == 0,
            "the state's lse is the call's");
  }
}

void check_masses(const Call& call, const Expected& expected, int64_t kv_tiles,
                  const Result& result) {
  if (!call.wants_tile_mass) return;
  const bool is_maximum =
      std::get<MassPolicy>(call.policy.policy).estimate == MassEstimate::kRowMaximum;
  for (size_t r = 0; r < expected.rows.size(); ++r) {
    const float* masses = result.tile_mass.data() + static_cast<int64_t>(r) * kv_tiles;
    std::vector<bool> is_visited(kv_tiles);
    for (const int64_t tile : expected.rows[r].tiles) is_visited[tile] = true;
    for (int64_t j = 0; j < kv_tiles; ++j) {
      if (!is_visited[j]) require(masses[j] == -1, "-1 for tiles that were not visited");
      if (!is_visited[j] || !expected.is_clean_row[r]) continue;
      require(masses[j] >= 0, "masses are shares");
      require(!is_maximum || masses[j] <= 1, "a share is at most 1");
    }
  }
}

void check_means(const Call& call, const Expected& expected, const Result& result) {
  const auto& spec = call.problem.spec;
  const float largest = static_cast<float>(expected.tame.v.max_abs()) * 1.01f;
  int64_t row = 0;
  for (int64_t b = 0; b < spec.batch; ++b) {
    for (int64_t h = 0; h < spec.num_heads; ++h) {
      for (int64_t t = 0; t < spec.q_len; ++t, ++row) {
        if (!expected.is_clean_query[row]) continue;
        const bool is_empty = result.lse[row] == -kInfinity;
        require(is_empty || std::isfinite(result.lse[row]), "lse is a number or nothing");
        for (int64_t d = 0; d < spec.head_dim; ++d) {
          const float x = result.at(b, t, h, d);
          require(is_empty ? x == 0 : std::abs(x) <= largest, "out is a mean of v");
        }
      }
    }
  }
}

}  // namespace

Expected::Expected(const Call& call, const SkipState& before)
    : rows(visits(call, before.view())), tame(call.problem), is_exact(call.is_exact()) {
  const auto q_nasty = fuzz::tame(tame.q), k_nasty = fuzz::tame(tame.k);
  const auto v_nasty = fuzz::tame(tame.v);
  const auto& spec = tame.spec;
  const int64_t kv_tile = before.shape().geometry.kv_tile;
  is_clean_query.resize(spec.batch * spec.num_heads * spec.q_len);
  const std::vector<float>& carried = call.is_mass ? call.carried_lse : call.carried_max;
  for (const OracleRow& row : rows) {
    const int64_t kv_head = row.h / (spec.num_heads / spec.num_kv_heads);
    bool are_keys_clean = true, is_clean = true;
    for (const int64_t tile : row.tiles) {
      const int64_t end = std::min((tile + 1) * kv_tile, tame.kv_length(row.b));
      for (int64_t t = tile * kv_tile; t < end; ++t) {
        const int64_t at = (row.b * spec.kv_len + t) * spec.num_kv_heads + kv_head;
        are_keys_clean &= !k_nasty[at] && !v_nasty[at];
      }
    }
    for (const int64_t query : row.queries) {
      const int64_t t = query % spec.q_len;
      const bool is_nasty = q_nasty[(row.b * spec.q_len + t) * spec.num_heads + row.h];
      is_clean_query[query] = are_keys_clean && !is_nasty;
      is_clean &= is_clean_query[query] && (carried.empty() || carried[query] < 100);
    }
    is_clean_row.push_back(is_clean);
  }
}

void check_promises(const Call& call, const Expected& expected, const SkipState& before,
                    const Done& done) {
  const SkipStateView old = before.view(), now = done.state.view();
  check_state(now);
  check_header(call, old, now);
  check_counters(call, expected, old, done);
  check_marks(call, expected, old, now);
  check_kept_lse(old, done);
  check_masses(call, expected, before.shape().kv_tiles(), done.result);
  check_means(call, expected, done.result);
  require(done.result.has_clean_gaps(), "nothing is written between heads");
}

bool same_state(const SkipState& a, const SkipState& b) {
  const SkipStateView x = a.view(), y = b.view();
  const auto same = [](const auto* p, const auto* q, const auto& shape) {
    return p == nullptr || std::memcmp(p, q, count(shape) * sizeof(*p)) == 0;
  };
  return a.shape() == b.shape() && same(x.bits, y.bits, x.bits_shape) &&
         same(x.spent, y.spent, x.spent_shape) && same(x.lse, y.lse, x.lse_shape) &&
         same(x.pending, y.pending, x.pending_shape) &&
         same(x.header, y.header, std::array{x.header_size});
}

}  // namespace tessera::fuzz
