#include "tessera/media/image_resize.h"

#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/media/golden_testing.h"
#include "tessera/media/image_io.h"

namespace tessera::media {
namespace {

class PillowResize : public ::testing::TestWithParam<std::tuple<const char*, std::pair<int, int>>> {
};

// Pillow 13 resizes along y first for the last size, and then rounds differently.
TEST_P(PillowResize, IsEqualBitForBitOrAlongTheOtherAxisFirst) {
  const auto& [name, sides] = GetParam();
  const auto [height, width] = sides;
  const Image image = read_png_as_stored(golden(std::string(name) + ".png"));
  const Image want = read_png_as_stored(golden(std::string(name) + "_" + std::to_string(height) +
                                               "x" + std::to_string(width) + ".png"));
  const Image got = resize_bilinear_antialias(image, height, width);
  EXPECT_EQ(got.height, height);
  EXPECT_EQ(got.width, width);
  if (height != 5) {
    EXPECT_EQ(got.data, want.data);
    return;
  }
  for (size_t i = 0; i < got.data.size(); ++i) ASSERT_NEAR(got.data[i], want.data[i], 1);
  const Image columns = resize_bilinear_antialias(image, height, image.width);
  EXPECT_EQ(resize_bilinear_antialias(columns, height, width).data, want.data);
}

INSTANTIATE_TEST_SUITE_P(All, PillowResize,
                         ::testing::Combine(::testing::Values("photo", "grey"),
                                            ::testing::Values(std::pair{16, 16}, std::pair{37, 20},
                                                              std::pair{20, 45}, std::pair{74, 91},
                                                              std::pair{1, 1}, std::pair{5, 120})));

TEST(ResizeBilinear, TheSameSizeIsTheSamePicture) {
  const Image image = read_png(golden("photo.png"));
  EXPECT_EQ(resize_bilinear_antialias(image, image.height, image.width).data, image.data);
}

TEST(ResizeBilinear, SidesBelowOneAreRefused) {
  EXPECT_THROW(resize_bilinear_antialias(make_image(2, 2), 0, 3), InvalidArgument);
}

TEST(ResizeNearest, TakesThePixelUnderTheCentre) {
  const std::vector<uint8_t> row{10, 20, 30, 40, 50};
  EXPECT_EQ(resize_nearest(row, 1, 5, 1, 2), (std::vector<uint8_t>{20, 40}));
  EXPECT_EQ(resize_nearest(row, 1, 5, 1, 10),
            (std::vector<uint8_t>{10, 10, 20, 20, 30, 30, 40, 40, 50, 50}));
  EXPECT_THROW(resize_nearest(row, 1, 4, 1, 2), InvalidArgument);
}

TEST(Window, CropsAndPads) {
  Image image = make_image(2, 2, 1);
  image.data = {1, 2, 3, 4};
  EXPECT_EQ(window(image, 0, 1, 2, 1).data, (std::vector<uint8_t>{2, 4}));
  EXPECT_EQ(window(image, -1, -1, 3, 4, 9).data,
            (std::vector<uint8_t>{9, 9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9}));
  EXPECT_EQ(window(image, 1'000'000'000, -2'000'000'000, 1, 2, 7).data,
            (std::vector<uint8_t>{7, 7}));
}

TEST(FitInside, KeepsTheShapeAndNeverEnlarges) {
  EXPECT_EQ(fit_inside(1040, 1388, 400).width, 400);
  EXPECT_EQ(fit_inside(1040, 1388, 400).height, 300);
  EXPECT_EQ(fit_inside(100, 50, 400).height, 100);
  EXPECT_EQ(fit_inside(1, 5000, 100).height, 1);
}

}  // namespace
}  // namespace tessera::media
