// The certificate of MassEstimate::kRowMaximum (docs/numerics.md, eq. 7), never violated: what a
// call drops holds, in every row, no more than was spent on it, and no output moves by more than
// twice that times the largest value. On random and on adversarial inputs, over trajectories that
// drop at least 30 % of the tiles.
#include <functional>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/mass_check.h"

namespace tessera::attention::testing {
namespace {

constexpr int kSteps = 6;

struct Scenario {
  const char* name;
  std::function<Problem(int step)> problem;
  double budget = 0.03;
  int32_t probe_period = 0;
  BudgetGrowth growth = BudgetGrowth::kLinear;

  friend void PrintTo(const Scenario& value, std::ostream* stream) { *stream << value.name; }
};

/// Each q tile has one query that looks at one tile which no other query needs, another tile in
/// each step.
Problem with_a_needy_row(int step) {
  Problem p = make_problem({.q_len = 64, .kv_len = 480, .num_heads = 2, .num_kv_heads = 2});
  for (int64_t h = 0; h < 2; ++h) {
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t key = (7 * i + 5 * step + h) % 30 * 16;
      for (int64_t d = 0; d < 16; ++d) p.q.set(0, i * 16 + 3 * i, h, d, 3 * p.k.at(0, key, h, d));
    }
  }
  return p;
}

/// Scores that grow from tile to tile: in ascending order each tile looks large when it is seen.
Problem with_late_maxima(int step) {
  Problem p = make_problem({.q_len = 48, .kv_len = 480, .head_dim = 2, .scale = 1.0});
  for (int64_t t = 0; t < 48; ++t) p.q.set(0, t, 0, 0, 1.0f + 0.01f * static_cast<float>(t % 7));
  for (int64_t t = 0; t < 480; ++t) {
    p.k.set(0, t, 0, 0, 0.3f * static_cast<float>(t / 16) + 0.1f * static_cast<float>(step));
  }
  return p;
}

/// One heavy tile among 20 equal ones that together hold just what the budget allows, to a part in
/// a million more or less.
Problem just_at_the_budget(int step) {
  std::vector<float> scores(21, 0.0f);
  const double share = 0.2 / 0.8 / 20;  // of the heavy tile
  scores[10] = static_cast<float>(-std::log(share) * (1 + 1e-6 * (step - 3)));
  return problem_of_scores(scores);
}

const ProblemSpec kGrouped{.batch = 2,
                           .q_len = 53,
                           .kv_len = 450,
                           .num_heads = 6,
                           .num_kv_heads = 2,
                           .kv_lengths = {450, 201}};

const Scenario kScenarios[] = {
    {"Random", [](int step) { return make_problem({.q_len = 64, .kv_len = 500}, 0.1 * step); }},
    {"FreshNoise",
     [](int step) {
       return make_problem({.q_len = 64, .kv_len = 500, .seed = static_cast<uint64_t>(step + 1)});
     },
     0.2},
    {"GroupedAndRagged", [](int step) { return make_problem(kGrouped, 0.1 * step); }},
    {"Probed", [](int step) { return make_problem(kGrouped, 0.2 * step); }, 0.03, 3},
    {"ANeedyRow", with_a_needy_row, 0.4},
    {"LateMaxima", with_late_maxima, 0.2},
    {"JustAtTheBudget", just_at_the_budget, 0.2, 0, BudgetGrowth::kConstant},
    {"HugeScale",
     [](int step) { return make_problem({.q_len = 64, .kv_len = 500, .contrast = 600}, step); },
     0.01},
    {"Noise",
     [](int step) { return make_problem({.q_len = 64, .kv_len = 500, .contrast = 1}, step); },
     0.45},
};

/// Rows of out over the given tiles alone, in fp64: [queries of the row of tiles, D].
std::vector<double> answer_over(const Problem& p, const OracleRow& row,
                                const std::vector<int64_t>& tiles) {
  std::vector<double> out;
  for (const int64_t query : row.queries) {
    const int64_t token = query % p.spec.q_len;
    const auto w = query_weights(p, {1, 1}, row.b, row.h, token);  // key by key
    std::vector<double> sums(p.spec.head_dim);
    double total = 0;
    for (const int64_t j : tiles) {
      for (int64_t c = j * 16; c < std::min(j * 16 + 16, p.kv_length(row.b)); ++c) {
        total += w.weight[c];
        for (int64_t d = 0; d < p.spec.head_dim; ++d) {
          sums[d] +=
              w.weight[c] * p.v.at(row.b, c, row.h * p.spec.num_kv_heads / p.spec.num_heads, d);
        }
      }
    }
    for (const double sum : sums) out.push_back(sum / total);
  }
  return out;
}

/// Eq. 7 for one call's marks, as this stream sees them.
void check_certificate(const Problem& p, const std::vector<OracleRow>& rows, const SkipState& old,
                       const SkipStateView& now, double budget) {
  const SkipStateView before = old.view();
  const auto weights = all_weights(p, kTile);
  const double delta = forward_tolerance(p, kTile).mass;
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto& row = rows[r];
    std::vector<int64_t> gone, stays;
    for (const int64_t j : row.tiles) {
      const bool is_gone =
          before.is_kept(row.b, row.h, row.i, j) && !now.is_kept(row.b, row.h, row.i, j);
      (is_gone ? gone : stays).push_back(j);
    }
    const double spent = static_cast<double>(now.spent[r]) - before.spent[r];
    ASSERT_LE(now.spent[r], std::max<double>(budget, before.spent[r]) * (1 + 0x1p-23)) << r;
    if (gone.empty()) continue;
    for (const int64_t query : row.queries) {
      double lost = 0, visited = 0;
      for (const int64_t j : gone) lost += weights[query].weight[j];
      for (const int64_t j : row.tiles) visited += weights[query].weight[j];
      ASSERT_LE(lost / visited, spent * (1 + delta) + 0x1p-24) << "row of tiles " << r;
    }
    const auto with = answer_over(p, row, row.tiles), without = answer_over(p, row, stays);
    const int64_t width = p.spec.head_dim;
    for (size_t first = 0; first < with.size(); first += width) {
      double distance = 0;
      for (int64_t d = 0; d < width; ++d) {
        distance += std::pow(with[first + d] - without[first + d], 2);
      }
      ASSERT_LE(std::sqrt(distance), (2 * spent * (1 + delta) + 0x1p-23) * p.v.max_norm()) << r;
    }
  }
}

