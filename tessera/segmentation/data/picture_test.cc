#include "tessera/segmentation/data/picture.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::segmentation {
namespace {

media::Image noise(int height, int width, uint64_t seed = 1) {
  media::Image image = media::make_image(height, width, 3);
  Random random(seed);
  for (uint8_t& value : image.data) value = static_cast<uint8_t>(random.below(256));
  return image;
}

uint8_t pixel(const Picture& picture, int y, int x, int channel) {
  return picture.planes[(static_cast<size_t>(channel) * picture.side + y) * picture.side + x];
}

/// Bilinear between pixel centres, edges clamped, in double.
double bilinear(const media::Image& image, double x, double y, int channel) {
  x -= 0.5;
  y -= 0.5;
  const auto left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
  const auto value = [&](int row, int column) {
    return static_cast<double>(image.at(std::clamp(row, 0, image.height - 1),
                                        std::clamp(column, 0, image.width - 1), channel));
  };
  const double fx = x - left, fy = y - top;
  return (1 - fy) * ((1 - fx) * value(top, left) + fx * value(top, left + 1)) +
         fy * ((1 - fx) * value(top + 1, left) + fx * value(top + 1, left + 1));
}

TEST(SampledPicture, CopiesPixelsWhereTheGridsAgree) {
  const media::Image image = noise(9, 12);
  const Picture got = sample_picture(image, {6, 5, 8}, 8, Padding::kReflect);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(pixel(got, y, x, c), image.at(y + 1, x + 2, c));
    }
  }
}

TEST(SampledPicture, TurnsAndMirrorsByWholePixels) {
  const media::Image image = noise(7, 7);
  const Picture turned = sample_picture(image, {3.5, 3.5, 7, 90}, 7, Padding::kMean);
  const Picture mirrored = sample_picture(image, {3.5, 3.5, 7, 0, true, false}, 7, Padding::kMean);
  const Picture upside_down =
      sample_picture(image, {3.5, 3.5, 7, 0, false, true}, 7, Padding::kMean);
  for (int y = 0; y < 7; ++y) {
    for (int x = 0; x < 7; ++x) {
      EXPECT_EQ(pixel(turned, y, x, 0), image.at(x, 6 - y, 0));
      EXPECT_EQ(pixel(mirrored, y, x, 1), image.at(y, 6 - x, 1));
      EXPECT_EQ(pixel(upside_down, y, x, 2), image.at(6 - y, x, 2));
    }
  }
}

TEST(SampledPicture, EnlargesBilinearlyBetweenPixelCentres) {
  const media::Image image = noise(10, 10);
  const Picture got = sample_picture(image, {5, 5, 10}, 20, Padding::kReflect);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 20; ++x) {
      EXPECT_NEAR(pixel(got, y, x, 0), bilinear(image, (x + 0.5) / 2, (y + 0.5) / 2, 0), 0.5001);
    }
  }
}

TEST(SampledPicture, FollowsTheFormulaForAnyWindow) {
  const media::Image image = noise(40, 50);
  const Window window{24.3F, 19.7F, 13.1F, 37, true, false};
  const Picture got = sample_picture(image, window, 16, Padding::kReflect);
  const double angle = 37 * std::acos(-1.0) / 180;
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 16; ++column) {
      const double u = -((column + 0.5) / 16 - 0.5) * window.side;
      const double v = ((row + 0.5) / 16 - 0.5) * window.side;
      const double x = window.centre_x + std::cos(angle) * u - std::sin(angle) * v;
      const double y = window.centre_y + std::sin(angle) * u + std::cos(angle) * v;
      // Fractions are in 1 / 2048 of a pixel.
      EXPECT_NEAR(pixel(got, row, column, 2), bilinear(image, x, y, 2), 0.8);
    }
  }
}

