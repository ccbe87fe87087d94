// Budgets by layer, step and head, solved from what dense runs show. (The paper's section 4.4
// searches one threshold a step by repeated runs; this takes one pass.)
//
// In a dense run AttentionOutputs::tile_mass says what every tile holds. From it follows how many
// tiles of a head could go at which budget. At equal total mass lost, the most tiles go when the
// last tile dropped holds the same mass everywhere; that is how the budget of a step is shared out
// between layers and heads. Over the steps it grows as MassPolicy's does.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tessera/attention/mass.h"

namespace tessera::attention {

/// What a calibration is valid for; a pipeline refuses another.
struct CalibrationKey {
  std::string model;  ///< digest of the weights
  int32_t q_tile = 0, kv_tile = 0;
  std::string token_order;
  MassEstimate estimate = MassEstimate::kRowMaximum;

  friend bool operator==(const CalibrationKey&, const CalibrationKey&) = default;
};

struct Calibration {
  static constexpr int64_t kKnots = 8;  ///< times at which factors are given, evenly over the run

  CalibrationKey key;
  int64_t layers = 0, heads = 0;
  double budget = 0;             ///< mean over steps, layers and heads, as MassPolicy::budget
  double expected_sparsity = 0;  ///< of the steps after the first, on the runs it was made from
  std::vector<float> factors;    ///< [kKnots, layers, heads], mean 1 at each knot

  /// Budget of a call: `scale` times the growing budget times the factor, at most 0.9.
  float level(int64_t layer, int64_t head, int64_t step, int64_t total_steps, double scale) const;

  /// JSON, schema tessera.calibration/1. Throw IoError that begins with the path.
  void save(const std::filesystem::path& path) const;
  static Calibration load(const std::filesystem::path& path);
};

/// Collects dense runs. Not thread-safe.
class CalibrationRecorder {
 public:
  CalibrationRecorder(int64_t layers, int64_t heads, int64_t total_steps);

  /// One call's tile_mass [B, heads, Tq, Tk].
  void add(int64_t layer, int64_t step, std::span<const float> tile_mass,
           const std::array<int64_t, 4>& shape);

  /// Budgets that would have skipped `target_sparsity` of the tiles, mean over the run. Throws
  /// InvalidArgument for a target outside (0, 0.95] or that these runs cannot reach, and if a layer
  /// or step was never added.
  Calibration solve(double target_sparsity, const CalibrationKey& key) const;

 private:
  /// Shares of tiles that could go, at each of the grid's budgets.
  static constexpr int64_t kGrid = 28;
  using Curve = std::array<double, kGrid>;

  int64_t knot(int64_t step) const;
  Curve curve(int64_t knot, int64_t layer, int64_t head) const;
  /// Shares out a mean budget: levels [layers * heads].
  std::vector<double> share_out(const std::vector<Curve>& curves, double mean_budget) const;

  int64_t layers_, heads_, total_steps_;
  std::vector<Curve> sums_;      // [kKnots, layers, heads]
  std::vector<int64_t> counts_;  // rows of tiles in each
};

}  // namespace tessera::attention
