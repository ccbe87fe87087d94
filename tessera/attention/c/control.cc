#include "tessera/attention/control.h"

#include <algorithm>
#include <limits>

#include "tessera/attention/c/policies.h"

/// What the opaque handle holds: the control, and the policy that its levels come from.
struct tessera_budget_control {
  tessera::attention::MassPolicy policy;
  int64_t total_steps;
  tessera::attention::BudgetControl control;
};

namespace {

using namespace tessera::attention;
using c::check_set;
using c::check_struct;
using c::guarded;

static_assert(TESSERA_RECALL_GOAL == static_cast<int32_t>(ControlGoal::kRecall));
static_assert(TESSERA_MAX_BUDGET == BudgetControl::kMaxBudget);

TileCounts counts_of(const tessera_tile_counts& counts) {
  return {.total = counts.total,
          .visited = counts.visited,
          .dropped = counts.dropped,
          .probed = counts.probed,
          .returned = counts.returned,
          .loaded = counts.loaded};
}
LostMass mass_of(const tessera_lost_mass& mass) {
  return {.dropped = mass.dropped, .spent = mass.spent, .lost = mass.lost, .rows = mass.rows};
}

/// The last step that may skip, of a checked target.
int64_t last_lite_step_of(const tessera_control_target& target, const char* function) {
  const int64_t steps = target.total_steps, last = target.last_lite_step;
  TESSERA_CHECK(1 <= steps && steps <= std::numeric_limits<int32_t>::max(), "[", function,
                "] target->total_steps must be in [1, 2^31), got: ", steps);
  TESSERA_CHECK(-1 <= last && last < steps, "[", function,
                "] target->last_lite_step must be -1 or in [0, ", steps, "), got: ", last);
  return last == -1 ? steps - 1 : last;
}

}  // namespace

tessera_status tessera_budget_control_create(const tessera_control_target* target,
                                             const tessera_mass* mass,
                                             tessera_budget_control** control) {
  constexpr const char* kName = "tessera_budget_control_create";
  return guarded([&] {
    check_set(control, kName, "control");
    *control = nullptr;
    check_struct(target, kName, "target");
    const ControlTarget goal{
        .goal = c::enum_of<ControlGoal>(target->goal, 2, kName, "target->goal"),
        .value = target->value};
    MassPolicy policy = c::mass_policy_of(mass, kName, "mass");
    policy.budgets = {};  // the caller's memory, which may go before the control
    const int64_t last_lite_step = last_lite_step_of(*target, kName);
    *control = new tessera_budget_control{
        policy, target->total_steps,
        BudgetControl(goal, policy, target->total_steps, last_lite_step)};
  });
}

void tessera_budget_control_destroy(tessera_budget_control* control) { delete control; }

tessera_status tessera_budget_control_scale(const tessera_budget_control* control, double* scale) {
  constexpr const char* kName = "tessera_budget_control_scale";
  return guarded([&] {
    check_set(control, kName, "control");
    check_set(scale, kName, "scale");
    *scale = control->control.scale();
  });
}

tessera_status tessera_budget_control_level(const tessera_budget_control* control, int64_t step,
                                            float* level) {
  constexpr const char* kName = "tessera_budget_control_level";
  return guarded([&] {
    check_set(control, kName, "control");
    check_set(level, kName, "level");
    TESSERA_CHECK(0 <= step && step < control->total_steps, "[", kName, "] step must be in [0, ",
                  control->total_steps, "), got: ", step);
    const double budget = mass_budget(control->policy, step, control->total_steps, 0);
    *level = static_cast<float>(control->control.scaled(budget));
  });
}

tessera_status tessera_step_sums_add(tessera_step_sums* sums, const tessera_report* report) {
  constexpr const char* kName = "tessera_step_sums_add";
  return guarded([&] {
    check_struct(sums, kName, "sums");
    check_struct(report, kName, "report");
    TileCounts tiles = counts_of(sums->tiles);
    tiles += counts_of(report->sum);
    LostMass mass = mass_of(sums->mass);
    mass += mass_of(report->sum_of_masses);
    sums->tiles = {tiles.total,  tiles.visited,  tiles.dropped,
                   tiles.probed, tiles.returned, tiles.loaded};
    sums->mass = {mass.dropped, mass.spent, mass.lost, mass.rows};
  });
}

tessera_status tessera_budget_control_observe(tessera_budget_control* control,
                                              const tessera_step_sums* sums) {
  constexpr const char* kName = "tessera_budget_control_observe";
  return guarded([&] {
    check_set(control, kName, "control");
    check_struct(sums, kName, "sums");
    const tessera_tile_counts& tiles = sums->tiles;
    const auto [least, most] = std::minmax({tiles.visited, tiles.dropped, tiles.returned});
    TESSERA_CHECK(
        0 <= least && most <= tiles.total, "[", kName,
        "] sums->tiles: visited, dropped and returned must be in [0, total = ", tiles.total,
        "], got: ", tiles.visited, ", ", tiles.dropped, ", ", tiles.returned);
    control->control.observe(
        {.tiles = counts_of(tiles), .mass = mass_of(sums->mass), .is_dense = sums->is_dense != 0});
  });
}
