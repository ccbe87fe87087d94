#include "tessera/segmentation/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::segmentation {
namespace {

TEST(Bootstrap, OfEqualValuesHasNoWidth) {
  const std::vector<double> values(20, 0.75);
  EXPECT_EQ(bootstrap_mean(values).low, 0.75);
  EXPECT_EQ(bootstrap_mean(values).high, 0.75);
  EXPECT_EQ(bootstrap_mean(std::vector<double>{0.3}).low, 0.3);
}

TEST(Bootstrap, MatchesEnumerationOfTwoValues) {
  // The resampled means are 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
  const std::vector<double> values = {0, 1};
  const Interval wide = bootstrap_mean(values, {.level = 0.9});
  EXPECT_EQ(wide.low, 0);
  EXPECT_EQ(wide.high, 1);
  const Interval narrow = bootstrap_mean(values, {.level = 0.4});
  EXPECT_EQ(narrow.low, 0.5);
  EXPECT_EQ(narrow.high, 0.5);
}

TEST(Bootstrap, IsNearTheNormalIntervalForManyValues) {
  Random random(1);
  std::vector<double> values(400);
  double mean = 0, variance = 0;
  for (double& value : values) mean += (value = random.normal()) / 400;
  for (const double value : values) variance += (value - mean) * (value - mean) / 400;
  const double half = 1.96 * std::sqrt(variance / 400);
  const Interval got = bootstrap_mean(values);
  EXPECT_NEAR(got.low, mean - half, 0.05 * half);
  EXPECT_NEAR(got.high, mean + half, 0.05 * half);
}

TEST(Bootstrap, DependsOnTheSeedAlone) {
  const std::vector<double> values = {0.1, 0.9, 0.4, 0.8, 0.33};
  EXPECT_EQ(bootstrap_mean(values).low, bootstrap_mean(values).low);
  EXPECT_NE(bootstrap_mean(values, {.resamples = 50}).low,
            bootstrap_mean(values, {.resamples = 50, .seed = 1}).low);
}

TEST(Bootstrap, RefusesWhatHasNoMean) {
  EXPECT_THROW(bootstrap_mean({}), InvalidArgument);
  EXPECT_THROW(bootstrap_mean(std::vector<double>{NAN}), InvalidArgument);
  EXPECT_THROW(bootstrap_mean(std::vector<double>{1}, {.resamples = 0}), InvalidArgument);
  EXPECT_THROW(bootstrap_mean(std::vector<double>{1}, {.level = 1}), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
