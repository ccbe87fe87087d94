#include "tessera/segmentation/data/tiles.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/segmentation/data/upsample.h"

namespace tessera::segmentation {
namespace {

struct PlanCase {
  int height, width, tile, stride;
};

struct TilePlans : ::testing::TestWithParam<PlanCase> {};

TEST_P(TilePlans, CoverTheImageWithTheFewestEvenTiles) {
  const auto [height, width, tile, stride] = GetParam();
  const TilePlan plan = tile_plan(height, width, tile, stride);
  std::vector<int> covered(static_cast<size_t>(height) * width);
  for (const TileOrigin origin : plan.origins) {
    for (int y = std::max(0, origin.y); y < std::min(height, origin.y + tile); ++y) {
      for (int x = std::max(0, origin.x); x < std::min(width, origin.x + tile); ++x) {
        ++covered[static_cast<size_t>(y) * width + x];
      }
    }
    const bool is_inside = origin.x >= 0 && origin.x + tile <= width;
    const bool is_around = origin.x <= 0 && origin.x + tile >= width;
    EXPECT_TRUE(width >= tile ? is_inside : is_around);
  }
  EXPECT_GT(*std::min_element(covered.begin(), covered.end()), 0);
  const auto along = [tile, stride](int length) {
    return length <= tile ? 1 : 1 + (length - tile + stride - 1) / stride;
  };
  EXPECT_EQ(plan.origins.size(), static_cast<size_t>(along(height)) * along(width));
}

TEST_P(TilePlans, BlendEqualLogitsToExactlyTheirValue) {
  const auto [height, width, tile, stride] = GetParam();
  for (const float value : {-3.7F, 0.1F}) {
    TileBlender blender(tile_plan(height, width, tile, stride), 7, 32);
    const size_t count = tile_plan(height, width, tile, stride).origins.size();
    for (size_t i = count; i > 0; --i) blender.add(i - 1, std::vector<float>(49, value));
    for (const float got : blender.finish()) ASSERT_EQ(got, value);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, TilePlans,
                         ::testing::Values(PlanCase{64, 64, 32, 24}, PlanCase{67, 131, 32, 24},
                                           PlanCase{33, 31, 32, 16}, PlanCase{1, 1, 32, 24},
                                           PlanCase{5, 100, 32, 32}, PlanCase{97, 32, 32, 1},
                                           PlanCase{32, 33, 32, 32}));

TEST(TilePlan, OfTileZeroIsTheWholeImage) {
  EXPECT_EQ(tile_plan(50, 70, 0, 0).origins.size(), 1u);
  TileBlender blender(tile_plan(50, 70, 0, 0), 16, 64);
  blender.add(0, std::vector<float>(256, 1.3F));
  const std::vector<float> got = blender.finish();
  EXPECT_EQ(got, std::vector<float>(50 * 70, 1.3F));
}

TEST(TilePlan, PutsASmallImageIntoTheMiddle) {
  const TilePlan plan = tile_plan(10, 21, 32, 24);
  ASSERT_EQ(plan.origins.size(), 1u);
  EXPECT_EQ(plan.origins[0].y, -11);
  EXPECT_EQ(plan.origins[0].x, -5);
}

TEST(TilePlan, RefusesWrongSizes) {
  EXPECT_THROW(tile_plan(0, 4, 2, 1), InvalidArgument);
  EXPECT_THROW(tile_plan(4, 4, -1, 1), InvalidArgument);
  EXPECT_THROW(tile_plan(4, 4, 2, 3), InvalidArgument);
  EXPECT_THROW(tile_plan(4, 4, 2, 0), InvalidArgument);
  EXPECT_THROW(tile_picture(media::make_image(4, 5, 3), tile_plan(4, 4, 2, 1), 0, 8),
               InvalidArgument);
}

TEST(TileBlender, WantsEachTileOnce) {
  TileBlender blender(tile_plan(40, 20, 32, 24), 4, 32);
  const std::vector<float> logits(16);
  blender.add(1, logits);
  EXPECT_THROW(blender.add(1, logits), InvalidArgument);
  EXPECT_THROW(blender.add(2, logits), InvalidArgument);
  EXPECT_THROW(blender.add(0, std::vector<float>(15)), InvalidArgument);
  EXPECT_THROW(blender.finish(), InvalidArgument);
}

TEST(TileBlender, KeepsALinearMapAwayFromTheEdges) {
  // Logits that are the source's x coordinate at each grid pixel's centre.
  const TilePlan plan = tile_plan(32, 90, 32, 24);
  TileBlender blender(plan, 16, 64);
  for (size_t i = 0; i < plan.origins.size(); ++i) {
    std::vector<float> logits(256);
    for (int k = 0; k < 256; ++k) {
      logits[k] = static_cast<float>(plan.origins[i].x + (k % 16 + 0.5) * 2);
    }
    blender.add(i, logits);
  }
  const std::vector<float> got = blender.finish();
  for (int x = 1; x < 89; ++x) EXPECT_NEAR(got[16 * 90 + x], x + 0.5, 0.02);
}

TEST(TileBlender, WeighsTheMiddleOfATileMoreThanItsEdge) {
  const TilePlan plan = tile_plan(32, 48, 32, 16);
  TileBlender blender(plan, 8, 32);
  blender.add(0, std::vector<float>(64, 0.0F));
  blender.add(1, std::vector<float>(64, 1.0F));
  const std::vector<float> got = blender.finish();
  EXPECT_LT(got[17], 0.1);
  EXPECT_NEAR((got[23] + got[24]) / 2, 0.5, 1e-5);
  EXPECT_GT(got[30], 0.9);
  for (int x = 16; x < 31; ++x) EXPECT_LT(got[x], got[x + 1]);
}

TEST(Upsample, MatchesTorchsBilinearWithoutAlignedCorners) {
  const std::vector<float> map = {0, 1, 2, 3};
  const std::vector<float> got = upsample_bilinear(map, 2, 2, 4, 4, 4, 4);
  const std::vector<float> line = {0, 0.25F, 0.75F, 1};
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) EXPECT_FLOAT_EQ(got[4 * y + x], 2 * line[y] + line[x]);
  }
  EXPECT_EQ(upsample_bilinear(map, 2, 2, 4, 4, 1, 2), (std::vector<float>{0, 0.25F}));
  EXPECT_EQ(upsample_bilinear(map, 2, 2, 2, 2, 2, 2), map);
  // Shrinking takes no more than two neighbours, as torch does without antialias.
  EXPECT_EQ(upsample_bilinear(map, 1, 4, 1, 2, 1, 2), (std::vector<float>{0.5F, 2.5F}));
}

std::vector<uint8_t> blobs(int height, int width, int count, double radius) {
  std::vector<uint8_t> mask(static_cast<size_t>(height) * width);
  Random random(4);
  for (int i = 0; i < count; ++i) {
    const double y0 = height * random.uniform(), x0 = width * random.uniform();
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        if (std::hypot(y + 0.5 - y0, x + 0.5 - x0) < radius) {
          mask[static_cast<size_t>(y) * width + x] = 1;
        }
      }
    }
  }
  return mask;
}