TEST(SampledPicture, DoesNotAliasWhenItShrinks) {
  media::Image stripes = media::make_image(128, 128, 3);
  for (size_t i = 0; i < stripes.data.size(); ++i) stripes.data[i] = i / 3 % 2 == 0 ? 0 : 255;
  const Picture got = sample_picture(stripes, {64, 64, 100, 20}, 25, Padding::kReflect);
  for (const uint8_t value : got.planes) EXPECT_NEAR(value, 127.5, 16);
}

TEST(SampledPicture, PadsWithTheMeanColourOrAMirror) {
  const media::Image image = noise(4, 4);
  const Window window{0, 0, 8};
  const Picture mean = sample_picture(image, window, 8, Padding::kMean);
  EXPECT_EQ(pixel(mean, 0, 0, 0), 124);
  EXPECT_EQ(pixel(mean, 3, 7, 1), 116);
  EXPECT_EQ(pixel(mean, 7, 3, 2), 104);
  EXPECT_EQ(pixel(mean, 5, 6, 2), image.at(1, 2, 2));
  const Picture mirror = sample_picture(image, window, 8, Padding::kReflect);
  EXPECT_EQ(pixel(mirror, 3, 3, 0), image.at(0, 0, 0));
  EXPECT_EQ(pixel(mirror, 0, 1, 0), image.at(3, 2, 0));
  EXPECT_EQ(pixel(mirror, 5, 2, 0), image.at(1, 1, 0));
}

TEST(SampledPicture, TakesAnImageOfOnePixel) {
  media::Image image = media::make_image(1, 1, 3);
  image.data = {10, 20, 30};
  const Picture got = sample_picture(image, {0.5, 0.5, 16, 33}, 12, Padding::kReflect);
  EXPECT_EQ(pixel(got, 0, 0, 0), 10);
  EXPECT_EQ(pixel(got, 11, 5, 2), 30);
}

TEST(SampledPicture, RefusesWhatCannotBeSampled) {
  const media::Image image = noise(4, 4);
  EXPECT_THROW(sample_picture(image, {2, 2, 0}, 8, Padding::kMean), InvalidArgument);
  EXPECT_THROW(sample_picture(image, {NAN, 2, 4}, 8, Padding::kMean), InvalidArgument);
  EXPECT_THROW(sample_picture(image, {2, 2, 4}, 0, Padding::kMean), InvalidArgument);
  EXPECT_THROW(sample_picture(media::make_image(4, 4, 1), {2, 2, 4}, 8, Padding::kMean),
               InvalidArgument);
}

TEST(WholePicture, HasTheLongestSideAndPaddingRightAndBelow) {
  EXPECT_EQ(whole_extent(3, 9, 512).height, 171);
  EXPECT_EQ(whole_extent(3, 9, 512).width, 512);
  EXPECT_EQ(whole_extent(1, 5000, 64).height, 1);
  const media::Image image = noise(6, 16);
  const Picture got = whole_picture(image, 16);
  EXPECT_EQ(pixel(got, 5, 15, 1), image.at(5, 15, 1));
  EXPECT_EQ(pixel(got, 6, 0, 0), 124);
  EXPECT_EQ(pixel(got, 15, 15, 2), 104);
}

std::vector<uint8_t> disc(int height, int width, double y0, double x0, double radius) {
  std::vector<uint8_t> mask(static_cast<size_t>(height) * width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      mask[static_cast<size_t>(y) * width + x] = std::hypot(y + 0.5 - y0, x + 0.5 - x0) < radius;
    }
  }
  return mask;
}

/// (x, y) in grid pixels.
std::pair<double, double> centroid(const MaskGrid& grid) {
  double area = 0, x = 0, y = 0;
  for (size_t i = 0; i < grid.target.size(); ++i) {
    area += grid.target[i];
    x += grid.target[i] * (static_cast<double>(i % grid.side) + 0.5);
    y += grid.target[i] * (static_cast<double>(i / grid.side) + 0.5);
  }
  return {x / area, y / area};
}