class MassCertificate : public ::testing::TestWithParam<std::tuple<BackendCase, Scenario>> {
 protected:
  RunOptions options() const { return {.backend = std::get<0>(GetParam()).backend}; }
  const Scenario& scenario() const { return std::get<1>(GetParam()); }
  MassPolicy policy() const {
    return {.budget = scenario().budget,
            .growth = scenario().growth,
            .probe_period = scenario().probe_period};
  }
  double budget(int step) const {
    if (scenario().growth == BudgetGrowth::kConstant) return scenario().budget;
    return 2 * scenario().budget * (step + 1) / (kSteps + 1);
  }

 private:
  ForcedCase forced_{std::get<0>(GetParam())};
};

INSTANTIATE_TEST_SUITE_P(
    All, MassCertificate,
    ::testing::Combine(::testing::ValuesIn(backend_cases()), ::testing::ValuesIn(kScenarios)),
    [](const auto& info) {
      return case_name({std::get<0>(info.param), 0}) + "_" + std::get<1>(info.param).name;
    });

TEST_P(MassCertificate, HoldsInEveryRowOfEveryStep) {
  const SkipState state = begun_state(scenario().problem(0).spec, kSteps);
  const SkipStateView view = state.view();
  const int64_t all = kept_tiles(view);
  int64_t dropped = 0;
  for (int step = 0; step < kSteps; ++step) {
    const Problem p = scenario().problem(step);
    const SkipRequest skip{.state = &view, .policy = policy()};
    const auto rows = expected_rows(p, view, skip);
    const SkipState before = copy_of(view);
    dropped += run(p, skip, options()).report.sum().dropped;
    check_certificate(p, rows, before, view, budget(step));
  }
  EXPECT_GE(dropped, 0.3 * all);
}

TEST_P(MassCertificate, HoldsForAllThatWasDroppedWhileInputsStay) {
  // Then spent bounds what the row has lost of its dense answer, in all steps together.
  const Problem p = scenario().problem(1);
  const SkipState state = begun_state(p.spec, kSteps);
  const SkipStateView view = state.view();
  const auto weights = all_weights(p, kTile);
  const int64_t all = kept_tiles(view);
  const double delta = forward_tolerance(p, kTile).mass;
  for (int step = 0; step < kSteps; ++step) {
    const SkipRequest skip{.state = &view, .policy = policy()};
    run(p, skip, options());
    const auto rows = expected_rows(p, view, {.state = &view, .step = StepKind::kDense});
    for (size_t r = 0; r < rows.size(); ++r) {
      ASSERT_LE(view.spent[r], budget(step) * (1 + 0x1p-23));
      for (const int64_t query : rows[r].queries) {
        double lost = 0;
        for (const int64_t j : rows[r].tiles) {
          if (!view.is_kept(rows[r].b, rows[r].h, rows[r].i, j)) lost += weights[query].weight[j];
        }
        ASSERT_LE(lost, weights[query].sum() * (view.spent[r] * (1 + delta) + 0x1p-24)) << r;
      }
    }
  }
  EXPECT_LE(kept_tiles(view), 0.7 * all);
}

TEST_P(MassCertificate, HoldsForBothOfTwoStreams) {
  const ProblemSpec spec = scenario().problem(0).spec;
  const SkipState state = begun_state_with(spec, kSteps, 2, false);
  const SkipStateView view = state.view();
  const int64_t all = kept_tiles(view);
  for (int step = 0; step < kSteps; ++step) {
    const Problem first = scenario().problem(step), second = scenario().problem(step + 1);
    const SkipRequest skip{.state = &view, .policy = policy()};
    const auto rows = expected_rows(first, view, skip);
    const SkipState before = copy_of(view);
    run(first, skip, options());
    EXPECT_EQ(bits_of(view), bits_of(before.view()));
    run(second, skip, options());
    check_certificate(first, rows, before, view, budget(step));
    check_certificate(second, rows, before, view, budget(step));
  }
  EXPECT_LE(kept_tiles(view), 0.7 * all);
}

}  // namespace
}  // namespace tessera::attention::testing
