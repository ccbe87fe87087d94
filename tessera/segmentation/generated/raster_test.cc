#include "tessera/segmentation/generated/raster.h"

#include <numeric>

#include <gtest/gtest.h>

#include "tessera/segmentation/generated/outlines.h"

namespace tessera::segmentation::generated {
namespace {

double area(const Plane& coverage) {
  return std::accumulate(coverage.values.begin(), coverage.values.end(), 0.0);
}

Outline rectangle(float x0, float y0, float x1, float y1) {
  return {{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}}};
}

TEST(Cover, RectangleCoversItsShareOfEachPixel) {
  Plane coverage;
  cover(rectangle(1.25f, 1, 3.5f, 2.5f), {0, 0, 5, 4}, coverage);
  const std::vector<float> expected = {0, 0,      0,    0,     0,  //
                                       0, 0.75f,  1,    0.5f,  0,  //
                                       0, 0.375f, 0.5f, 0.25f, 0,  //
                                       0, 0,      0,    0,     0};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(coverage.values[i], expected[i], 1e-6) << i;
  }
}

TEST(Cover, TriangleHasItsArea) {
  Plane coverage;
  cover({{{{2, 1}, {37.3f, 8.1f}, {11.7f, 29.2f}}}}, {0, 0, 40, 30}, coverage);
  const double expected = 0.5 * ((37.3 - 2) * (29.2 - 1) - (11.7 - 2) * (8.1 - 1));
  EXPECT_NEAR(area(coverage), expected, 1e-3 * expected);
}

TEST(Cover, BoxCutsTheOutline) {
  Plane whole, part;
  const Outline outline = rectangle(-7.5f, -3, 12.25f, 5);
  cover(outline, {-10, -5, 15, 8}, whole);
  cover(outline, {0, 0, 10, 4}, part);
  EXPECT_NEAR(area(whole), 19.75 * 8, 1e-3);
  EXPECT_NEAR(area(part), 40, 1e-4);
}

TEST(Cover, OppositeContourCutsAHoleAndEqualOnesUnite) {
  Outline outline = rectangle(0, 0, 10, 10);
  outline.contours.push_back({{2, 2}, {2, 6}, {6, 6}, {6, 2}});
  Plane coverage;
  cover(outline, {0, 0, 16, 16}, coverage);
  EXPECT_NEAR(area(coverage), 100 - 16, 1e-4);
  outline = rectangle(0, 0, 10, 10);
  outline.contours.push_back(rectangle(5, 5, 15, 15).contours[0]);
  cover(outline, {0, 0, 16, 16}, coverage);
  EXPECT_NEAR(area(coverage), 175, 1e-4);
}

TEST(DepthInside, GrowsFromTheBorderButNotFromThePlanesEdge) {
  Plane coverage, depth;
  cover(rectangle(-5, 3, 12, 10), {0, 0, 14, 12}, coverage);
  depth_inside(coverage, depth);
  EXPECT_EQ(depth.row(0)[4], 0);
  EXPECT_EQ(depth.row(3)[0], 1);
  EXPECT_EQ(depth.row(6)[0], 4);
  EXPECT_EQ(depth.row(6)[11], 1);
}

class EveryFamily : public testing::TestWithParam<int> {};

TEST_P(EveryFamily, HasAnAreaAndStaysNearTheUnitDisc) {
  Random random(11);
  for (int i = 0; i < 20; ++i) {
    const ShapeStyle style = draw_style(static_cast<ShapeFamily>(GetParam()), random);
    const Outline outline = placed(draw_outline(style, random), 0, 50, {80, 80});
    const Box box = bounds_of(outline);
    EXPECT_GE(box.x0, 80 - 75);
    EXPECT_LE(box.x1, 80 + 75);
    EXPECT_GE(box.y0, 80 - 75);
    EXPECT_LE(box.y1, 80 + 75);
    Plane coverage;
    cover(outline, {0, 0, 160, 160}, coverage);
    EXPECT_GT(area(coverage), 100);
    EXPECT_LT(area(coverage), 3.3 * 50 * 50);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EveryFamily, testing::Range(0, kNumShapeFamilies));

}  // namespace
}  // namespace tessera::segmentation::generated
