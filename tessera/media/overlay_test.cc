#include "tessera/media/overlay.h"

#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

Colour pixel(const Image& image, int y, int x) {
  return {image.at(y, x, 0), image.at(y, x, 1), image.at(y, x, 2)};
}

// A square of 7 x 7 pixels in a picture of 11 x 11.
std::vector<uint8_t> square() {
  std::vector<uint8_t> mask(11 * 11);
  for (int y = 2; y < 9; ++y) {
    for (int x = 2; x < 9; ++x) mask[y * 11 + x] = 1;
  }
  return mask;
}

TEST(Overlay, TintsInsideDrawsTheEdgeAndLeavesTheRest) {
  const Image black = make_image(11, 11);
  const Image image = draw_overlay(black, square(), {200, 100, 50}, 0.5, 1);
  EXPECT_EQ(pixel(image, 5, 5), (Colour{100, 50, 25}));
  EXPECT_EQ(pixel(image, 2, 5), (Colour{200, 100, 50}));
  EXPECT_EQ(pixel(image, 3, 5), (Colour{100, 50, 25}));
  EXPECT_EQ(pixel(image, 1, 5), (Colour{0, 0, 0}));
}

TEST(Overlay, ContoursAreAsWideAsAsked) {
  const Image image = draw_overlay(make_image(11, 11), square(), {200, 100, 50}, 0, 2);
  EXPECT_EQ(pixel(image, 2, 5), (Colour{200, 100, 50}));
  EXPECT_EQ(pixel(image, 3, 5), (Colour{200, 100, 50}));
  EXPECT_EQ(pixel(image, 4, 5), (Colour{0, 0, 0}));
}

TEST(Overlay, ThePicturesEdgeIsNoContour) {
  const std::vector<uint8_t> all(9, 1);
  const Image image = draw_overlay(make_image(3, 3), all, {200, 100, 50}, 0, 3);
  EXPECT_EQ(image.data, make_image(3, 3).data);
}

TEST(Overlay, AnEmptyMaskChangesNothing) {
  Image image = make_image(3, 3);
  image.data[4] = 77;
  EXPECT_EQ(draw_overlay(image, std::vector<uint8_t>(9)).data, image.data);
}

TEST(Overlay, ErrorsHaveThreeColours) {
  Image image = make_image(1, 4);
  std::fill(image.data.begin(), image.data.end(), 200);
  const std::vector<uint8_t> predicted{1, 1, 0, 0}, truth{1, 0, 1, 0};
  const Image drawn = draw_errors(image, predicted, truth);
  const Colour found = pixel(drawn, 0, 0), extra = pixel(drawn, 0, 1), missed = pixel(drawn, 0, 2);
  EXPECT_GT(found.red, 150);
  EXPECT_GT(extra.red, extra.blue + 100);
  EXPECT_GT(missed.blue, missed.red + 100);
  EXPECT_EQ(pixel(drawn, 0, 3), (Colour{90, 90, 90}));
}

TEST(Overlay, SizesAndRangesAreChecked) {
  const Image image = make_image(2, 2);
  const std::vector<uint8_t> mask(4);
  EXPECT_THROW(draw_overlay(image, std::vector<uint8_t>(3)), InvalidArgument);
  EXPECT_THROW(draw_overlay(make_image(2, 2, 1), mask), InvalidArgument);
  EXPECT_THROW(draw_overlay(image, mask, {}, 1.5), InvalidArgument);
  EXPECT_THROW(draw_overlay(image, mask, {}, 0.5, -1), InvalidArgument);
  EXPECT_THROW(draw_errors(image, mask, std::vector<uint8_t>(5)), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media
