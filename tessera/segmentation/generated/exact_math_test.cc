#include "tessera/segmentation/generated/exact_math.h"

#include <cmath>

#include <gtest/gtest.h>

namespace tessera::segmentation::generated {
namespace {

TEST(ExactMath, SineAndCosineAgreeWithTheLibrary) {
  for (int i = -1000; i <= 1000; ++i) {
    const float turns = static_cast<float>(i) * 0.00317f;
    EXPECT_NEAR(sine(turns), std::sin(6.283185307179586 * turns), 1e-6);
    EXPECT_NEAR(cosine(turns), std::cos(6.283185307179586 * turns), 2e-6);
  }
}

TEST(ExactMath, ExponentialAgreesWithTheLibrary) {
  for (int i = -300; i <= 300; ++i) {
    const float x = static_cast<float>(i) * 0.25f;
    EXPECT_NEAR(exponential(x) / std::exp(static_cast<double>(x)), 1, 1e-6) << x;
  }
}

TEST(ExactMath, PowerAgreesWithTheLibrary) {
  for (int i = 1; i <= 300; ++i) {
    const float base = static_cast<float>(i) * 0.037f;
    for (const float exponent : {-2.0f, 0.4f, 1.0f, 3.7f}) {
      EXPECT_NEAR(power(base, exponent) / std::pow(double{base}, double{exponent}), 1, 2e-6);
    }
  }
  EXPECT_EQ(power(0, 2), 0);
}

}  // namespace
}  // namespace tessera::segmentation::generated
