#include "tessera/attention/max_gap.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

TEST(MaxGapCut, IsExactWhereFp32HoldsTheQuotient) {
  const MaxGapCut cut = max_gap_cut(-6.0f, 0.125);
  EXPECT_EQ(cut.fp64, -48.0);
  EXPECT_EQ(cut.fp32, -48.0f);
}

TEST(MaxGapCut, JudgesEveryFloatAlikeInBothPrecisions) {
  for (int i = 1; i < 1000; ++i) {
    const MaxGapCut cut = max_gap_cut(-0.01f * static_cast<float>(i), 1.0 / std::sqrt(i + 2.0));
    for (const float direction : {-INFINITY, INFINITY}) {
      const float gap = std::nextafter(cut.fp32, direction);
      EXPECT_EQ(gap > cut.fp32, gap > cut.fp64);
    }
    EXPECT_FALSE(cut.fp32 > cut.fp64);
  }
}

TEST(MaxGapCut, StaysANumberForAHugeThreshold) {
  const MaxGapCut cut = max_gap_cut(-3e38f, 1e-3);
  EXPECT_EQ(cut.fp32, std::numeric_limits<float>::lowest());
}

TEST(MaxGapCut, RefusesThresholdsThatAreNotFiniteAndNegative) {
  for (const float threshold : {0.0f, 1.0f, INFINITY, -INFINITY, NAN}) {
    EXPECT_THROW(max_gap_cut(threshold, 1), InvalidArgument) << threshold;
  }
}

TEST(MaxGapCut, DefaultIsUpstreamsTenInLog2Units) {
  EXPECT_NEAR(kDefaultMaxGapThreshold, -10 * std::log(2.0), 2e-3);
}

}  // namespace
}  // namespace tessera::attention
