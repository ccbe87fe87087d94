#include "tessera/segmentation/demo_sam/targets.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

const PreparedScene& small_scene() {
  static const PreparedScene scene = make_prepared_scene({.size = 128, .max_objects = 30}, 4, 0);
  return scene;
}

TEST(PreparedScene, HoldsTheBoxOfEachInstance) {
  const PreparedScene& scene = small_scene();
  ASSERT_FALSE(scene.boxes.empty());
  for (size_t i = 0; i < scene.boxes.size(); ++i) {
    const PixelBox& box = scene.boxes[i];
    std::set<int> touched;  // edges that a pixel of the instance lies on
    for (int y = 0; y < scene.size; ++y) {
      for (int x = 0; x < scene.size; ++x) {
        if (scene.labels[size_t(y) * scene.size + x] != i + 1) continue;
        EXPECT_TRUE(x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
        if (x == box[0]) touched.insert(0);
        if (y == box[1]) touched.insert(1);
        if (x == box[2]) touched.insert(2);
        if (y == box[3]) touched.insert(3);
      }
    }
    EXPECT_EQ(touched.size(), 4u);
  }
}

TEST(PreparedScene, IsAFunctionOfSeedAndIndex) {
  const PreparedScene again = make_prepared_scene({.size = 128, .max_objects = 30}, 4, 0);
  EXPECT_EQ(again.rgb, small_scene().rgb);
  EXPECT_NE(make_prepared_scene({.size = 128, .max_objects = 30}, 4, 1).rgb, again.rgb);
}

TEST(PreparedScene, RefusesASceneWithoutInstances) {
  Scene scene;
  scene.image = media::make_image(8, 8);
  scene.labels.assign(64, 0);
  EXPECT_THROW(prepare(scene), InvalidArgument);
}

TEST(NoisyBox, MovesByATenthOfTheSideAndNoFurtherThanTheLimit) {
  Random random(1);
  const PixelBox box = {100, 200, 179, 439};  // 80 x 240
  double squares[4] = {};
  constexpr int kCount = 4000;
  for (int i = 0; i < kCount; ++i) {
    const PixelBox noisy = with_noise(box, 1024, random);
    for (int k = 0; k < 4; ++k) {
      const double moved = noisy[k] - box[k];
      EXPECT_LE(std::abs(moved), 20);
      squares[k] += moved * moved / kCount;
    }
  }
  EXPECT_NEAR(std::sqrt(squares[0]), 7.8, 0.4);   // 8, the tails clamped
  EXPECT_NEAR(std::sqrt(squares[1]), 15.4, 0.7);  // 24, clamped to 20
}

TEST(NoisyBox, StaysInThePictureAndKeepsAnArea) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    const PixelBox noisy = with_noise({0, 500, 3, 511}, 512, random);
    EXPECT_GE(noisy[0], 0);
    EXPECT_LE(noisy[3], 511);
    EXPECT_GE(noisy[2], noisy[0] + 1);
    EXPECT_GE(noisy[3], noisy[1] + 1);
  }
}

TEST(InteractiveTargets, AreDifferentWhileThereAreInstancesLeft) {
  const PreparedScene& scene = small_scene();
  const int count = static_cast<int>(scene.boxes.size());
  Random random(3);
  const auto targets = draw_interactive(scene, count + 2, random);
  std::set<int> first;
  for (int i = 0; i < count; ++i) first.insert(targets[i].label);
  EXPECT_EQ(static_cast<int>(first.size()), count);
  for (const auto& target : targets) EXPECT_EQ(target.members[target.label], 1);
}

TEST(InteractiveTargets, HaveExactBoxesMostly) {
  const PreparedScene& scene = small_scene();
  Random random(5);
  int exact = 0;
  constexpr int kCount = 2000;
  for (const auto& target : draw_interactive(scene, kCount, random))
    exact += target.drawn_box == scene.boxes[target.label - 1];
  // Four deviations of a share of 2000 are .043; noise that the edges clamp away may add some.
  EXPECT_GT(exact, (kExactBoxes - 0.043) * kCount);
  EXPECT_LT(exact, (kExactBoxes + 0.15) * kCount);
}

TEST(GuidedTargets, AreNeverEmptyAndMostlySaidRightly) {
  const PreparedScene& scene = small_scene();
  Random random(4);
  int right = 0, all = 0, groups = 0;
  for (int i = 0; i < 300; ++i) {
    const GuidedTarget target = draw_guided(scene, random);
    const auto members = std::count(target.members.begin(), target.members.end(), 1.0f);
    EXPECT_GE(members, 1);
    EXPECT_EQ(target.members[0], 0);
    EXPECT_LT(target.evidence[0], 0);
    groups += members > 1;
    bool has_one = false;
    for (size_t label = 1; label <= scene.boxes.size(); ++label) {
      const bool is_right = (target.evidence[label] > 0) == (target.members[label] > 0);
      right += is_right;
      ++all;
      has_one |= target.evidence[label] > 0 && target.members[label] > 0;
    }
    EXPECT_TRUE(has_one);
  }
  EXPECT_GT(right, 0.85 * all);
  EXPECT_LT(right, all);
  EXPECT_GT(groups, 100);
}

}  // namespace
}  // namespace tessera::segmentation
