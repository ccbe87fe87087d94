#include "tessera/segmentation/data/colours.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

Picture noise(int side) {
  Picture picture{side, std::vector<uint8_t>(static_cast<size_t>(3) * side * side)};
  Random random(1);
  for (uint8_t& value : picture.planes) value = static_cast<uint8_t>(60 + random.below(130));
  return picture;
}

double luma(const Picture& picture, size_t i) {
  const size_t size = picture.planes.size() / 3;
  return 0.299 * picture.planes[i] + 0.587 * picture.planes[size + i] +
         0.114 * picture.planes[2 * size + i];
}

TEST(Colours, NoShiftLeavesThePicture) {
  Picture picture = noise(9);
  shift_colours(picture, {});
  EXPECT_EQ(picture.planes, noise(9).planes);
}

TEST(Colours, InversionIsItsOwnInverse) {
  Picture picture = noise(9);
  ColourShift shift;
  shift.is_inverted = true;
  shift_colours(picture, shift);
  EXPECT_EQ(picture.planes[0], 255 - noise(9).planes[0]);
  shift_colours(picture, shift);
  EXPECT_EQ(picture.planes, noise(9).planes);
}

TEST(Colours, BrightnessAndGammaActOnEachValue) {
  const Picture before = noise(9);
  Picture brighter = before, bent = before;
  ColourShift shift;
  shift.brightness = 1.2F;
  shift_colours(brighter, shift);
  shift = {};
  shift.gamma = 0.8F;
  shift_colours(bent, shift);
  for (size_t i = 0; i < before.planes.size(); ++i) {
    const double value = before.planes[i];
    EXPECT_NEAR(brighter.planes[i], std::min(255.0, 1.2 * value), 0.501);
    EXPECT_NEAR(bent.planes[i], 255 * std::pow(value / 255, 0.8), 0.501);
  }
}

TEST(Colours, ContrastKeepsTheMeanGrey) {
  const Picture before = noise(31);
  Picture after = before;
  ColourShift shift;
  shift.contrast = 0.5F;
  shift_colours(after, shift);
  double mean_before = 0, mean_after = 0;
  for (size_t i = 0; i < 31 * 31; ++i) {
    mean_before += luma(before, i) / (31 * 31);
    mean_after += luma(after, i) / (31 * 31);
  }
  EXPECT_NEAR(mean_after, mean_before, 0.1);
  EXPECT_NEAR(after.planes[5] - mean_before, 0.5 * (before.planes[5] - mean_before), 0.6);
}

TEST(Colours, HueAndSaturationKeepTheLumaAndGreys) {
  const Picture before = noise(16);
  Picture after = before;
  ColourShift shift;
  shift.hue = 0.1F;
  shift.saturation = 0.7F;
  shift_colours(after, shift);
  for (size_t i = 0; i < 256; ++i) EXPECT_NEAR(luma(after, i), luma(before, i), 1);
  Picture grey{2, std::vector<uint8_t>(12, 90)};
  shift_colours(grey, shift);
  for (const uint8_t value : grey.planes) EXPECT_NEAR(value, 90, 1);
}

TEST(Colours, AWholeTurnOfHueComesBack) {
  const Picture before = noise(8);
  Picture after = before;
  ColourShift shift;
  shift.hue = 1;
  shift_colours(after, shift);
  for (size_t i = 0; i < before.planes.size(); ++i) {
    EXPECT_NEAR(after.planes[i], before.planes[i], 1);
  }
}

TEST(Colours, NoSaturationIsGrey) {
  Picture picture = noise(4);
  ColourShift shift;
  shift.saturation = 0;
  shift_colours(picture, shift);
  for (size_t i = 0; i < 16; ++i) EXPECT_NEAR(picture.planes[i], picture.planes[16 + i], 1);
}

TEST(Colours, TheSameSeedGivesTheSameJitter) {
  Picture a = noise(8), b = noise(8), c = noise(8);
  jitter_colours(a, {}, 5);
  jitter_colours(b, {}, 5);
  jitter_colours(c, {}, 6);
  EXPECT_EQ(a.planes, b.planes);
  EXPECT_NE(a.planes, c.planes);
}

TEST(Colours, ZeroSettingsDrawNoShift) {
  Random random(3);
  EXPECT_EQ(draw_colours({0, 0, 0, 0, 0, 0}, random), ColourShift{});
}

TEST(Colours, RefusesSettingsOutOfRange) {
  ColourSettings settings;
  settings.brightness = 1;
  EXPECT_THROW(check_colour_settings(settings, "test"), InvalidArgument);
  settings = {};
  settings.invert_probability = -1;
  EXPECT_THROW(check_colour_settings(settings, "test"), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