double ceiling(const std::vector<uint8_t>& mask, int height, int width, int tile) {
  const MaskView view{height, width, &mask};
  return resolution_ceiling({&view, 1}, tile, tile == 0 ? 1 : default_stride(tile), 64, 128);
}

TEST(ResolutionCeiling, IsOneWhereAGridPixelIsASourcePixel) {
  EXPECT_EQ(ceiling(blobs(150, 117, 30, 4), 150, 117, 64), 1);
  EXPECT_EQ(ceiling(blobs(40, 31, 4, 4), 40, 31, 64), 1);
  EXPECT_EQ(ceiling(blobs(64, 64, 8, 4), 64, 64, 0), 1);
  EXPECT_EQ(ceiling({1}, 1, 1, 64), 1);
}

TEST(ResolutionCeiling, FallsWithTheSizeOfAGridPixel) {
  const std::vector<uint8_t> mask = blobs(512, 512, 60, 9);
  const double at_1 = ceiling(mask, 512, 512, 64), at_2 = ceiling(mask, 512, 512, 128);
  const double at_4 = ceiling(mask, 512, 512, 256), at_8 = ceiling(mask, 512, 512, 0);
  EXPECT_EQ(at_1, 1);
  EXPECT_GT(at_2, at_4);
  EXPECT_GT(at_4, at_8);
  // A contour is off by up to half a grid pixel g, a quarter on average: a disc of radius r loses
  // about 2 pi r g / 4 of 2 pi r^2, and a little less where discs overlap.
  EXPECT_NEAR(at_4, 1 - 4.0 / (4 * 9), 0.04);
  EXPECT_NEAR(at_8, 1 - 8.0 / (4 * 9), 0.04);
}

TEST(ResolutionCeiling, KeepsStraightEdgesOnTheGrid) {
  std::vector<uint8_t> half(256 * 256);
  for (size_t i = 0; i < half.size(); ++i) half[i] = i % 256 < 100;
  EXPECT_EQ(ceiling(half, 256, 256, 0), 1);
}

TEST(ResolutionCeiling, CountsEmptyMasksAsPerfect) {
  EXPECT_EQ(ceiling(std::vector<uint8_t>(30 * 50), 30, 50, 0), 1);
  EXPECT_THROW(resolution_ceiling({}, 0, 1, 64, 128), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
