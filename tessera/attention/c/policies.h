// Private: the C interface's policies as the C++ API's.
#pragma once

#include "tessera/attention/c/guard.h"
#include "tessera/attention/mass.h"
#include "tessera/attention/max_gap.h"

namespace tessera::attention::c {

static_assert(TESSERA_ALTERNATING_DIRECTION == static_cast<int32_t>(DirectionMode::kAlternating));
static_assert(TESSERA_ROW_MEAN == static_cast<int32_t>(MassEstimate::kRowMean));
static_assert(TESSERA_LINEAR_BUDGET == static_cast<int32_t>(BudgetGrowth::kLinear));

inline LevelTable table_of(const tessera_level_table& given, const char* function) {
  if (given.values == nullptr) return {};
  TESSERA_CHECK(given.steps >= 1 && given.heads >= 1, "[", function,
                "] a level table must have at least one step and one head, got: ", given.steps,
                " and ", given.heads);
  return {{given.values, static_cast<size_t>(given.steps * given.heads)}, given.steps, given.heads};
}

inline DirectionMode direction_of(int32_t mode, const char* function) {
  return enum_of<DirectionMode>(mode, 2, function, "direction_mode");
}

inline MassEstimate estimate_of(int32_t estimate, const char* function) {
  return enum_of<MassEstimate>(estimate, 2, function, "estimate");
}

inline MaxGapPolicy max_gap_policy_of(const tessera_max_gap* given, const char* function,
                                      const char* name) {
  check_struct(given, function, name);
  return {.threshold = given->threshold,
          .thresholds = table_of(given->thresholds, function),
          .direction = direction_of(given->direction_mode, function)};
}

/// NULL: the policy's defaults.
inline MassPolicy mass_policy_of(const tessera_mass* given, const char* function,
                                 const char* name) {
  if (given == nullptr) return {};
  check_struct(given, function, name);
  return {.budget = given->budget,
          .growth = enum_of<BudgetGrowth>(given->growth, 2, function, "growth"),
          .budgets = table_of(given->budgets, function),
          .estimate = estimate_of(given->estimate, function),
          .probe_period = given->probe_period,
          .probe_seed = given->probe_seed,
          .direction = direction_of(given->direction_mode, function)};
}

}  // namespace tessera::attention::c
