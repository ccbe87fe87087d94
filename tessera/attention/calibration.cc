#include "tessera/attention/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/attention/tile_geometry.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

constexpr float kMaxLevel = 0.9f;
constexpr double kLeastBudget = 1e-5;

/// Budgets of the grid: factors of 3/2 from kLeastBudget on, to 0.57.
double grid_budget(int64_t i) { return kLeastBudget * std::pow(1.5, static_cast<double>(i)); }

/// A curve between its grid points, linear; from (0, 0).
template <typename Curve>
double value_at(const Curve& curve, double budget) {
  double low_budget = 0, low = 0;
  for (size_t i = 0; i < curve.size(); ++i) {
    const double high_budget = grid_budget(static_cast<int64_t>(i));
    if (budget <= high_budget) {
      return low + (curve[i] - low) * (budget - low_budget) / (high_budget - low_budget);
    }
    low_budget = high_budget;
    low = curve[i];
  }
  return low;
}

struct Point {
  double budget = 0, share = 0;
};

double slope_between(const Point& low, const Point& high) {
  return (high.share - low.share) / (high.budget - low.budget);
}

/// The least concave curve above the given one, from (0, 0): tiles go one at a time, so a curve
/// starts flat, and its slope says nothing there.
template <typename Curve>
std::vector<Point> concave_hull(const Curve& curve) {
  std::vector<Point> hull = {{}};
  for (size_t i = 0; i < curve.size(); ++i) {
    const Point next{grid_budget(static_cast<int64_t>(i)), curve[i]};
    while (hull.size() > 1 &&
           slope_between(hull[hull.size() - 2], hull.back()) <= slope_between(hull.back(), next)) {
      hull.pop_back();
    }
    hull.push_back(next);
  }
  return hull;
}

/// The largest budget up to which the curve gains at least `slope` tiles a unit of mass.
double budget_of_slope(const std::vector<Point>& hull, double slope) {
  size_t last = 0;
  while (last + 1 < hull.size() && slope_between(hull[last], hull[last + 1]) >= slope) ++last;
  return hull[last].budget;
}

/// How many curves there are; checked before anything is allocated.
int64_t curve_count(int64_t layers, int64_t heads, int64_t total_steps) {
  TESSERA_CHECK(layers >= 1 && heads >= 1 && total_steps >= 1,
                "[CalibrationRecorder] layers, heads and steps must be at least 1, got: ", layers,
                ", ", heads, ", ", total_steps);
  return Calibration::kKnots * layers * heads;
}

/// At most kSampledRows rows of each batch entry and head, evenly.
std::vector<float> sampled_rows(std::span<const float> tile_mass,
                                const std::array<int64_t, 4>& shape) {
  const auto& [batch, heads, q_tiles, kv_tiles] = shape;
  const int64_t step = tile_count(q_tiles, CalibrationRecorder::kSampledRows);
  std::vector<float> rows;
  for (int64_t head = 0; head < batch * heads; ++head) {
    for (int64_t row = 0; row < q_tiles; row += step) {
      const float* from = tile_mass.data() + (head * q_tiles + row) * kv_tiles;
      rows.insert(rows.end(), from, from + kv_tiles);
    }
  }
  return rows;
}

}  // namespace

float Calibration::level(int64_t layer, int64_t head, int64_t step, int64_t total_steps,
                         double scale) const {
  // Knots lie at the middles of kKnots equal parts of the run.
  const double place = (static_cast<double>(step) + 0.5) / static_cast<double>(total_steps) *
                           static_cast<double>(kKnots) -
                       0.5;
  const double within = std::clamp(place, 0.0, static_cast<double>(kKnots - 1));
  const auto low = std::min(static_cast<int64_t>(within), kKnots - 2);
  const double rest = within - static_cast<double>(low);
  const auto factor = [&](int64_t knot) { return factors[(knot * layers + layer) * heads + head]; };
  const double mean = mass_budget({.budget = std::min(budget, 0.499)}, step, total_steps, 0);
  const double level = scale * mean * (factor(low) * (1 - rest) + factor(low + 1) * rest);
  return std::min(static_cast<float>(level), kMaxLevel);
}