TEST(SampledMask, LiesWhereThePictureShowsIt) {
  const std::vector<uint8_t> mask = disc(60, 80, 25, 50, 14);
  media::Image image = media::make_image(60, 80, 3);
  for (size_t i = 0; i < image.data.size(); ++i) image.data[i] = mask[i / 3] ? 255 : 0;
  const Window window{44, 30, 50, 25, true, true};
  const Picture picture = sample_picture(image, window, 64, Padding::kReflect);
  const MaskGrid grid = sample_mask(mask, 60, 80, window, 64, Padding::kReflect);
  int foreground = 0, different = 0;
  for (size_t i = 0; i < grid.target.size(); ++i) {
    foreground += grid.target[i];
    different += (picture.planes[i] > 127) != (grid.target[i] != 0);
  }
  EXPECT_NEAR(foreground, 3.14159 * std::pow(14 * 64 / 50.0, 2), 20);
  EXPECT_LT(different, 25);  // of a rim of about 110 pixels
}

TEST(SampledMask, IsForegroundFromHalfTheAreaOn) {
  // Grid pixels of 4 x 4 source pixels, filled with 7 and 8 of them.
  std::vector<uint8_t> mask(4 * 8);
  for (int i = 0; i < 8; ++i) mask[i / 4 * 8 + 4 + i % 4] = 1;
  for (int i = 0; i < 7; ++i) mask[i / 4 * 8 + i % 4] = 1;
  const MaskGrid grid = sample_mask(mask, 4, 8, {4, 4, 8}, 2, Padding::kMean);
  EXPECT_EQ(grid.target, (std::vector<uint8_t>{0, 1, 0, 0}));
  EXPECT_EQ(grid.valid, (std::vector<uint8_t>{1, 1, 0, 0}));
}

TEST(SampledMask, KnowsWhatIsPadding) {
  const std::vector<uint8_t> mask(16, 1);
  const MaskGrid mean = sample_mask(mask, 4, 4, {0, 2, 4}, 4, Padding::kMean);
  EXPECT_EQ(mean.valid[0], 0);
  EXPECT_EQ(mean.target[0], 0);
  EXPECT_EQ(mean.valid[2], 1);
  EXPECT_EQ(mean.target[2], 1);
  const MaskGrid mirror = sample_mask(mask, 4, 4, {0, 2, 4}, 4, Padding::kReflect);
  EXPECT_EQ(mirror.valid, std::vector<uint8_t>(16, 1));
  EXPECT_EQ(mirror.target, std::vector<uint8_t>(16, 1));
}

TEST(SampledMask, HasNoTargetWithoutAMask) {
  const MaskGrid grid = sample_mask({}, 4, 4, {2, 2, 4}, 4, Padding::kMean);
  EXPECT_TRUE(grid.target.empty());
  EXPECT_EQ(grid.valid.size(), 16u);
}

TEST(WholeMask, SharesThePicturesGeometry) {
  const std::vector<uint8_t> mask = disc(30, 60, 15, 40, 10);
  const MaskGrid grid = whole_mask(mask, 30, 60, 512, 256);
  EXPECT_EQ(grid.valid[static_cast<size_t>(127) * 256 + 255], 1);
  EXPECT_EQ(grid.valid[static_cast<size_t>(128) * 256], 0);
  const auto [x, y] = centroid(grid);
  EXPECT_NEAR(x, 40 * 256 / 60.0, 0.1);
  EXPECT_NEAR(y, 15 * 256 / 60.0, 0.1);
}

TEST(SampledMask, KeepsTheCentreOfARegion) {
  const MaskGrid grid =
      sample_mask(disc(60, 80, 25, 50, 14), 60, 80, {44, 30, 50}, 100, Padding::kReflect);
  const auto [x, y] = centroid(grid);
  EXPECT_NEAR(x, (50 - 19) * 2, 0.1);
  EXPECT_NEAR(y, (25 - 5) * 2, 0.1);
}

}  // namespace
}  // namespace tessera::segmentation
