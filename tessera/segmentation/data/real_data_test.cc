// The checks and the training-free scores on public data sets, where TESSERA_DATA names them.
#include <algorithm>

#include <gtest/gtest.h>

#include "tessera/core/env.h"
#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/data/tiles.h"
#include "tessera/segmentation/metrics/otsu.h"
#include "tessera/segmentation/metrics/summary.h"

namespace tessera::segmentation {
namespace {

struct RealData : ::testing::Test {
  void SetUp() override {
    if (!env::data_folder()) GTEST_SKIP() << "TESSERA_DATA does not name a folder of data sets";
  }

  Dataset open(const char* name, const char* masks) {
    const std::filesystem::path folder = std::filesystem::path(*env::data_folder()) / name;
    const auto pool = make_thread_pool(2);
    DatasetSource source;
    source.images = folder / "images";
    source.masks = folder / masks;
    source.split_csv = folder / "split.csv";
    return open_dataset(source, *pool);
  }
};

TEST_F(RealData, NucleiPassTheChecksAndScoreAsKnown) {
  const Dataset data = open("dsb2018", "labels");
  EXPECT_EQ(data.size(), 664u);
  EXPECT_EQ(foreground_rule_name(data.foreground().rule), "nonzero");
  std::vector<ImageScore> otsu, all;
  std::vector<std::shared_ptr<const LoadedSample>> kept;
  std::vector<MaskView> masks;
  for (const size_t i : data.indices(Split::kTest)) {
    kept.push_back(data.load(i));
    const LoadedSample& sample = *kept.back();
    const int height = sample.image.height, width = sample.image.width;
    otsu.push_back(score_image(sample.id, height, width, otsu_mask(sample.image), sample.mask));
    all.push_back(score_image(sample.id, height, width, all_foreground(sample.image), sample.mask));
    masks.push_back({height, width, &sample.mask});
  }
  ASSERT_EQ(otsu.size(), 135u);
  EXPECT_NEAR(summarise(otsu).dice.mean, 0.865, 0.001);
  EXPECT_NEAR(summarise(all).dice.mean, 0.212, 0.001);
  EXPECT_NEAR(resolution_ceiling(masks, 0, 1, 256, 512), 0.989, 0.001);
  EXPECT_EQ(resolution_ceiling(masks, 256, default_stride(256), 256, 512), 1);
}

TEST_F(RealData, JpegMasksOfPolypsAreReadAbove127) {
  const Dataset data = open("kvasir_seg", "masks");
  EXPECT_EQ(data.size(), 1000u);
  EXPECT_EQ(foreground_rule_name(data.foreground().rule), "above:127");
}

TEST_F(RealData, MasksWithDarkOverlaysAreReadAbove127) {
  const Dataset data = open("cvc_clinicdb", "masks");
  EXPECT_EQ(data.size(), 612u);
  EXPECT_EQ(foreground_rule_name(data.foreground().rule), "above:127");
}

}  // namespace
}  // namespace tessera::segmentation