CalibrationRecorder::CalibrationRecorder(int64_t layers, int64_t heads, int64_t total_steps)
    : layers_(layers),
      heads_(heads),
      total_steps_(total_steps),
      sums_(curve_count(layers, heads, total_steps)),
      counts_(sums_.size()) {}

int64_t CalibrationRecorder::knot(int64_t step) const {
  return step * Calibration::kKnots / total_steps_;
}

void CalibrationRecorder::add(int64_t layer, int64_t step, std::span<const float> tile_mass,
                              const std::array<int64_t, 4>& shape, int64_t stream) {
  TESSERA_CHECK(
      0 <= layer && layer < layers_ && 0 <= step && step < total_steps_ && shape[1] == heads_,
      "[CalibrationRecorder] layer, step and heads must be below ", layers_, ", ", total_steps_,
      " and equal to ", heads_, ", got: ", layer, ", ", step, ", ", shape[1]);
  TESSERA_CHECK(!tile_mass.empty() && static_cast<int64_t>(tile_mass.size()) ==
                                          shape[0] * shape[1] * shape[2] * shape[3],
                "[CalibrationRecorder] tile_mass must fill its shape, got: ", tile_mass.size(),
                " numbers");
  LastCall& last = last_calls_[{layer, stream}];
  LastCall now{step, sampled_rows(tile_mass, shape)};
  const bool has_last = last.step + 1 == step && last.masses.size() == now.masses.size();
  const int64_t kv_tiles = shape[3];
  const auto rows = static_cast<int64_t>(now.masses.size()) / kv_tiles;
  const int64_t rows_of_head = rows / (shape[0] * shape[1]);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<float> masses;
    for (int64_t i = row * kv_tiles; i < (row + 1) * kv_tiles; ++i) {
      const float mass = has_last ? std::min(now.masses[i], last.masses[i]) : now.masses[i];
      if (mass >= 0) masses.push_back(mass);
    }
    const int64_t head = row / rows_of_head % shape[1];
    count_row(std::move(masses), (knot(step) * layers_ + layer) * heads_ + head);
  }
  last = std::move(now);
}

void CalibrationRecorder::count_row(std::vector<float> masses, int64_t at) {
  if (masses.empty()) return;
  std::sort(masses.begin(), masses.end());
  double spent = 0;
  size_t gone = 0;
  for (int64_t i = 0; i < kGrid; ++i) {
    while (gone < masses.size() && spent + masses[gone] <= grid_budget(i)) spent += masses[gone++];
    sums_[at][i] += static_cast<double>(gone) / static_cast<double>(masses.size());
  }
  ++counts_[at];
}

std::vector<CalibrationRecorder::Part> CalibrationRecorder::parts() const {
  std::vector<Part> parts(Calibration::kKnots);
  std::vector<double> steps(parts.size());
  const auto total = static_cast<double>(total_steps_);
  for (int64_t step = 0; step < total_steps_; ++step) {
    const int64_t at = knot(step);
    steps[at] += 1;
    parts[at].growth += 2 * static_cast<double>(step + 1) / (total + 1);
    if (step + 1 < total_steps_) parts[at].weight += 1 / total;
  }
  // A run of fewer steps than knots leaves some empty. The first knot always has the first step.
  for (int64_t k = 0; k < Calibration::kKnots; ++k) {
    if (steps[k] > 0) {
      parts[k].growth /= steps[k];
      parts[k].knot = k;
    } else {
      parts[k].growth = parts[k - 1].growth;
      parts[k].knot = parts[k - 1].knot;
    }
  }
  return parts;
}

CalibrationRecorder::Curve CalibrationRecorder::curve(int64_t knot, int64_t layer,
                                                      int64_t head) const {
  const int64_t at = (knot * layers_ + layer) * heads_ + head;
  Curve mean = sums_[at];
  for (double& value : mean) value /= static_cast<double>(counts_[at]);
  return mean;
}

