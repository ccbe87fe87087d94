#include "tessera/video/demo/renderer.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

namespace tessera::video {
namespace {

constexpr ClipShape kShape = {2, 64, 128};
constexpr Rgb kRed = {0.9f, 0.1f, 0.1f}, kBlue = {0.1f, 0.2f, 0.6f};

Scene empty_scene(int64_t frames = 2) {
  Scene scene;
  scene.ground.base = kBlue;
  scene.ground.alternate = {0.5f, 0.6f, 1.0f};
  scene.camera.assign(static_cast<size_t>(frames), 0.0f);
  return scene;
}

void add_object(Scene& scene, ObjectShape shape, Pose pose) {
  SceneObject object;
  object.shape = shape;
  object.base = kRed;
  object.alternate = {1.0f, 1.0f, 1.0f};
  object.path.assign(scene.camera.size(), pose);
  scene.objects.push_back(object);
}

/// [3, F, H, W] in [0, 1].
at::Tensor film_of(const Scene& scene, ClipShape shape = kShape) {
  return render_scenes({&scene, 1}, shape, at::kCPU)[0].add(1).div(2);
}

/// Where a frame is red rather than blue: bool [H, W].
at::Tensor red_mask(const at::Tensor& film, int64_t frame) {
  return film[0][frame] > film[2][frame];
}

int64_t area(const at::Tensor& mask) { return mask.sum().item<int64_t>(); }

/// Mean (x, y) of the mask's pixels.
std::pair<double, double> centre(const at::Tensor& mask) {
  const auto places = mask.nonzero().to(at::kDouble).mean(0);
  return {places[1].item<double>(), places[0].item<double>()};
}

/// Clears the blob that holds the pixel.
void clear_blob(at::TensorAccessor<bool, 2>& mask, int64_t y, int64_t x) {
  if (y < 0 || x < 0 || y >= mask.size(0) || x >= mask.size(1) || !mask[y][x]) return;
  mask[y][x] = false;
  for (const auto& [dy, dx] : {std::pair{0, 1}, {1, 0}, {0, -1}, {-1, 0}}) {
    clear_blob(mask, y + dy, x + dx);
  }
}

int count_blobs(const at::Tensor& mask) {
  at::Tensor copy = mask.clone();
  auto left = copy.accessor<bool, 2>();
  int count = 0;
  for (int64_t y = 0; y < left.size(0); ++y) {
    for (int64_t x = 0; x < left.size(1); ++x) {
      if (left[y][x]) clear_blob(left, y, x), ++count;
    }
  }
  return count;
}

TEST(Renderer, RedCircleIsRedWhereItIsAndNowhereElse) {
  Scene scene = empty_scene();
  add_object(scene, ObjectShape::kCircle, {0.5f, 0.5f, 0.25f, 0});
  const auto mask = red_mask(film_of(scene), 0);
  EXPECT_NEAR(area(mask), 3.14159 * 16 * 16, 20);
  const auto [x, y] = centre(mask);
  EXPECT_NEAR(x, 31.5, 0.1);
  EXPECT_NEAR(y, 31.5, 0.1);
}

TEST(Renderer, PlainColoursAreTheScenes) {
  Scene scene = empty_scene();
  add_object(scene, ObjectShape::kCircle, {0.5f, 0.5f, 0.25f, 0});
  const auto film = film_of(scene);
  for (int64_t channel = 0; channel < 3; ++channel) {
    const auto k = static_cast<size_t>(channel);
    EXPECT_NEAR(film[channel][0][32][32].item<float>(), kRed[k], 0.01);
    EXPECT_NEAR(film[channel][0][60][120].item<float>(), kBlue[k], 1e-5);
  }
}

class RendererOfShape : public testing::TestWithParam<ObjectShape> {};

TEST_P(RendererOfShape, DrawsOneBlobPerObject) {
  Scene scene = empty_scene();
  add_object(scene, GetParam(), {0.3f, 0.5f, 0.2f, 0.1f});
  add_object(scene, GetParam(), {1.0f, 0.3f, 0.15f, 0.7f});
  add_object(scene, GetParam(), {1.6f, 0.7f, 0.18f, 2.0f});
  EXPECT_EQ(count_blobs(red_mask(film_of(scene), 0)), 3);
}

TEST_P(RendererOfShape, AreaGrowsWithTheSquareOfTheRadius) {
  Scene scene = empty_scene();
  add_object(scene, GetParam(), {1.0f, 0.5f, 0.15f, 0});
  scene.objects[0].path[1].radius = 0.30f;
  const ClipShape fine = {2, 256, 512};
  const auto film = film_of(scene, fine);
  const double ratio = static_cast<double>(area(red_mask(film, 1))) / area(red_mask(film, 0));
  EXPECT_NEAR(ratio, 4, 0.2);
}

INSTANTIATE_TEST_SUITE_P(All, RendererOfShape,
                         testing::Values(ObjectShape::kCircle, ObjectShape::kSquare,
                                         ObjectShape::kTriangle, ObjectShape::kStar,
                                         ObjectShape::kRing, ObjectShape::kCross));

/// A motion, and the way in pixels that is expected of it at least.
struct Way {
  Motion motion;
  double x, y;
};

class RendererOfMotion : public testing::TestWithParam<Way> {};

TEST_P(RendererOfMotion, MovesTheCentreThatWay) {
  Attributes attributes;
  attributes.groups = {{ObjectShape::kCircle, ObjectFill::kPlain, 0, 1}};
  attributes.motion = GetParam().motion;
  attributes.ground_colour = 2;
  const ClipShape shape = {5, 64, 128};
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Random random(seed);
    const auto film = film_of(make_scene(attributes, shape, random), shape);
    const auto first = centre(red_mask(film, 0)), last = centre(red_mask(film, 4));
    const double x = last.first - first.first, y = last.second - first.second;
    EXPECT_GE(x * GetParam().x, GetParam().x * GetParam().x) << x;
    EXPECT_GE(y * GetParam().y, GetParam().y * GetParam().y) << y;
    EXPECT_TRUE(GetParam().x != 0 || std::abs(x) < 0.2) << x;
    EXPECT_TRUE(GetParam().y != 0 || std::abs(y) < 0.2) << y;
  }
}

INSTANTIATE_TEST_SUITE_P(Straight, RendererOfMotion,
                         testing::Values(Way{Motion::kLeft, -20, 0}, Way{Motion::kRight, 20, 0},
                                         Way{Motion::kUp, 0, -10}, Way{Motion::kDown, 0, 10},
                                         Way{Motion::kStill, 0, 0}));

TEST(Renderer, LaterObjectsCoverEarlierOnes) {
  Scene scene = empty_scene();
  add_object(scene, ObjectShape::kCircle, {0.5f, 0.5f, 0.25f, 0});
  add_object(scene, ObjectShape::kCircle, {0.5f, 0.5f, 0.25f, 0});
  scene.objects[1].base = {0.0f, 1.0f, 0.0f};
  EXPECT_GT(film_of(scene)[1][0][32][32].item<float>(), 0.9f);
}

TEST(Renderer, BarsCoverObjects) {
  Scene scene = empty_scene();
  add_object(scene, ObjectShape::kCircle, {0.5f, 0.5f, 0.25f, 0});
  scene.bars = {true, 1.0f, 0.05f, 0.5f};  // posts at 0.5 and 1.5
  EXPECT_EQ(count_blobs(red_mask(film_of(scene), 0)), 2);
}

TEST(Renderer, StripesHaveTwoTones) {
  Scene scene = empty_scene();
  scene.ground.texture = GroundTexture::kStriped;
  scene.ground.frequency = 2;
  const auto red = film_of(scene)[0][0];
  EXPECT_NEAR(red.max().item<float>(), scene.ground.alternate[0], 1e-5);
  EXPECT_NEAR(red.min().item<float>(), scene.ground.base[0], 1e-5);
  EXPECT_NEAR((red > 0.3).to(at::kFloat).mean().item<float>(), 0.5, 0.05);
}

TEST(Renderer, CameraMovesTheGround) {
  Scene scene = empty_scene();
  scene.ground.texture = GroundTexture::kCheckered;
  scene.camera = {0, 0.125f};  // 8 pixels
  const auto film = film_of(scene);
  const auto first = film.select(1, 0).narrow(2, 0, 120),
             last = film.select(1, 1).narrow(2, 8, 120);
  EXPECT_LT((first - last).abs().max().item<float>(), 1e-4f);
}

TEST(Renderer, ClipOfABatchEqualsTheClipAlone) {
  Random random(3);
  const ClipShape shape = {4, 16, 32};  // several clips are drawn at once
  std::vector<Scene> scenes;
  for (int i = 0; i < 24; ++i) {
    scenes.push_back(make_scene(sample_attributes(random), shape, random));
  }
  const auto films = render_scenes(scenes, shape, at::kCPU);
  for (int64_t i = 0; i < 24; ++i) {
    const auto alone = render_scenes({&scenes[static_cast<size_t>(i)], 1}, shape, at::kCPU)[0];
    EXPECT_LT((films[i] - alone).abs().max().item<float>(), 1e-4f) << i;
  }
}

}  // namespace
}  // namespace tessera::video
