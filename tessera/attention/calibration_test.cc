#include "tessera/attention/calibration.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

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

CalibrationRecorder recorded(std::vector<std::vector<float>>* kept = nullptr) {
  CalibrationRecorder recorder(kLayers, kHeads, kSteps);
  Random random(7);
  for (int64_t step = 0; step < kSteps; ++step) {
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const auto tile_mass = masses(random, 1.0 + static_cast<double>(layer));
      recorder.add(layer, step, tile_mass, kShape);
      if (kept != nullptr) kept->push_back(tile_mass);
    }
  }
  return recorder;
}

/// Share of tiles that go at these levels, least first, and the largest mass that went.
double dropped_share(const std::vector<float>& tile_mass, const Calibration& calibration,
                     int64_t layer, int64_t step) {
  int64_t gone = 0;
  for (int64_t row = 0; row < kHeads * kRows; ++row) {
    std::vector<float> sorted(tile_mass.begin() + row * kTiles,
                              tile_mass.begin() + (row + 1) * kTiles);
    std::sort(sorted.begin(), sorted.end());
    double left = calibration.level(layer, row / kRows, step, kSteps, 1);
    for (const float mass : sorted) {
      if ((left -= mass) < 0) break;
      ++gone;
    }
  }
  return static_cast<double>(gone) / static_cast<double>(tile_mass.size());
}

TEST(Calibration, ReachesItsTargetOnTheRunsItWasMadeFrom) {
  std::vector<std::vector<float>> kept;
  const auto recorder = recorded(&kept);
  for (const double target : {0.2, 0.4}) {
    const Calibration calibration = recorder.solve(target, {});
    EXPECT_NEAR(calibration.expected_sparsity, target, 1e-3);
    double share = 0;
    for (int64_t i = 0; i < static_cast<int64_t>(kept.size()); ++i) {
      share += dropped_share(kept[i], calibration, i % kLayers, i / kLayers);
    }
    EXPECT_NEAR(share / static_cast<double>(kept.size()), target, 0.02);
  }
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
