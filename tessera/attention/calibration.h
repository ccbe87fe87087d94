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
#include <map>
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
  double budget = 0;  ///< mean over steps, layers and heads, as MassPolicy::budget
  double expected_sparsity =
      0;                       ///< of all tiles of a run, as it was made from, first step included
  std::vector<float> factors;  ///< [kKnots, layers, heads], mean 1 at each knot

  /// Budget of a call: `scale` times the growing budget times the factor, at most 0.9.
  float level(int64_t layer, int64_t head, int64_t step, int64_t total_steps, double scale) const;

  /// JSON, schema tessera.calibration/1. Throw IoError that begins with the path.
  void save(const std::filesystem::path& path) const;
  static Calibration load(const std::filesystem::path& path);
};

/// Collects dense runs. Not thread-safe. Keeps a sample of each call's rows of tiles until the next
/// step: at most kSampledRows * Tk floats for each layer, stream, batch entry and head.
class CalibrationRecorder {
 public:
  static constexpr int64_t kSampledRows = 64;

  /// Throws InvalidArgument unless all are at least 1.
  CalibrationRecorder(int64_t layers, int64_t heads, int64_t total_steps);

  /// One call's tile_mass [B, heads, Tq, Tk]. Calls of a layer and stream come in the order of the
  /// steps. What a tile holds is the less of two neighbouring steps: a run visits tiles in both
  /// directions by turns, and a tile goes in the one in which it looks lighter.
  void add(int64_t layer, int64_t step, std::span<const float> tile_mass,
           const std::array<int64_t, 4>& shape, int64_t stream = 0);

  /// Budgets that would have skipped `target_sparsity` of all tiles of a run, whose first step
  /// skips nothing and whose marks act from the next step on. Throws InvalidArgument for a target
  /// outside (0, 0.95] or that these runs cannot reach, and if a layer lacks calls in a part of the
  /// run.
  Calibration solve(double target_sparsity, const CalibrationKey& key) const;

 private:
  /// Shares of tiles that could go, at each of the grid's budgets.
  static constexpr int64_t kGrid = 28;
  using Curve = std::array<double, kGrid>;

  struct LastCall {
    int64_t step = -1;
    std::vector<float> masses;  // [sampled rows, Tk]
  };
  /// What the steps of one knot have in common.
  struct Part {
    int64_t knot = 0;   // whose curves it has: its own, or the nearest one's that has steps
    double growth = 0;  // budget over the mean budget
    double weight = 0;  // share of the run's steps that its marks act in
  };

  int64_t knot(int64_t step) const;
  std::vector<Part> parts() const;  // [kKnots]
  void count_row(std::vector<float> masses, int64_t at);
  Curve curve(int64_t knot, int64_t layer, int64_t head) const;
  /// Shares out a mean budget: levels [layers * heads].
  std::vector<double> share_out(const std::vector<Curve>& curves, double mean_budget) const;

  int64_t layers_, heads_, total_steps_;
  std::vector<Curve> sums_;                                     // [kKnots, layers, heads]
  std::vector<int64_t> counts_;                                 // rows of tiles in each
  std::map<std::pair<int64_t, int64_t>, LastCall> last_calls_;  // by layer and stream
};

}  // namespace tessera::attention
