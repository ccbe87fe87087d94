// How sure a mean is: the percentile bootstrap.
#pragma once

#include <cstdint>
#include <span>

namespace tessera::segmentation {

struct Interval {
  double low = 0, high = 0;
};

struct BootstrapSettings {
  int resamples = 10'000;
  double level = 0.95;
  uint64_t seed = 0;
};

/// Interval of the mean of `values` (one value per image): images are drawn with replacement, and
/// the middle `level` of the resampled means is returned, quantiles interpolated linearly. The same
/// values and seed give the same interval on every machine. One value gives [value, value].
/// Throws InvalidArgument for no values, NaN, resamples < 1, or a level outside (0, 1).
/// Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
Interval bootstrap_mean(std::span<const double> values, const BootstrapSettings& settings = {});

}  // namespace tessera::segmentation
