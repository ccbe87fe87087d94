#include "tessera/segmentation/generated/scene.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::segmentation {
namespace {

std::string digest(const Scene& scene) {
  return sha256(std::as_bytes(std::span(scene.image.data))) + " " +
         sha256(std::as_bytes(std::span(scene.labels)));
}

std::vector<int> areas_of(const Scene& scene) {
  std::vector<int> areas(scene.num_instances + 1, 0);
  for (const uint16_t label : scene.labels) ++areas.at(label);
  return areas;
}

TEST(GeneratedScene, SameSeedGivesTheSamePictureEverywhere) {
  // Pinned: the numbers a training was made with must not depend on compiler or library.
  std::string all;
  for (uint64_t seed = 0; seed < 12; ++seed) all += digest(make_scene({.size = 128}, seed));
  EXPECT_EQ(sha256(std::as_bytes(std::span(all))),
            "c70bea723d8acd64f24887071c98bf7ed772f97365f381d05c8bf21dccb6cffe");
  EXPECT_EQ(digest(make_nuclei_like(64, 96, 3)),
            "2a9b52f9d1462486dd577dfafdb2fe9242b8a9281b0982ab2a037b9b1cb817ee "
            "7a2b89a0e20a63d5bd214d1605535e3e18271eb74c0c3a12f0e8bf83262afab7");
}

TEST(GeneratedScene, SeedsDiffer) {
  std::set<std::string> digests;
  for (uint64_t seed = 0; seed < 20; ++seed) digests.insert(digest(make_scene({.size = 64}, seed)));
  EXPECT_EQ(digests.size(), 20u);
}

TEST(GeneratedScene, LabelsCountFromOneAndBelongToGroups) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Scene scene = make_scene({.size = 128}, seed);
    ASSERT_EQ(scene.labels.size(), 128u * 128u);
    ASSERT_EQ(scene.groups.size(), static_cast<size_t>(scene.num_instances));
    const auto areas = areas_of(scene);
    for (int label = 1; label <= scene.num_instances; ++label) EXPECT_GE(areas[label], 30) << seed;
    const std::set<int> groups(scene.groups.begin(), scene.groups.end());
    if (!groups.empty()) {
      EXPECT_EQ(*groups.begin(), 0);
      EXPECT_EQ(*groups.rbegin(), static_cast<int>(groups.size()) - 1);
      EXPECT_LE(groups.size(), 5u);
    }
  }
}

TEST(GeneratedScene, ObjectLimitHolds) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_LE(make_scene({.size = 128, .max_objects = 7}, seed).num_instances, 7);
  }
}

TEST(GeneratedScene, ManyScenesHoldManySmallObjects) {
  constexpr int kScenes = 40;
  int crowded = 0, empty = 0, dark = 0, grey = 0;
  for (uint64_t seed = 1000; seed < 1000 + kScenes; ++seed) {
    const Scene scene = make_scene({.size = 256}, seed);
    const auto areas = areas_of(scene);
    // Below 25 pixels across: 50 at 512.
    const auto small = std::count_if(areas.begin() + 1, areas.end(), [](int a) { return a < 491; });
    crowded += small >= 12;
    empty += scene.num_instances == 0;
    const auto& data = scene.image.data;
    dark += *std::max_element(data.begin(), data.end()) < 128;
    bool is_grey = true;
    for (size_t i = 0; i < data.size() && is_grey; i += 3) is_grey = data[i] == data[i + 1];
    grey += is_grey;
  }
  EXPECT_GE(crowded, kScenes / 3);
  EXPECT_LE(empty, 2);
  EXPECT_GE(dark, 1);
  EXPECT_GE(grey, kScenes / 8);
  EXPECT_LE(grey, kScenes / 2);
}

/// Mean colour of the pixels on both sides of an instance's border, two pixels apart.
struct Border {
  double inside[3] = {}, outside[3] = {};
  int count = 0;

  double contrast() const {
    double most = 0;
    for (int c = 0; c < 3; ++c) most = std::max(most, std::abs(inside[c] - outside[c]) / count);
    return most;
  }
};

TEST(GeneratedScene, LabelsLieWhereTheObjectsAreSeen) {
  constexpr int kSize = 256;
  std::vector<double> contrasts;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Scene scene = make_scene({.size = kSize}, seed);
    std::vector<Border> borders(scene.num_instances + 1);
    for (int y = 0; y < kSize; ++y) {
      for (int x = 0; x + 2 < kSize; ++x) {
        const size_t at = size_t(y) * kSize + x;
        const int left = scene.labels[at], right = scene.labels[at + 2];
        if (left == right) continue;
        for (int c = 0; c < 3; ++c) {
          const double a = scene.image.data[3 * at + c], b = scene.image.data[3 * (at + 2) + c];
          borders[left].inside[c] += a;
          borders[left].outside[c] += b;
          borders[right].inside[c] += b;
          borders[right].outside[c] += a;
        }
        ++borders[left].count;
        ++borders[right].count;
      }
    }
    for (const Border& border : std::span(borders).subspan(1)) {
      if (border.count >= 8) contrasts.push_back(border.contrast());
    }
  }
  std::sort(contrasts.begin(), contrasts.end());
  EXPECT_GT(contrasts[contrasts.size() / 2], 12);  // grey levels
  EXPECT_GT(contrasts[contrasts.size() / 10], 2);
}

TEST(GeneratedScene, SettingsAreChecked) {
  EXPECT_THROW(make_scene({.size = 63}, 1), InvalidArgument);
  EXPECT_THROW(make_scene({.size = 4096}, 1), InvalidArgument);
  EXPECT_THROW(make_scene({.size = 128, .max_objects = 0}, 1), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
