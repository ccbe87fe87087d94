#include "tessera/segmentation/metrics/otsu.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::segmentation {
namespace {

media::Image grey(std::vector<uint8_t> values) {
  media::Image image = media::make_image(1, static_cast<int>(values.size()), 1);
  image.data = std::move(values);
  return image;
}

/// The lowest threshold of least summed within-class variance, by definition.
int direct_threshold(const std::vector<uint8_t>& values) {
  int best = -1;
  double least = 0;
  for (int t = 0; t < 255; ++t) {
    double within = 0;
    bool has_both = true;
    for (const bool upper : {false, true}) {
      double count = 0, mean = 0;
      for (const uint8_t v : values) {
        if ((v > t) == upper) {
          ++count;
          mean += v;
        }
      }
      has_both &= count > 0;
      mean /= count;
      for (const uint8_t v : values) within += (v > t) == upper ? (v - mean) * (v - mean) : 0;
    }
    if (has_both && (best < 0 || within < least - 1e-6)) {
      best = t;
      least = within;
    }
  }
  return best;
}

TEST(Otsu, MatchesTheDefinition) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Random random(seed);
    std::vector<uint8_t> values(61);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<uint8_t>(random.below(120) + (i < 20 ? 100 : 0));
    }
    const int threshold = direct_threshold(values);
    int bright = 0;
    for (const uint8_t value : values) bright += value > threshold;
    const std::vector<uint8_t> got = otsu_mask(grey(values));
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(got[i] != 0, (values[i] > threshold) == (2 * bright <= 61)) << seed;
    }
  }
}

TEST(Otsu, TakesTheSmallerSideAndTheBrighterOfTwoEqual) {
  EXPECT_EQ(otsu_mask(grey({9, 9, 9, 200})), (std::vector<uint8_t>{0, 0, 0, 1}));
  EXPECT_EQ(otsu_mask(grey({9, 200, 200, 200})), (std::vector<uint8_t>{1, 0, 0, 0}));
  EXPECT_EQ(otsu_mask(grey({9, 200})), (std::vector<uint8_t>{0, 1}));
}

TEST(Otsu, TakesTheLowestOfEqualThresholds) {
  EXPECT_EQ(otsu_mask(grey({0, 100, 200})), (std::vector<uint8_t>{1, 0, 0}));
}

TEST(Otsu, OfOneGreyIsEmpty) {
  EXPECT_EQ(otsu_mask(grey({7, 7, 7})), (std::vector<uint8_t>{0, 0, 0}));
  EXPECT_EQ(otsu_mask(grey({255, 255})), (std::vector<uint8_t>{0, 0}));
}

TEST(Otsu, WeighsColoursByRec601) {
  media::Image image = media::make_image(1, 3, 3);
  image.data = {0, 0, 255, 0, 0, 255, 0, 255, 0};
  EXPECT_EQ(otsu_mask(image), (std::vector<uint8_t>{0, 0, 1}));
  EXPECT_THROW(otsu_mask(media::make_image(2, 2, 4)), InvalidArgument);
}

TEST(AllForeground, IsEveryPixel) {
  EXPECT_EQ(all_foreground(media::make_image(2, 3, 3)), std::vector<uint8_t>(6, 1));
}

}  // namespace
}  // namespace tessera::segmentation
