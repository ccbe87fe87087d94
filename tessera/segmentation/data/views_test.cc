#include "tessera/segmentation/data/views.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/tiles.h"

namespace tessera::segmentation {
namespace {

LoadedSample sample(int height, int width) {
  LoadedSample sample{"a", media::make_image(height, width, 3), {}, "0123"};
  Random random(1);
  for (uint8_t& value : sample.image.data) value = static_cast<uint8_t>(random.below(256));
  sample.mask.resize(static_cast<size_t>(height) * width);
  for (uint8_t& value : sample.mask) value = static_cast<uint8_t>(random.below(2));
  return sample;
}

ViewSettings tiled() {
  ViewSettings settings;
  settings.tile = 32;
  return settings;
}

TEST(View, IsAFunctionOfSeedDigestAndNumber) {
  const auto text = [](uint64_t seed, const char* digest, int view) {
    return view_text(draw_view(tiled(), 50, 60, digest, seed, view));
  };
  EXPECT_EQ(text(1, "ab", 3), text(1, "ab", 3));
  EXPECT_NE(text(1, "ab", 3), text(2, "ab", 3));
  EXPECT_NE(text(1, "ab", 3), text(1, "ac", 3));
  EXPECT_NE(text(1, "ab", 3), text(1, "ab", 4));
}

TEST(View, NumberZeroIsTheTileAtTheCentre) {
  const LoadedSample one = sample(64, 81);
  const ViewParameters view = draw_view(tiled(), 64, 81, one.digest, 9, 0);
  const TilePlan plan{64, 81, 32, {{16, 24}}};
  EXPECT_EQ(render_picture(one, view, 64).planes, tile_picture(one.image, plan, 0, 64).planes);
  EXPECT_EQ(render_mask(one, view, 64, 32).target, tile_mask(one.mask, plan, 0, 32, 64).target);
  EXPECT_EQ(view_text(view), "view/1 x=40 y=32 side=32 turn=0 flip= pad=reflect");
}

TEST(View, NumberZeroOfAWholeImageIsWhatPredictionSees) {
  const LoadedSample one = sample(30, 50);
  const ViewParameters view = draw_view({}, 30, 50, one.digest, 9, 0);
  EXPECT_EQ(render_picture(one, view, 64).planes, whole_picture(one.image, 64).planes);
  EXPECT_EQ(view_text(view), "view/1 whole");
}

TEST(View, StaysWithinItsSettings) {
  ViewSettings settings = tiled();
  settings.max_rotation_degrees = 20;
  settings.flip_vertical = false;
  settings.colours = {0.1F, 0, 0.3F, 0, 0, 1};
  std::set<bool> mirrored;
  float smallest = 1e9, largest = 0;
  for (int i = 1; i < 300; ++i) {
    const ViewParameters view = draw_view(settings, 100, 40, "d", 0, i);
    smallest = std::min(smallest, view.window.side);
    largest = std::max(largest, view.window.side);
    mirrored.insert(view.window.flip_horizontal);
    EXPECT_LE(std::abs(view.window.rotation_degrees), 20);
    EXPECT_FALSE(view.window.flip_vertical);
    EXPECT_GE(view.window.centre_y, view.window.side / 2 - 1e-3);
    EXPECT_LE(view.window.centre_y, 100 - view.window.side / 2 + 1e-3);
    EXPECT_NEAR(view.colours.brightness, 1, 0.1001);
    EXPECT_EQ(view.colours.contrast, 1);
    EXPECT_TRUE(view.colours.is_inverted);
  }
  EXPECT_NEAR(smallest, 32 / 1.4, 0.5);
  EXPECT_NEAR(largest, 32 / 0.7, 0.5);
  EXPECT_EQ(mirrored.size(), 2u);
}

TEST(View, HoldsAllOfAnImageThatIsSmallerThanTheWindow) {
  ViewSettings settings = tiled();
  settings.min_scale = settings.max_scale = 1;
  for (int i = 1; i < 50; ++i) {
    const Window window = draw_view(settings, 10, 20, "d", 0, i).window;
    EXPECT_LE(window.centre_x - 16, 0.001);
    EXPECT_GE(window.centre_x + 16, 19.999);
    EXPECT_LE(window.centre_y - 16, 0.001);
    EXPECT_GE(window.centre_y + 16, 9.999);
  }
}

TEST(View, MarksPaddingOfWholeImagesOnly) {
  const LoadedSample one = sample(20, 60);
  const auto num_valid = [&one](const ViewSettings& settings) {
    const View view = render_view(one, draw_view(settings, 20, 60, one.digest, 1, 5), {64, 32, 32});
    return std::count(view.mask.valid.begin(), view.mask.valid.end(), 1);
  };
  EXPECT_EQ(num_valid(tiled()), 32 * 32);
  EXPECT_LT(num_valid({}), 32 * 32 * 2 / 3);
}

TEST(View, IsRenderedToTheAskedSides) {
  const LoadedSample one = sample(50, 40);
  const View view = render_view(one, draw_view(tiled(), 50, 40, one.digest, 1, 2), {64, 48, 16});
  EXPECT_EQ(view.picture.planes.size(), 3u * 64 * 64);
  EXPECT_EQ(view.prompt.planes.size(), 3u * 48 * 48);
  EXPECT_EQ(view.mask.target.size(), 16u * 16);
}

TEST(View, RefusesSettingsOutOfRange) {
  ViewSettings settings = tiled();
  settings.tile = 8;
  EXPECT_THROW(check_view_settings(settings), InvalidArgument);
  settings = tiled();
  settings.min_scale = 2;
  EXPECT_THROW(check_view_settings(settings), InvalidArgument);
  settings = tiled();
  settings.max_rotation_degrees = NAN;
  EXPECT_THROW(check_view_settings(settings), InvalidArgument);
  settings = tiled();
  settings.colours.hue = 0.6F;
  EXPECT_THROW(check_view_settings(settings), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
