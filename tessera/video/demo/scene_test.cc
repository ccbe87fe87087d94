#include "tessera/video/demo/scene.h"

#include <sstream>

#include <gtest/gtest.h>

#include "tessera/video/demo/vocabulary.h"
#include "tessera/video/demo/words.h"

namespace tessera::video {
namespace {

constexpr ClipShape kShape = {16, 64, 128};

/// One plain object on plain ground.
Attributes one_object(Motion motion) {
  Attributes attributes;
  attributes.groups = {{ObjectShape::kSquare, ObjectFill::kPlain, 0, 1}};
  attributes.motion = motion;
  attributes.ground_colour = 2;
  return attributes;
}

TEST(Attributes, PromptsHoldOnlyKnownWordsAndFit) {
  const auto vocabulary = demo_vocabulary();
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto prompt = sample_attributes(random).prompt;
    std::istringstream words(prompt);
    size_t count = 0;
    for (std::string word; words >> word; ++count) {
      EXPECT_EQ(std::count(vocabulary.begin(), vocabulary.end(), word), 1) << prompt;
    }
    EXPECT_LE(count, kMaxPromptWords) << prompt;
  }
}

TEST(Attributes, WhatIsThereIsSaid) {
  Random random(2);
  for (int i = 0; i < 2000; ++i) {
    const auto scene = sample_attributes(random);
    EXPECT_EQ(scene.has_bars, scene.prompt.find("behind bars") != std::string::npos);
    EXPECT_EQ(scene.panning != Panning::kNone, scene.prompt.find("camera") != std::string::npos);
    EXPECT_EQ(scene.groups.size() == 2, scene.prompt.find(" and ") != std::string::npos);
  }
}

TEST(Attributes, ObjectsDifferFromTheGroundAndEachOther) {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const auto scene = sample_attributes(random);
    for (const auto& group : scene.groups) EXPECT_NE(group.colour, scene.ground_colour);
    if (scene.groups.size() < 2) continue;
    EXPECT_NE(scene.groups[0].colour, scene.groups[1].colour);
    EXPECT_NE(scene.groups[0].shape, scene.groups[1].shape);
  }
}

class SceneOfMotion : public testing::TestWithParam<int> {};

TEST_P(SceneOfMotion, KeepsObjectsInTheFrame) {
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    Attributes attributes = sample_attributes(random);
    attributes.motion = static_cast<Motion>(GetParam());
    const ClipShape shape = {16, 64, i % 3 == 0 ? 64 : 128};
    const float width = static_cast<float>(shape.width) / static_cast<float>(shape.height);
    for (const auto& object : make_scene(attributes, shape, random).objects) {
      for (const auto& pose : object.path) {
        ASSERT_GE(pose.x, pose.radius) << i;
        ASSERT_LE(pose.x, width - pose.radius) << i;
        ASSERT_GE(pose.y, pose.radius) << i;
        ASSERT_LE(pose.y, 1 - pose.radius) << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, SceneOfMotion, testing::Range(0, int{kMotionWords.size()}));

TEST(Scene, HasTheObjectsOfItsAttributes) {
  Attributes attributes = one_object(Motion::kStill);
  attributes.groups[0].count = 3;
  Random random(5);
  const auto scene = make_scene(attributes, kShape, random);
  ASSERT_EQ(scene.objects.size(), 3u);
  EXPECT_EQ(scene.objects[0].path.size(), 16u);
  EXPECT_EQ(scene.camera.size(), 16u);
}

TEST(Scene, GrowingDoublesTheRadius) {
  Random random(6);
  const auto path = make_scene(one_object(Motion::kGrowing), kShape, random).objects[0].path;
  EXPECT_NEAR(path.back().radius / path.front().radius, 2, 1e-5);
}

TEST(Scene, SpinningTurnsInPlace) {
  Random random(7);
  const auto path = make_scene(one_object(Motion::kSpinning), kShape, random).objects[0].path;
  EXPECT_GT(std::abs(path.back().angle - path.front().angle), 2.3f);
  EXPECT_EQ(path.back().x, path.front().x);
}

TEST(Scene, CameraThatPansLeftMovesTheSceneRight) {
  Attributes attributes = one_object(Motion::kStill);
  attributes.panning = Panning::kLeft;
  Random random(8);
  const auto scene = make_scene(attributes, kShape, random);
  EXPECT_GT(scene.camera.back(), 0.2f);
  const auto& path = scene.objects[0].path;
  EXPECT_NEAR(path.back().x - path.front().x, scene.camera.back(), 1e-5);
}

TEST(Scene, WindowOfAFilmMovesAsSlowlyAsTheFilm) {
  Random film_random(9), window_random(9);
  const auto attributes = one_object(Motion::kRight);
  const auto film = make_scene(attributes, kShape, film_random).objects[0].path;
  const auto window = make_scene(attributes, {4, 64, 128, 16}, window_random).objects[0].path;
  ASSERT_EQ(window.size(), 4u);
  EXPECT_NEAR(window[3].x - window[0].x, film[3].x - film[0].x, 1e-5);
}

}  // namespace
}  // namespace tessera::video
