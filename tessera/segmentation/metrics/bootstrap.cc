#include "tessera/segmentation/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::segmentation {
namespace {

/// Linear between order statistics, as numpy's default.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

}  // namespace

Interval bootstrap_mean(std::span<const double> values, const BootstrapSettings& settings) {
  TESSERA_CHECK(!values.empty(), "[bootstrap_mean] at least one value, got: none");
  TESSERA_CHECK(settings.resamples >= 1,
                "[bootstrap_mean] resamples must be >= 1, got: ", settings.resamples);
  TESSERA_CHECK(settings.level > 0 && settings.level < 1,
                "[bootstrap_mean] level must be in (0, 1), got: ", settings.level);
  for (const double value : values) {
    TESSERA_CHECK(std::isfinite(value), "[bootstrap_mean] values must be finite, got: ", value);
  }
  const auto count = static_cast<int64_t>(values.size());
  Random random(settings.seed);
  std::vector<double> means(settings.resamples);
  for (double& mean : means) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += values[random.below(count)];
    mean = sum / static_cast<double>(count);
  }
  std::sort(means.begin(), means.end());
  const double tail = (1 - settings.level) / 2;
  return {quantile(means, tail), quantile(means, 1 - tail)};
}

}  // namespace tessera::segmentation
