// The parts of the policy `mass` that need no attention: budgets, choice, phases, pending bytes.
#include "tessera/attention/mass.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tessera/attention/pending.h"
#include "tessera/core/random.h"

namespace tessera::attention {
namespace {

TEST(MassBudget, GrowsLinearlyAroundItsMean) {
  const MassPolicy policy{.budget = 0.1};
  double sum = 0;
  for (int step = 0; step < 7; ++step) sum += mass_budget(policy, step, 7, 0);
  EXPECT_NEAR(sum / 7, 0.1, 1e-15);
  EXPECT_DOUBLE_EQ(mass_budget(policy, 6, 7, 0), 7 * mass_budget(policy, 0, 7, 0));
  EXPECT_EQ(mass_budget(policy, 0, 1, 0), 0.1);
}

TEST(MassBudget, StaysBelowOneAtTheLargestMean) {
  const MassPolicy policy{.budget = std::nextafter(0.5, 0.0)};
  EXPECT_LT(mass_budget(policy, 999999, 1000000, 0), 1);
}

TEST(MassBudget, ATableIsReadByStepAndHeadAndASizeOfOneHoldsForAll) {
  const std::vector<float> levels = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
  const MassPolicy full{.budgets = {levels, 3, 2}};
  EXPECT_EQ(mass_budget(full, 2, 3, 0), 0.5f);
  EXPECT_EQ(mass_budget(full, 0, 3, 1), 0.2f);
  const MassPolicy by_step{.budgets = {std::span(levels).first(3), 3, 1}};
  EXPECT_EQ(mass_budget(by_step, 1, 3, 7), 0.2f);
  const MassPolicy by_head{.budgets = {std::span(levels).first(2), 1, 2}};
  EXPECT_EQ(mass_budget(by_head, 9, 50, 1), 0.2f);
}

std::vector<int32_t> dropped_of(std::vector<TileMass> candidates, double budget, double& spent) {
  const int64_t count = choose_dropped(candidates, budget, spent);
  std::vector<int32_t> tiles;
  for (int64_t i = 0; i < count; ++i) tiles.push_back(candidates[i].tile);
  return tiles;
}

TEST(ChooseDropped, TakesTheLightestFirstAndStopsAtTheBudget) {
  double spent = 0.25;
  EXPECT_EQ(dropped_of({{0, 0.5f}, {1, 0.125f}, {2, 0.25f}, {3, 0.0625f}}, 0.5, spent),
            (std::vector<int32_t>{3, 1}));
  EXPECT_EQ(spent, 0.4375);
}

TEST(ChooseDropped, EqualMassesGoByTheLowerIndexAndEqualityFits) {
  double spent = 0;
  EXPECT_EQ(dropped_of({{7, 0.25f}, {3, 0.25f}, {5, 0.25f}}, 0.5, spent),
            (std::vector<int32_t>{3, 5}));
  EXPECT_EQ(spent, 0.5);
}

TEST(ChooseDropped, NothingGoesOnceTheBudgetIsOverdrawn) {
  double spent = 0.5;
  EXPECT_TRUE(dropped_of({{0, 0.0f}, {1, 0.1f}}, 0.4, spent).empty());
  EXPECT_TRUE(dropped_of({}, 0.9, spent).empty());
  EXPECT_EQ(spent, 0.5);
}

TEST(ProbePhase, IsEvenOverRowsGenerationsAndSteps) {
  // Counts of a fair draw: a standard deviation of sqrt(n p (1 - p)).
  constexpr int kDraws = 8000, kPeriod = 8;
  const double sigma = std::sqrt(kDraws * (1.0 / kPeriod) * (1 - 1.0 / kPeriod));
  std::vector<int> by_row(kPeriod), by_generation(kPeriod), by_step(kPeriod);
  std::vector<int> by_seed(kPeriod);
  int same_as_before = 0, same_as_another_seed = 0;
  for (int i = 0; i < kDraws; ++i) {
    ++by_row[probe_phase(kPeriod, 0, 0, 1, i)];
    ++by_generation[probe_phase(kPeriod, 0, 0, i + 1, 5)];
    ++by_step[probe_phase(kPeriod, 0, i, 1, 5)];
    ++by_seed[probe_phase(kPeriod, i, 0, 1, 5)];
    same_as_before += probe_phase(kPeriod, 0, i, 1, 5) == probe_phase(kPeriod, 0, i + 1, 1, 5);
    same_as_another_seed += probe_phase(kPeriod, 3, i, 1, 5) == probe_phase(kPeriod, 4, i, 1, 5);
  }
  for (int phase = 0; phase < kPeriod; ++phase) {
    EXPECT_NEAR(by_row[phase], kDraws / kPeriod, 4.5 * sigma);
    EXPECT_NEAR(by_generation[phase], kDraws / kPeriod, 4.5 * sigma);
    EXPECT_NEAR(by_step[phase], kDraws / kPeriod, 4.5 * sigma);
    EXPECT_NEAR(by_seed[phase], kDraws / kPeriod, 4.5 * sigma);
  }
  EXPECT_NEAR(same_as_another_seed, kDraws / kPeriod, 4.5 * sigma);
  EXPECT_NEAR(same_as_before, kDraws / kPeriod, 4.5 * sigma);
}

TEST(PendingMass, RoundsUpByLessThanAnEighthOfAPowerOfTwo) {
  Random random(1);
  for (int i = 0; i < 200000; ++i) {
    const auto mass = static_cast<float>(std::exp2(-31 * static_cast<double>(random.uniform())));
    const double stored = decode_pending_mass(encode_pending_mass(mass));
    ASSERT_GE(stored, mass);
    ASSERT_LE(stored, mass * std::exp2(1.0 / 8) * (1 + 1e-9));
  }
}

TEST(PendingMass, CodesOfMassesAreNeitherKeepNorGap) {
  for (const float mass : {0.0f, 1e-38f, 0x1p-31f, 0.5f, 1.0f, 1e30f}) {
    const uint8_t code = encode_pending_mass(mass);
    EXPECT_NE(code, kPendingKeep);
    EXPECT_NE(code, kPendingGap);
    EXPECT_GE(decode_pending_mass(code), std::min(mass, 1.0f));
  }
  EXPECT_EQ(decode_pending_mass(encode_pending_mass(0.0f)), 0);
  EXPECT_EQ(decode_pending_mass(encode_pending_mass(1.0f)), 1);
  EXPECT_EQ(decode_pending_mass(encode_pending_mass(0.125f)), 0.125);
}

}  // namespace
}  // namespace tessera::attention