std::vector<double> CalibrationRecorder::share_out(const std::vector<Curve>& curves,
                                                   double mean_budget) const {
  const double wanted = mean_budget * static_cast<double>(curves.size());
  std::vector<std::vector<Point>> hulls;
  hulls.reserve(curves.size());
  for (const Curve& curve : curves) hulls.push_back(concave_hull(curve));
  const auto levels_of = [&](double log_slope) {
    std::vector<double> levels;
    levels.reserve(hulls.size());
    for (const auto& hull : hulls) levels.push_back(budget_of_slope(hull, std::exp(log_slope)));
    return levels;
  };
  const auto sum = [](const std::vector<double>& levels) {
    return std::accumulate(levels.begin(), levels.end(), 0.0);
  };
  // Steeper: less goes. From "nothing" to "all the grid" in the logarithm of the slope.
  double low = -20, high = 20;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (sum(levels_of(middle)) > wanted ? low : high) = middle;
  }
  // The slopes come in steps: between the two neighbours the rest is shared evenly.
  std::vector<double> under = levels_of(high);
  const std::vector<double> over = levels_of(low);
  const double span = sum(over) - sum(under);
  const double part = span > 0 ? std::clamp((wanted - sum(under)) / span, 0.0, 1.0) : 0;
  for (size_t i = 0; i < under.size(); ++i) under[i] += (over[i] - under[i]) * part;
  return under;
}

Calibration CalibrationRecorder::solve(double target_sparsity, const CalibrationKey& key) const {
  TESSERA_CHECK(
      0 < target_sparsity && target_sparsity <= 0.95,
      "[CalibrationRecorder] the target sparsity must be in (0, 0.95], got: ", target_sparsity);
  const std::vector<Part> parts = this->parts();
  std::vector<std::vector<Curve>> curves(Calibration::kKnots);  // [knot][layer * heads + head]
  for (int64_t k = 0; k < Calibration::kKnots; ++k) {
    for (int64_t i = 0; i < layers_ * heads_; ++i) {
      const int64_t layer = i / heads_, head = i % heads_;
      TESSERA_CHECK(counts_[parts[k].knot * layers_ * heads_ + i] > 0,
                    "[CalibrationRecorder] every layer needs calls in every eighth of the run, got "
                    "none for layer ",
                    layer, ", head ", head, ", part ", k);
      curves[k].push_back(curve(parts[k].knot, layer, head));
    }
  }
  Calibration solved;
  solved.key = key;
  solved.layers = layers_;
  solved.heads = heads_;
  const auto sparsity = [&](double budget) {
    double gone = 0;
    for (int64_t k = 0; k < Calibration::kKnots; ++k) {
      if (parts[k].weight == 0) continue;
      const auto levels = share_out(curves[k], budget * parts[k].growth);
      double here = 0;
      for (size_t i = 0; i < levels.size(); ++i) here += value_at(curves[k][i], levels[i]);
      gone += parts[k].weight * here;
    }
    return gone / static_cast<double>(layers_ * heads_);
  };
  constexpr double kMost = 0.25;
  const double reachable = sparsity(kMost);
  TESSERA_CHECK(reachable >= target_sparsity,
                "[CalibrationRecorder] these runs reach a sparsity of ", reachable,
                " at a mean budget of ", kMost, ", got the target: ", target_sparsity);
  double low = 0, high = kMost;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    (sparsity(middle) < target_sparsity ? low : high) = middle;
  }
  solved.budget = high;
  solved.expected_sparsity = sparsity(high);
  for (int64_t k = 0; k < Calibration::kKnots; ++k) {
    const double mean = solved.budget * parts[k].growth;
    for (const double level : share_out(curves[k], mean)) {
      solved.factors.push_back(static_cast<float>(level / mean));
    }
  }
  return solved;
}

}  // namespace tessera::attention
