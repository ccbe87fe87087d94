#include "tessera/segmentation/demo_sam/evaluation.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/segmentation/demo_sam/evaluation_sets.h"
#include "tessera/segmentation/demo_sam/recipe.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

TEST(EvaluatePrompts, ScoresEachInstanceOnceAndTheOracleNoWorseThanTheRanking) {
  SamConfig config = tiny_sam_config();
  config.image_size = 64;
  Sam sam(config);
  sam.initialise(1);
  EvaluationOptions options;
  options.prompts_at_once = 2;  // chunks that do not come out even
  int64_t reports = 0;
  options.report = [&](const PromptScores& scores) { return ++reports == scores.num_pictures; };
  const PromptScores scores = evaluate_prompts(sam, held_out_scenes(64, 3, 3), options);
  EXPECT_EQ(reports, 3);
  EXPECT_GE(scores.num_instances, 3);
  EXPECT_LE(scores.num_instances, 9);
  EXPECT_GE(scores.one_point_oracle, scores.one_point);
  for (const double iou : {scores.one_point, scores.three_points, scores.box}) {
    EXPECT_GE(iou, 0);
    EXPECT_LE(iou, 1);
  }
}

TEST(EvaluatePrompts, RefusesASetWithoutInstances) {
  SamConfig config = tiny_sam_config();
  config.image_size = 64;
  Sam sam(config);
  EXPECT_THROW(evaluate_prompts(sam, [] { return std::nullopt; }), InvalidArgument);
}

media::LabelImage label_image(int height, int width) {
  media::LabelImage labels;
  labels.height = height;
  labels.width = width;
  labels.data.assign(size_t(height) * width, 0);
  return labels;
}

TEST(CutIntoPictures, AsksForEachInstanceOnceInTheSquareAroundIt) {
  auto labels = label_image(100, 300);
  const auto fill = [&](uint32_t label, int x0, int x1) {
    for (int y = 40; y < 50; ++y) {
      for (int x = x0; x < x1; ++x) labels.data[size_t(y) * 300 + x] = label;
    }
  };
  fill(70'000, 5, 15);  // any stored value
  fill(3, 95, 107);     // across the border between two squares of a plan without overlap
  fill(9, 280, 300);
  const auto pictures = cut_into_pictures(media::make_image(100, 300), labels, 100, 64, 0, 1);
  size_t asked = 0;
  for (const auto& picture : pictures) {
    EXPECT_EQ(picture.truth_side, 100);
    EXPECT_EQ(picture.planes.size(), 3u * 64 * 64);
    for (const uint16_t label : picture.instances) {
      ++asked;
      // All of it is visible here.
      const auto pixels = std::count(picture.labels.begin(), picture.labels.end(), label);
      EXPECT_EQ(pixels % 10, 0);
      EXPECT_GE(pixels, 100);
    }
  }
  EXPECT_EQ(asked, 3u);
}

TEST(CutIntoPictures, PadsASmallImageAroundItsMiddle) {
  auto labels = label_image(20, 40);
  labels.data[0] = 1;
  const auto pictures = cut_into_pictures(media::make_image(20, 40), labels, 0, 64, 0, 1);
  ASSERT_EQ(pictures.size(), 1u);
  EXPECT_EQ(pictures[0].truth_side, 40);
  EXPECT_EQ(pictures[0].labels[size_t(10) * 40], 1);
}

TEST(CutIntoPictures, TakesAtMostSoManyInstances) {
  auto labels = label_image(40, 40);
  for (uint32_t i = 0; i < 10; ++i) labels.data[size_t(4) * i * 40] = i + 1;
  const auto pictures = cut_into_pictures(media::make_image(40, 40), labels, 0, 64, 4, 1);
  EXPECT_EQ(pictures.at(0).instances.size(), 4u);
}

TEST(LabelledFiles, ListsEveryFileWithoutItsPartner) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "images");
  std::filesystem::create_directories(folder / "labels");
  for (const char* name : {"images/a.png", "images/b.png", "labels/a.png", "labels/c.png"})
    media::write_png(folder / name, media::make_image(4, 4));
  try {
    labelled_files(folder / "images", folder / "labels");
    FAIL();
  } catch (const IoError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("b.png: has no label map"), std::string::npos) << text;
    EXPECT_NE(text.find("c.png: has no image"), std::string::npos) << text;
  }
}

TEST(LabelledFiles, KeepsTheSplitThatIsWanted) {
  const testing::TemporaryFolder folder;
  for (const char* part : {"images", "labels"}) {
    std::filesystem::create_directories(folder / part);
    for (const char* name : {"a.png", "b.png"})
      media::write_png(folder / part / name, media::make_image(4, 4));
  }
  write_file(folder / "split.csv", "id,split\na,train\nb,test\n");
  const auto files =
      labelled_files(folder / "images", folder / "labels", folder / "split.csv", "test");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].image.stem(), "b");
}

}  // namespace
}  // namespace tessera::segmentation
