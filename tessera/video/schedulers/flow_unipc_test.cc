#include "tessera/video/schedulers/flow_unipc.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/nn/weight_files.h"

namespace tessera::video {
namespace {

struct Case {
  int64_t steps;
  double shift;
  std::string name() const { return concat("n", steps, "_shift", shift); }
};

// tests/golden/make_unipc_golden.py says where the numbers come from.
const nn::NamedTensors& golden() {
  static const auto weights =
      nn::load_weights(std::string(TESSERA_SOURCE_DIR) + "/tests/golden/unipc.safetensors");
  return weights.tensors;
}

class FlowUniPcParity : public ::testing::TestWithParam<Case> {
 protected:
  const at::Tensor& stored(const std::string& what) const {
    return golden().at(GetParam().name() + "." + what);
  }
};

TEST_P(FlowUniPcParity, ScheduleIsWansToTheBit) {
  const FlowUniPc solver(GetParam().steps, GetParam().shift);
  ASSERT_EQ(solver.num_steps(), GetParam().steps);
  for (int64_t i = 0; i <= solver.num_steps(); ++i)
    EXPECT_EQ(static_cast<float>(solver.sigmas()[i]), stored("sigmas")[i].item<float>()) << i;
  for (int64_t i = 0; i < solver.num_steps(); ++i)
    EXPECT_EQ(solver.timesteps()[i], stored("timesteps")[i].item<int64_t>()) << i;
}

TEST_P(FlowUniPcParity, TrajectoryIsThatOfTheReferences) {
  FlowUniPc solver(GetParam().steps, GetParam().shift);
  auto x = stored("sample")[0];
  double worst_exact = 0, worst_fp32 = 0, worst_diffusers = 0;
  for (int64_t i = 0; i < solver.num_steps(); ++i) {
    x = solver.step(x - stored("velocities")[i] * solver.sigmas()[i], x);
    const auto distance = [&](const char* name) {
      return (x - stored(name)[i + 1]).abs().max().item<double>();
    };
    worst_exact = std::max(worst_exact, distance("sample_fp64"));
    worst_fp32 = std::max(worst_fp32, distance("sample"));
    worst_diffusers = std::max(worst_diffusers, distance("sample_diffusers"));
  }
  // Samples stay below 8, so a rounding is at most 2.4e-7 and a step has about eight of them, in
  // part damped by sigma_n/sigma_c < 1 in the steps that follow: 2e-6 leaves no room for a wrong
  // coefficient. The fp32 references have rounded coefficients too: z of 0.03 in expm1(z)/z - 1
  // costs 4e-6 relative.
  EXPECT_LT(worst_exact, 2e-6);
  EXPECT_LT(worst_fp32, 6e-6);
  EXPECT_LT(worst_diffusers, 6e-6);
  RecordProperty("max_abs_fp64", concat(worst_exact));
  RecordProperty("max_abs_diffusers", concat(worst_diffusers));
}

INSTANTIATE_TEST_SUITE_P(Schedules, FlowUniPcParity,
                         ::testing::Values(Case{1, 3}, Case{2, 3}, Case{3, 5}, Case{10, 3},
                                           Case{40, 12}, Case{50, 5}),
                         [](const auto& info) { return info.param.name(); });

TEST(FlowUniPc, LastStepGivesThePredictionExactly) {
  for (const int64_t steps : {1, 2, 7}) {
    FlowUniPc solver(steps, 3);
    auto x = at::randn({4});
    at::Tensor x0;
    for (int64_t i = 0; i < steps; ++i) x = solver.step(x0 = at::randn({4}), x);
    EXPECT_TRUE(at::equal(x, x0));
  }
}

TEST(FlowUniPc, APredictionThatIsAlwaysRightIsReachedAlongAStraightLine) {
  FlowUniPc solver(8, 5);
  const auto clean = at::randn({16}), noise = at::randn({16});
  auto x = clean * (1 - solver.sigmas()[0]) + noise * solver.sigmas()[0];
  for (int64_t i = 0; i < 8; ++i) {
    x = solver.step(clean, x);
    const auto line = clean * (1 - solver.sigmas()[i + 1]) + noise * solver.sigmas()[i + 1];
    EXPECT_LT((x - line).abs().max().item<float>(), 2e-6);
  }
}

TEST(FlowUniPc, RefusesImpossibleSchedules) {
  EXPECT_THROW(FlowUniPc(0, 3), InvalidArgument);
  EXPECT_THROW(FlowUniPc(1001, 3), InvalidArgument);
  EXPECT_THROW(FlowUniPc(10, 0), InvalidArgument);
  FlowUniPc solver(1, 3);
  const auto x = solver.step(at::randn({2}), at::randn({2}));
  EXPECT_THROW(solver.step(x, x), InvalidArgument);
}

}  // namespace
}  // namespace tessera::video
