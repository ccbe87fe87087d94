#include "tessera/segmentation/demo_sam/deepest_pixel.h"

#include <vector>

#include <gtest/gtest.h>

namespace tessera::segmentation {
namespace {

std::vector<uint8_t> square(int side, int begin, int end) {
  std::vector<uint8_t> mask(size_t(side) * side);
  for (int y = begin; y < end; ++y) {
    for (int x = begin; x < end; ++x) mask[size_t(y) * side + x] = 1;
  }
  return mask;
}

TEST(DeepestPixel, IsTheMiddleOfASquare) {
  const DeepPixel deepest = deepest_pixel(square(20, 4, 13), 20, 20);
  EXPECT_EQ(deepest.y, 8);
  EXPECT_EQ(deepest.x, 8);
  EXPECT_EQ(deepest.depth, 3 * 5);
}

TEST(DeepestPixel, CountsWhatLiesBeyondThePictureAsOutside) {
  const DeepPixel deepest = deepest_pixel(square(9, 0, 9), 9, 9);
  EXPECT_EQ(deepest.y, 4);
  EXPECT_EQ(deepest.x, 4);
}

TEST(DeepestPixel, OfNothingHasNoDepth) {
  EXPECT_EQ(deepest_pixel(square(5, 0, 0), 5, 5).depth, 0);
}

TEST(CorrectiveClickOf, GoesWhereTheGreaterErrorIs) {
  const auto truth = square(20, 2, 12);
  auto predicted = truth;
  predicted[size_t(19) * 20 + 19] = 1;  // one pixel too much
  for (int y = 2; y < 8; ++y) {
    for (int x = 2; x < 8; ++x) predicted[size_t(y) * 20 + x] = 0;
  }
  const CorrectiveClick missing = corrective_click(predicted, truth, 20, 20);
  EXPECT_TRUE(missing.is_inside);
  EXPECT_TRUE(missing.y >= 4 && missing.y <= 5 && missing.x >= 4 && missing.x <= 5);
  const CorrectiveClick extra = corrective_click(square(20, 0, 20), square(20, 0, 4), 20, 20);
  EXPECT_FALSE(extra.is_inside);
}

TEST(CorrectiveClickOf, ConfirmsWhatIsRight) {
  const auto truth = square(20, 4, 13);
  const CorrectiveClick click = corrective_click(truth, truth, 20, 20);
  EXPECT_TRUE(click.is_inside);
  EXPECT_EQ(click.y, 8);
}

}  // namespace
}  // namespace tessera::segmentation
