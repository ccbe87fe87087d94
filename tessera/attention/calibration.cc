#include "tessera/attention/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

double growth(int64_t knot) { return 2 * (static_cast<double>(knot) + 0.5) / Calibration::kKnots; }

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
      sums_(Calibration::kKnots * layers * heads),
      counts_(sums_.size()) {
  TESSERA_CHECK(layers >= 1 && heads >= 1 && total_steps >= 1,
                "[CalibrationRecorder] layers, heads and steps must be at least 1, got: ", layers,
                ", ", heads, ", ", total_steps);
}

int64_t CalibrationRecorder::knot(int64_t step) const {
  return step * Calibration::kKnots / total_steps_;
}

void CalibrationRecorder::add(int64_t layer, int64_t step, std::span<const float> tile_mass,
                              const std::array<int64_t, 4>& shape) {
  TESSERA_CHECK(
      0 <= layer && layer < layers_ && 0 <= step && step < total_steps_ && shape[1] == heads_,
      "[CalibrationRecorder] layer, step and heads must be below ", layers_, ", ", total_steps_,
      " and equal to ", heads_, ", got: ", layer, ", ", step, ", ", shape[1]);
  TESSERA_CHECK(static_cast<int64_t>(tile_mass.size()) == shape[0] * shape[1] * shape[2] * shape[3],
                "[CalibrationRecorder] tile_mass must fill its shape, got: ", tile_mass.size(),
                " numbers");
  const float* row = tile_mass.data();
  std::vector<float> masses;
  for (int64_t index = 0; index < shape[0] * shape[1] * shape[2]; ++index, row += shape[3]) {
    const int64_t head = index / shape[2] % shape[1];
    const int64_t at = (knot(step) * layers_ + layer) * heads_ + head;
    masses.clear();
    std::copy_if(row, row + shape[3], std::back_inserter(masses), [](float m) { return m >= 0; });
    if (masses.empty()) continue;
    std::sort(masses.begin(), masses.end());
    double spent = 0;
    size_t gone = 0;
    for (int64_t i = 0; i < kGrid; ++i) {
      while (gone < masses.size() && spent + masses[gone] <= grid_budget(i))
        spent += masses[gone++];
      sums_[at][i] += static_cast<double>(gone) / static_cast<double>(masses.size());
    }
    ++counts_[at];
  }
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
  std::vector<std::vector<Curve>> curves(Calibration::kKnots);  // [knot][layer * heads + head]
  for (int64_t k = 0; k < Calibration::kKnots; ++k) {
    for (int64_t i = 0; i < layers_ * heads_; ++i) {
      const int64_t layer = i / heads_, head = i % heads_;
      TESSERA_CHECK(counts_[k * layers_ * heads_ + i] > 0,
                    "[CalibrationRecorder] every layer needs calls in every eighth of the run, got "
                    "none for layer ",
                    layer, ", head ", head, ", part ", k);
      curves[k].push_back(curve(k, layer, head));
    }
  }
  Calibration solved;
  solved.key = key;
  solved.layers = layers_;
  solved.heads = heads_;
  const auto sparsity = [&](double budget) {
    double gone = 0;
    for (int64_t k = 0; k < Calibration::kKnots; ++k) {
      const auto levels = share_out(curves[k], budget * growth(k));
      for (size_t i = 0; i < levels.size(); ++i) gone += value_at(curves[k][i], levels[i]);
    }
    return gone / static_cast<double>(Calibration::kKnots * layers_ * heads_);
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
    const double mean = solved.budget * growth(k);
    for (const double level : share_out(curves[k], mean)) {
      solved.factors.push_back(static_cast<float>(level / mean));
    }
  }
  return solved;
}

}  // namespace tessera::attention
