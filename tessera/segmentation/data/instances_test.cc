#include "tessera/segmentation/data/instances.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

using Values = std::vector<uint32_t>;

TEST(Instances, PatchesThatTouchAtACornerAreOne) {
  EXPECT_EQ(connected_patches({1, 0, 0,  //
                               0, 1, 0,  //
                               0, 0, 0},
                              3, 3),
            (Values{1, 0, 0, 0, 1, 0, 0, 0, 0}));
}

TEST(Instances, NumbersThatTouchStayApartAndPatchesOfOneNumberToo) {
  EXPECT_EQ(connected_patches({7, 7, 4, 0, 7}, 1, 5), (Values{1, 1, 2, 0, 3}));
}

TEST(Instances, ARowsEndDoesNotTouchTheNextRowsStart) {
  EXPECT_EQ(connected_patches({0, 0, 5,  //
                               0, 0, 0,  //
                               5, 0, 0},
                              3, 3),
            (Values{0, 0, 1, 0, 0, 0, 2, 0, 0}));
}

TEST(Instances, AboveAThresholdGreysCountAsOneValue) {
  media::LabelImage mask;
  mask.height = 1;
  mask.width = 5;
  mask.data = {255, 250, 3, 0, 255};
  EXPECT_EQ(instances_of(mask, {ForegroundRule::Kind::kAbove, 127}), (Values{1, 1, 0, 0, 2}));
  EXPECT_EQ(instances_of(mask, {ForegroundRule::Kind::kNonzero}), (Values{1, 2, 3, 0, 4}));
}

TEST(Instances, SizesThatDisagreeAreRefused) {
  EXPECT_THROW(connected_patches({1, 2}, 1, 3), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
