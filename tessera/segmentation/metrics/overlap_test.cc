#include "tessera/segmentation/metrics/overlap.h"

#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

TEST(Overlap, CountsPixels) {
  const std::vector<uint8_t> predicted = {1, 255, 0, 0, 1, 0};
  const std::vector<uint8_t> truth = {1, 1, 1, 0, 0, 0};
  const Overlap got = overlap(predicted, truth);
  EXPECT_DOUBLE_EQ(got.dice, 2.0 * 2 / (3 + 3));
  EXPECT_DOUBLE_EQ(got.iou, 2.0 / 4);
}

TEST(Overlap, TwoEmptyMasksAgreeAndOneEmptyMaskDoesNot) {
  const std::vector<uint8_t> empty(4, 0), full(4, 1);
  EXPECT_EQ(overlap(empty, empty).dice, 1.0);
  EXPECT_EQ(overlap(empty, empty).iou, 1.0);
  EXPECT_EQ(overlap(empty, full).dice, 0.0);
  EXPECT_EQ(overlap(full, empty).iou, 0.0);
}

TEST(Overlap, RefusesMasksOfDifferentSizes) {
  const std::vector<uint8_t> small(4), large(5);
  EXPECT_THROW(overlap(small, large), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
