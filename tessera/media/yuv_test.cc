#include "tessera/media/yuv.h"

#include <array>
#include <cmath>
#include <cstdlib>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::media {
namespace {

using Triple = std::array<int, 3>;

Triple convert(Triple rgb, YuvMatrix matrix) {
  const uint8_t bytes[3] = {uint8_t(rgb[0]), uint8_t(rgb[1]), uint8_t(rgb[2])};
  const YuvPlanes p = rgb_to_yuv(bytes, {1, 1, Chroma::k444, matrix});
  return {p.y[0], p.cb[0], p.cr[0]};
}

// The 8-bit colour bars of BT.601 and BT.709 at full amplitude.
TEST(Yuv, PrimariesAreTheStandardsValues) {
  EXPECT_EQ(convert({255, 255, 255}, YuvMatrix::kBt601), (Triple{235, 128, 128}));
  EXPECT_EQ(convert({0, 0, 0}, YuvMatrix::kBt709), (Triple{16, 128, 128}));
  EXPECT_EQ(convert({255, 0, 0}, YuvMatrix::kBt601), (Triple{81, 90, 240}));
  EXPECT_EQ(convert({0, 255, 0}, YuvMatrix::kBt601), (Triple{145, 54, 34}));
  EXPECT_EQ(convert({0, 0, 255}, YuvMatrix::kBt601), (Triple{41, 240, 110}));
  EXPECT_EQ(convert({255, 0, 0}, YuvMatrix::kBt709), (Triple{63, 102, 240}));
  EXPECT_EQ(convert({0, 255, 0}, YuvMatrix::kBt709), (Triple{173, 42, 26}));
  EXPECT_EQ(convert({0, 0, 255}, YuvMatrix::kBt709), (Triple{32, 240, 118}));
}

class YuvRoundTrip : public ::testing::TestWithParam<YuvMatrix> {};

// Rounding y moves all channels by at most 0.58 steps, cb and cr move blue and red by up to 1.06.
TEST_P(YuvRoundTrip, At444StaysWithinTwoSteps) {
  std::vector<uint8_t> rgb(3 * 64 * 64), back(rgb.size());
  Random random(1);
  for (auto& value : rgb) value = uint8_t(random.below(256));
  const YuvFormat format{64, 64, Chroma::k444, GetParam()};
  yuv_to_rgb(rgb_to_yuv(rgb, format), format, back);
  for (size_t i = 0; i < rgb.size(); ++i) ASSERT_LE(std::abs(rgb[i] - back[i]), 2) << i;
}

INSTANTIATE_TEST_SUITE_P(Matrices, YuvRoundTrip,
                         ::testing::Values(YuvMatrix::kBt601, YuvMatrix::kBt709));

TEST(Yuv420, GreyStaysGreyAtAnySize) {
  for (const auto siting : {ChromaSiting::kCentre, ChromaSiting::kLeft, ChromaSiting::kTopLeft}) {
    const YuvFormat format{3, 5, Chroma::k420, YuvMatrix::kBt709, siting};
    const std::vector<uint8_t> rgb(45, 90);
    std::vector<uint8_t> back(45);
    const YuvPlanes planes = rgb_to_yuv(rgb, format);
    EXPECT_EQ(planes.cb, std::vector<uint8_t>(6, 128));
    yuv_to_rgb(planes, format, back);
    for (const uint8_t value : back) EXPECT_NEAR(value, 90, 1);
  }
}

// A red whose saturation grows evenly along x: where a chroma sample lies shows in its value.
TEST(Yuv420, SampleLiesWhereItsSitingSays) {
  constexpr int kWidth = 16;
  std::vector<uint8_t> rgb(3 * 2 * kWidth);
  for (int i = 0; i < 2 * kWidth; ++i) rgb[3 * i] = uint8_t(10 * (i % kWidth));
  const auto cr = [](double x) { return 128 + 10 * x * (1 - 0.299) * 224 / 255 / 1.402; };
  for (const auto& [siting, offset] :
       {std::pair(ChromaSiting::kCentre, 0.5), std::pair(ChromaSiting::kLeft, 0.0)}) {
    const YuvPlanes planes = rgb_to_yuv(rgb, {2, kWidth, Chroma::k420, YuvMatrix::kBt601, siting});
    for (int x = 1; x < kWidth / 2; ++x) {
      EXPECT_NEAR(planes.cr[x], cr(2 * x + offset), 0.51) << x;
    }
  }
}

TEST(Yuv420, LinearChromaSurvivesTheRoundTrip) {
  constexpr int kSide = 16;
  std::vector<uint8_t> rgb(3 * kSide * kSide), back(rgb.size());
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      rgb[3 * (y * kSide + x)] = uint8_t(100 + 4 * x);
      rgb[3 * (y * kSide + x) + 1] = 100;
      rgb[3 * (y * kSide + x) + 2] = uint8_t(100 + 3 * y);
    }
  }
  for (const auto siting : {ChromaSiting::kCentre, ChromaSiting::kLeft, ChromaSiting::kTopLeft}) {
    const YuvFormat format{kSide, kSide, Chroma::k420, YuvMatrix::kBt709, siting};
    yuv_to_rgb(rgb_to_yuv(rgb, format), format, back);
    for (int y = 2; y < kSide - 2; ++y) {  // the edges repeat, so no line is linear there
      for (int i = 3 * (y * kSide + 2); i < 3 * (y * kSide + kSide - 2); ++i) {
        EXPECT_NEAR(rgb[i], back[i], 3) << i;
      }
    }
  }
}

TEST(Yuv, RefusesSizesThatDoNotAgree) {
  std::vector<uint8_t> rgb(12);
  EXPECT_THROW(rgb_to_yuv(rgb, {2, 3}), InvalidArgument);
  EXPECT_THROW(yuv_to_rgb(YuvPlanes{}, {2, 2}, rgb), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media
