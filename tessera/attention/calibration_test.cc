#include "tessera/attention/calibration.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "tessera/attention/testing/problem.h"
#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::attention {
namespace {

constexpr int64_t kLayers = 3, kHeads = 2, kSteps = 16, kRows = 12, kTiles = 40;

/// Masses of a row of tiles: a softmax over normal logits of the given spread.
std::vector<float> masses(Random& random, double spread) {
  std::vector<float> all;
  for (int64_t row = 0; row < kHeads * kRows; ++row) {
    std::vector<double> weights;
    double sum = 0;
    // The second head is flatter than the first.
    const double here = row < kRows ? spread : spread / 2;
    for (int64_t j = 0; j < kTiles; ++j)
      sum += weights.emplace_back(std::exp(here * random.normal()));
    for (const double weight : weights) all.push_back(static_cast<float>(weight / sum));
  }
  return all;
}

const std::array<int64_t, 4> kShape = {1, kHeads, kRows, kTiles};

CalibrationRecorder recorded() {
  CalibrationRecorder recorder(kLayers, kHeads, kSteps);
  Random random(7);
  for (int64_t step = 0; step < kSteps; ++step) {
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      recorder.add(layer, step, masses(random, 1.0 + static_cast<double>(layer)), kShape);
    }
  }
  return recorder;
}

/// A run of attention_forward with 16 x 16 tiles and four heads, one layer, whose inputs drift.
struct Film {
  int64_t steps;
  double drift;
  testing::ProblemSpec spec{
      .q_len = 256, .kv_len = 1024, .num_heads = 4, .num_kv_heads = 4, .contrast = 8};

  testing::Answer step(int64_t step, const SkipRequest& skip) const {
    return testing::run(testing::make_problem(spec, drift * static_cast<double>(step)), skip,
                        {.backend = "cpu"});
  }
  SkipState begun() const {
    SkipState state(testing::state_shape_for(spec, {16, 16}));
    state.begin(static_cast<int32_t>(steps));
    return state;
  }
  CalibrationRecorder recorded() const {
    CalibrationRecorder recorder(1, 4, steps);
    const SkipState state = begun();
    const SkipStateView view = state.view();
    for (int64_t t = 0; t < steps; ++t) {
      recorder.add(0, t, step(t, {.state = &view, .step = StepKind::kDense}).tile_mass,
                   {1, 4, 16, 64});
    }
    return recorder;
  }
  double sparsity(const Calibration& calibration) const {
    const SkipState state = begun();
    const SkipStateView view = state.view();
    TileCounts sum;
    for (int64_t t = 0; t < steps; ++t) {
      std::vector<float> levels;
      for (int64_t head = 0; head < 4; ++head) {
        levels.push_back(calibration.level(0, head, t, steps, 1));
      }
      const MassPolicy policy{.budgets = {.values = levels, .steps = 1, .heads = 4}};
      sum += step(t, {.state = &view, .policy = policy}).report.sum();
    }
    return 1 - static_cast<double>(sum.visited) / static_cast<double>(sum.total);
  }
};

TEST(Calibration, ReachesItsTargetInTheRunsItWasMadeFrom) {
  for (const Film& film : {Film{30, 0.05}, Film{12, 0}}) {
    const CalibrationRecorder recorder = film.recorded();
    for (const double target : {0.2, 0.35}) {
      const Calibration calibration = recorder.solve(target, {});
      EXPECT_NEAR(calibration.expected_sparsity, target, 1e-3);
      EXPECT_NEAR(film.sparsity(calibration), target, 0.025) << film.steps;
    }
  }
}

TEST(Calibration, WorksForRunsOfFewSteps) {
  for (const int64_t steps : {3, 5, 7}) {
    const Film film{steps, 0.05};
    EXPECT_NEAR(film.sparsity(film.recorded().solve(0.2, {})), 0.2, 0.05) << steps;
  }
}

TEST(CalibrationRecorder, RefusesSizesBelowOne) {
  EXPECT_THROW(CalibrationRecorder(-1, 4, 30), InvalidArgument);
  EXPECT_THROW(CalibrationRecorder(1, 4, 0), InvalidArgument);
}

