#include "tessera/attention/mass.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

/// A well-mixed number of the row, so that rows and steps draw their phases apart (the finaliser
/// of SplitMix64, Steele et al. 2014).
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

void check_mass_policy(const MassPolicy& policy, int64_t total_steps, int64_t num_heads) {
  TESSERA_CHECK(policy.probe_period == 0 || policy.probe_period >= 2,
                "[attention_forward] probe_period must be 0 (never) or at least 2, got: ",
                policy.probe_period);
  check_level_table(policy.budgets, total_steps, num_heads,
                    {"every budget of a table must be in [0, 1)",
                     [](float level) { return 0 <= level && level < 1; }});
  TESSERA_CHECK(0 <= policy.budget && policy.budget < 0.5,
                "[attention_forward] budget must be in [0, 0.5), got: ", policy.budget);
}

double mass_budget(const MassPolicy& policy, int64_t step, int64_t total_steps, int64_t head) {
  if (!policy.budgets.is_empty()) return policy.budgets.at(step, head);
  if (policy.growth == BudgetGrowth::kConstant) return policy.budget;
  return 2 * policy.budget * static_cast<double>(step + 1) / static_cast<double>(total_steps + 1);
}

int64_t choose_dropped(std::vector<TileMass>& candidates, double budget, double& spent) {
  // Only tiles that could go by themselves are worth sorting; written so that a NaN fails.
  const auto affordable =
      std::partition(candidates.begin(), candidates.end(),
                     [&](const TileMass& candidate) { return spent + candidate.mass <= budget; });
  std::sort(candidates.begin(), affordable, [](const TileMass& a, const TileMass& b) {
    return a.mass != b.mass ? a.mass < b.mass : a.tile < b.tile;
  });
  auto last = candidates.begin();
  for (; last != affordable && spent + last->mass <= budget; ++last) spent += last->mass;
  return last - candidates.begin();
}

int64_t probe_phase(int64_t probe_period, uint64_t seed, int64_t step, int64_t generation,
                    int64_t row) {
  const uint64_t of_row =
      mixed(mixed(mixed(seed) ^ static_cast<uint64_t>(generation)) ^ static_cast<uint64_t>(row));
  return static_cast<int64_t>(mixed(of_row + static_cast<uint64_t>(step)) %
                              static_cast<uint64_t>(probe_period));
}

}  // namespace tessera::attention
