#include "tessera/core/dtype.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Float16, EveryValueComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) {
      EXPECT_GT(bits & 0x7fffu, 0x7c00u);
      EXPECT_TRUE(std::isnan(to_float(to_float16(value))));
    } else {
      EXPECT_EQ(to_float16(value).bits, bits);
    }
  }
}

TEST(Float16, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7c00u; ++bits) {
    const double low = to_float(Float16{static_cast<uint16_t>(bits)});
    // 65536 is where infinity stands in rounding.
    const double high =
        bits == 0x7bffu ? 65536.0 : to_float(Float16{static_cast<uint16_t>(bits + 1)});
    const auto middle = static_cast<float>((low + high) / 2);  // exact
    const uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    EXPECT_EQ(to_float16(middle).bits, even) << low;
    EXPECT_EQ(to_float16(std::nextafter(middle, 0.0f)).bits, bits) << low;
    EXPECT_EQ(to_float16(std::nextafter(middle, 1e9f)).bits, bits + 1) << low;
    EXPECT_EQ(to_float16(-middle).bits, even | 0x8000u) << low;
  }
}

TEST(Float16, KnowsItsLimits) {
  EXPECT_EQ(to_float(Float16{0x7bff}), 65504.0f);
  EXPECT_EQ(to_float(Float16{0x0001}), 0x1p-24f);
  EXPECT_EQ(to_float(Float16{0x3c00}), 1.0f);
  EXPECT_EQ(to_float16(std::numeric_limits<float>::infinity()).bits, 0x7c00u);
  EXPECT_EQ(to_float16(-1e9f).bits, 0xfc00u);
}

}  // namespace
}  // namespace tessera
