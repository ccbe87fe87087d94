#include "tessera/segmentation/data/near_duplicates.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tessera/core/random.h"
#include "tessera/media/image_resize.h"

namespace tessera::segmentation {
namespace {

/// Soft blotches.
media::Image scene(uint64_t seed) {
  media::Image small = media::make_image(6, 8, 3);
  Random random(seed);
  for (uint8_t& value : small.data) value = static_cast<uint8_t>(random.below(256));
  return media::resize_bilinear_antialias(small, 90, 120);
}

TEST(NearDuplicates, AreFoundDespiteNoiseAndBrightness) {
  media::Image copy = scene(1);
  Random random(2);
  for (uint8_t& value : copy.data) {
    value = static_cast<uint8_t>(std::clamp<int64_t>(value * 9 / 10 + random.below(9), 0, 255));
  }
  EXPECT_TRUE(is_near_duplicate(fingerprint_of(scene(1)), fingerprint_of(copy)));
}

TEST(NearDuplicates, AreNotSeenInDifferentScenesOrSizes) {
  const Fingerprint first = fingerprint_of(scene(1));
  for (uint64_t seed = 2; seed < 30; ++seed) {
    EXPECT_FALSE(is_near_duplicate(first, fingerprint_of(scene(seed))));
  }
  const media::Image smaller = media::resize_bilinear_antialias(scene(1), 45, 60);
  EXPECT_FALSE(is_near_duplicate(first, fingerprint_of(smaller)));
}

TEST(NearDuplicates, FlatPicturesOfOneSizeMatch) {
  const Fingerprint flat = fingerprint_of(media::make_image(20, 20, 3));
  EXPECT_TRUE(is_near_duplicate(flat, flat));
}

}  // namespace
}  // namespace tessera::segmentation