TEST(Calibration, GivesMoreToPeakedHeadsAndMeansOneOverAll) {
  const Calibration calibration = recorded().solve(0.35, {});
  for (int64_t knot = 0; knot < Calibration::kKnots; ++knot) {
    const auto factor = [&](int64_t layer, int64_t head) {
      return calibration.factors[(knot * kLayers + layer) * kHeads + head];
    };
    double mean = 0;
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      for (int64_t head = 0; head < kHeads; ++head) mean += factor(layer, head);
    }
    EXPECT_NEAR(mean / (kLayers * kHeads), 1, 1e-3);
    // Flat heads (layer 0) hold much in every tile: their tiles are the dearer ones.
    EXPECT_LT(factor(0, 1), factor(1, 0));
  }
}

TEST(Calibration, BudgetsGrowOverTheRunAndFollowTheScale) {
  const Calibration calibration = recorded().solve(0.35, {});
  EXPECT_LT(calibration.level(1, 0, 0, kSteps, 1), calibration.level(1, 0, kSteps - 1, kSteps, 1));
  EXPECT_NEAR(calibration.level(1, 0, 5, kSteps, 0.5), calibration.level(1, 0, 5, kSteps, 1) / 2,
              1e-6);
  EXPECT_LE(calibration.level(1, 0, 5, kSteps, 1e9), 0.9f);
}

TEST(CalibrationFile, ReadsBackWhatItWroteToThreeDigits) {
  const tessera::testing::TemporaryFolder folder;
  const CalibrationKey key{.model = "abc",
                           .q_tile = 64,
                           .kv_tile = 128,
                           .token_order = "hilbert",
                           .estimate = MassEstimate::kRowMean};
  const Calibration calibration = recorded().solve(0.3, key);
  calibration.save(folder / "c.json");
  const Calibration loaded = Calibration::load(folder / "c.json");
  EXPECT_EQ(loaded.key, key);
  EXPECT_EQ(loaded.budget, calibration.budget);
  ASSERT_EQ(loaded.factors.size(), calibration.factors.size());
  for (size_t i = 0; i < loaded.factors.size(); ++i) {
    EXPECT_NEAR(loaded.factors[i], calibration.factors[i], 0.006 * calibration.factors[i] + 1e-9);
  }
}

std::string refusal(const std::filesystem::path& path) {
  try {
    Calibration::load(path);
  } catch (const IoError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CalibrationFile, RefusesWhatIsNone) {
  const tessera::testing::TemporaryFolder folder;
  const auto path = folder / "c.json";
  EXPECT_NE(refusal(path).find("cannot be opened"), std::string::npos);
  const Calibration calibration = recorded().solve(0.3, {});
  calibration.save(path);
  std::ifstream file(path);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    std::ofstream(path) << text.replace(at, from.size(), to);
    return refusal(path);
  };
  EXPECT_NE(changed("tessera.calibration/1", "other").find("not a calibration"), std::string::npos);
  EXPECT_NE(changed("\"layers\":3", "\"layers\":4").find("rows"), std::string::npos);
  EXPECT_NE(changed("\"heads\":2", "\"heads\":0").find("`heads`"), std::string::npos);
  EXPECT_NE(changed("\"budget\":", "\"budget\":1").find("`budget`"), std::string::npos);
  EXPECT_NE(changed("row_maximum", "row_median").find("row_median"), std::string::npos);
  EXPECT_NE(changed("\"q_tile\":", "\"p_tile\":").find("missing"), std::string::npos);
  // Cut off anywhere it must say so, never crash.
  for (size_t length = 0; length + 2 < whole.size(); length += 37) {
    std::ofstream(path) << whole.substr(0, length);
    EXPECT_NE(refusal(path), "accepted") << length;
  }
}

TEST(CalibrationRecorder, RefusesWhatItCannotSolve) {
  const auto full = recorded();
  EXPECT_THROW(full.solve(0.0, {}), InvalidArgument);
  EXPECT_THROW(full.solve(0.95, {}), InvalidArgument);  // these runs do not reach it
  CalibrationRecorder empty(kLayers, kHeads, kSteps);
  EXPECT_THROW(empty.solve(0.3, {}), InvalidArgument);
  const std::vector<float> few(5);
  EXPECT_THROW(empty.add(0, 0, few, kShape), InvalidArgument);
  EXPECT_THROW(empty.add(kLayers, 0, std::vector<float>(kHeads * kRows * kTiles), kShape),
               InvalidArgument);
}

}  // namespace
}  // namespace tessera::attention
