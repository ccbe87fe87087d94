#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/media/label_image.h"
#include "tessera/segmentation/generated/nuclei_like_set.h"
#include "tessera/segmentation/generated/scene.h"
#include "tessera/segmentation/metrics/otsu.h"
#include "tessera/segmentation/metrics/overlap.h"

namespace tessera::segmentation {
namespace {

std::vector<uint8_t> foreground(const Scene& scene) {
  std::vector<uint8_t> mask(scene.labels.size());
  std::transform(scene.labels.begin(), scene.labels.end(), mask.begin(),
                 [](uint16_t label) { return static_cast<uint8_t>(label != 0); });
  return mask;
}

TEST(NucleiLike, OneThresholdDoesNotFindThem) {
  constexpr int kPictures = 30;
  double dice = 0;
  for (uint64_t seed = 0; seed < kPictures; ++seed) {
    const Scene scene = make_nuclei_like(256, 256, seed);
    dice += overlap(otsu_mask(scene.image), foreground(scene)).dice;
  }
  EXPECT_LT(dice / kPictures, 0.4);
}

TEST(NucleiLike, NumberAndSizeAreAsPromised) {
  for (uint64_t seed = 100; seed < 120; ++seed) {
    const Scene scene = make_nuclei_like(256, 256, seed);
    EXPECT_GE(scene.num_instances, 10) << seed;
    EXPECT_LE(scene.num_instances, 40) << seed;
    EXPECT_EQ(scene.groups, std::vector<int>(scene.num_instances, 0));
    std::vector<int> areas(scene.num_instances + 1, 0);
    for (const uint16_t label : scene.labels) ++areas.at(label);
    EXPECT_LE(*std::max_element(areas.begin() + 1, areas.end()), 1257) << seed;  // a disc of 40
    EXPECT_GE(*std::min_element(areas.begin() + 1, areas.end()), 30) << seed;
  }
}

TEST(NucleiLike, SidesAreFreeAndChecked) {
  const Scene scene = make_nuclei_like(96, 160, 5);
  EXPECT_EQ(scene.image.height, 96);
  EXPECT_EQ(scene.image.width, 160);
  EXPECT_EQ(scene.labels.size(), 96u * 160u);
  EXPECT_THROW(make_nuclei_like(63, 256, 5), InvalidArgument);
  EXPECT_THROW(make_nuclei_like(256, 5000, 5), InvalidArgument);
}

TEST(NucleiLikeSet, HoldsPicturesMasksAndASplit) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "nuclei_like_set";
  std::filesystem::remove_all(folder);
  NucleiLikeSet set;
  set.num_train = 2;
  set.num_val = set.num_test = 1;
  set.height = set.width = 64;
  set.seed = 7;
  write_nuclei_like_set(folder, set);

  EXPECT_EQ(read_text(folder / "split.csv"),
            "id,split\nnuclei-000,train\nnuclei-001,train\nnuclei-002,val\nnuclei-003,test\n");
  const auto image = media::read_png(folder / "images" / "nuclei-003.png");
  const auto mask = media::read_label_image(folder / "masks" / "nuclei-003.png");
  EXPECT_EQ(image.width, 64);
  EXPECT_EQ(mask.width, 64);
  EXPECT_GT(*std::max_element(mask.data.begin(), mask.data.end()), 0u);
  std::filesystem::remove_all(folder);
}

TEST(NucleiLikeSet, EmptySetIsRefused) {
  NucleiLikeSet set;
  set.num_train = set.num_val = set.num_test = 0;
  EXPECT_THROW(write_nuclei_like_set("unused", set), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
