// The C interface's control against BudgetControl, bit for bit, and what it refuses.
#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/control.h"
#include "tessera/attention/testing/c_call.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {
namespace {

constexpr int64_t kSteps = 6;

tessera_control_target sparsity_target(double value, int64_t total_steps) {
  tessera_control_target target = TESSERA_CONTROL_TARGET_INIT;
  target.value = value;
  target.total_steps = total_steps;
  return target;
}

class CControl {
 public:
  CControl(const tessera_control_target& target, const tessera_mass* mass) {
    EXPECT_EQ(tessera_budget_control_create(&target, mass, &control_), TESSERA_OK)
        << tessera_last_error();
  }
  ~CControl() { tessera_budget_control_destroy(control_); }
  CControl(const CControl&) = delete;
  CControl& operator=(const CControl&) = delete;
  operator tessera_budget_control*() const { return control_; }

  float level(int64_t step) const {
    float level = -1;
    EXPECT_EQ(tessera_budget_control_level(control_, step, &level), TESSERA_OK)
        << tessera_last_error();
    return level;
  }
  double scale() const {
    double scale = -1;
    EXPECT_EQ(tessera_budget_control_scale(control_, &scale), TESSERA_OK);
    return scale;
  }

 private:
  tessera_budget_control* control_ = nullptr;
};

/// A film of two layers under a control, by C++ and by C side by side.
void expect_the_same_film(const ControlTarget& goal, const MassPolicy& policy,
                          const tessera_mass& mass) {
  const ProblemSpec spec{.q_len = 60, .kv_len = 150, .num_heads = 2, .num_kv_heads = 2};
  tessera_control_target target = sparsity_target(goal.value, kSteps);
  target.goal = static_cast<int32_t>(goal.goal);
  target.last_lite_step = kSteps - 2;
  BudgetControl control(goal, policy, kSteps, kSteps - 2);
  const CControl c_control(target, &mass);
  const SkipState states[] = {begun_state(spec, kSteps), begun_state(spec, kSteps)};
  const CState c_states[] = {{spec, kSteps}, {spec, kSteps}};
  for (int64_t step = 0; step < kSteps; ++step) {
    StepSums sums{.is_dense = step == kSteps - 1};
    tessera_step_sums c_sums = TESSERA_STEP_SUMS_INIT;
    c_sums.is_dense = sums.is_dense;
    const auto level =
        static_cast<float>(std::min(control.scale() * mass_budget(policy, step, kSteps, 0), 0.9));
    const float c_level = c_control.level(step);
    EXPECT_EQ(c_level, level);
    for (int layer = 0; layer < 2; ++layer) {
      const Problem problem = make_problem(spec, 0.1 * static_cast<double>(step + 3 * layer));
      const SkipStateView view = states[layer].view();
      MassPolicy levelled = policy;
      levelled.budgets = {{&level, 1}, 1, 1};
      const Answer want = run(problem,
                              {.state = &view,
                               .step = sums.is_dense ? StepKind::kDense : StepKind::kSkip,
                               .policy = levelled},
                              {.backend = "reference"});
      sums.tiles += want.report.sum();
      sums.mass += want.report.sum_of_masses();
      CCall call(problem);
      tessera_mass c_levelled = mass;
      c_levelled.budgets.values = &c_level;
      call.skip.state = c_states[layer];
      call.skip.mass = &c_levelled;
      call.skip.step_kind = sums.is_dense ? TESSERA_DENSE_STEP : TESSERA_SKIP_STEP;
      ASSERT_EQ(call(), TESSERA_OK) << tessera_last_error();
      EXPECT_EQ(call.out, want.out);
      ASSERT_EQ(tessera_step_sums_add(&c_sums, &call.report), TESSERA_OK);
    }
    EXPECT_EQ(c_sums.tiles.visited, sums.tiles.visited);
    EXPECT_EQ(c_sums.mass.lost, sums.mass.lost);
    EXPECT_EQ(c_sums.mass.rows, sums.mass.rows);
    control.observe(sums);
    ASSERT_EQ(tessera_budget_control_observe(c_control, &c_sums), TESSERA_OK);
    EXPECT_EQ(c_control.scale(), control.scale());
  }
  EXPECT_LT(kept_tiles(states[0].view()), 2 * 4 * 10);
}

TEST(CControl, HoldsASparsityAsCppDoes) {
  tessera_mass mass = TESSERA_MASS_INIT;
  mass.budget = 0.1;
  expect_the_same_film({ControlGoal::kSparsity, 0.3}, {.budget = 0.1}, mass);
}

TEST(CControl, HoldsARecallAsCppDoes) {
  tessera_mass mass = TESSERA_MASS_INIT;
  mass.growth = TESSERA_CONSTANT_BUDGET;
  mass.probe_period = 2;
  expect_the_same_film({ControlGoal::kRecall, 0.9},
                       {.growth = BudgetGrowth::kConstant, .probe_period = 2}, mass);
}

TEST(CControl, DefaultsAreTheWholeRunAndTheDefaultPolicy) {
  const CControl c_control(sparsity_target(0.4, 9), nullptr);
  BudgetControl control({ControlGoal::kSparsity, 0.4}, {}, 9, 8);
  EXPECT_EQ(c_control.scale(), control.scale());
  tessera_step_sums sums = TESSERA_STEP_SUMS_INIT;
  sums.tiles = {100, 80, 5, 2, 1, 80};
  ASSERT_EQ(tessera_budget_control_observe(c_control, &sums), TESSERA_OK);
  control.observe({.tiles = {100, 80, 5, 2, 1, 80}});
  EXPECT_EQ(c_control.scale(), control.scale());
}

TEST(CControl, LevelsAreCut) {
  tessera_control_target target = sparsity_target(0.9, 20);
  const CControl control(target, nullptr);
  tessera_step_sums sums = TESSERA_STEP_SUMS_INIT;
  sums.tiles.total = sums.tiles.visited = 100;  // nothing goes, so the scale rises
  for (int step = 0; step < 10; ++step) tessera_budget_control_observe(control, &sums);
  EXPECT_EQ(control.level(10), static_cast<float>(TESSERA_MAX_BUDGET));
}

/// The text of a refused creation.
std::string refusal(const tessera_control_target* target, const tessera_mass* mass = nullptr) {
  tessera_budget_control* control = nullptr;
  EXPECT_EQ(tessera_budget_control_create(target, mass, &control), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(control, nullptr);
  return tessera_last_error();
}

TEST(CControlRefusals, TargetsOutOfRange) {
  const std::string name = "[tessera_budget_control_create] ";
  EXPECT_EQ(refusal(nullptr), name + "target must be set, got: NULL");
  tessera_control_target target = sparsity_target(0.3, 0);
  EXPECT_EQ(refusal(&target), name + "target->total_steps must be in [1, 2^31), got: 0");
  target.total_steps = 8;
  target.last_lite_step = 8;
  EXPECT_EQ(refusal(&target), name + "target->last_lite_step must be -1 or in [0, 8), got: 8");
  target.last_lite_step = 7;
  target.value = std::nan("");
  EXPECT_EQ(refusal(&target), "[BudgetControl] a sparsity must be in (0, 0.95], got: nan");
  target.value = 0.3;
  target.goal = 2;
  EXPECT_EQ(refusal(&target), name + "target->goal must be in [0, 2), got: 2");
  target.goal = TESSERA_RECALL_GOAL;
  target.value = 0.9;
  EXPECT_EQ(refusal(&target),
            "[BudgetControl] a target recall needs probes (probe_period >= 2), got: 0");
  tessera_mass mass = TESSERA_MASS_INIT;
  mass.struct_size = 8;
  EXPECT_EQ(refusal(&target, &mass), name + "mass->struct_size must be " +
                                         std::to_string(sizeof(tessera_mass)) + ", got: 8");
  target.struct_size = 0;
  EXPECT_EQ(refusal(&target),
            name + "target->struct_size must be " + std::to_string(sizeof(target)) + ", got: 0");
}

TEST(CControlRefusals, NullPointersAndStepsOutsideTheRun) {
  const CControl control(sparsity_target(0.3, 8), nullptr);
  const tessera_control_target target = sparsity_target(0.3, 8);
  EXPECT_EQ(tessera_budget_control_create(&target, nullptr, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_budget_control_scale(nullptr, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_budget_control_scale(control, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_budget_control_level(control, 0, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_budget_control_observe(control, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_step_sums_add(nullptr, nullptr), TESSERA_INVALID_ARGUMENT);
  tessera_budget_control_destroy(nullptr);
  float level = -1;
  EXPECT_EQ(tessera_budget_control_level(control, 8, &level), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(),
               "[tessera_budget_control_level] step must be in [0, 8), got: 8");
  EXPECT_EQ(level, -1);
}

TEST(CControlRefusals, SumsThatNoStepCanHave) {
  const CControl control(sparsity_target(0.3, 8), nullptr);
  tessera_step_sums sums = TESSERA_STEP_SUMS_INIT;
  sums.tiles = {10, 11, 0, 0, 0, 11};
  EXPECT_EQ(tessera_budget_control_observe(control, &sums), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(),
               "[tessera_budget_control_observe] sums->tiles: visited, dropped and returned must "
               "be in [0, total = 10], got: 11, 0, 0");
  EXPECT_EQ(control.scale(), BudgetControl({ControlGoal::kSparsity, 0.3}, {}, 8, 7).scale());
}

}  // namespace
}  // namespace tessera::attention::testing
