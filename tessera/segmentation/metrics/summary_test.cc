#include "tessera/segmentation/metrics/summary.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

std::vector<ImageScore> scores_of(const std::vector<double>& dice) {
  std::vector<ImageScore> scores;
  for (const double value : dice) {
    scores.push_back({concat("i", scores.size()), 2, 3, value, value / (2 - value), 4, 5});
  }
  return scores;
}

TEST(ScoreSummary, HoldsTheMomentsOfBothMetrics) {
  const ScoreSummary got = summarise(scores_of({0.5, 0.9, 0.2, 0.8}));
  EXPECT_EQ(got.num_images, 4);
  EXPECT_DOUBLE_EQ(got.dice.mean, 0.6);
  EXPECT_DOUBLE_EQ(got.dice.median, 0.65);
  EXPECT_DOUBLE_EQ(got.dice.worst_decile_mean, 0.2);
  EXPECT_DOUBLE_EQ(got.dice.lowest, 0.2);
  EXPECT_EQ(got.dice.lowest_id, "i2");
  EXPECT_LT(got.dice.interval.low, 0.6);
  EXPECT_GT(got.dice.interval.high, 0.6);
  EXPECT_DOUBLE_EQ(got.iou.lowest, 0.2 / 1.8);
}

TEST(ScoreSummary, RoundsTheWorstDecileUp) {
  std::vector<double> dice;
  for (int i = 0; i < 11; ++i) dice.push_back(0.1 * i);
  EXPECT_DOUBLE_EQ(summarise(scores_of(dice)).dice.worst_decile_mean, 0.05);
  dice.pop_back();
  EXPECT_DOUBLE_EQ(summarise(scores_of(dice)).dice.worst_decile_mean, 0);
}

TEST(ScoreSummary, NeedsAScore) { EXPECT_THROW(summarise({}), InvalidArgument); }

TEST(ImageScore, CountsBothMasks) {
  const std::vector<uint8_t> predicted = {1, 255, 0, 0, 1, 0}, truth = {1, 1, 1, 0, 0, 0};
  const ImageScore got = score_image("x", 2, 3, predicted, truth);
  EXPECT_EQ(got.truth_pixels, 3);
  EXPECT_EQ(got.predicted_pixels, 3);
  EXPECT_DOUBLE_EQ(got.iou, 0.5);
  EXPECT_THROW(score_image("x", 2, 2, predicted, truth), InvalidArgument);
}

TEST(WorstFirst, OrdersByDiceThenId) {
  std::vector<ImageScore> scores = scores_of({0.5, 0.2, 0.5});
  scores[0].id = "z";
  EXPECT_EQ(worst_first(scores), (std::vector<size_t>{1, 2, 0}));
}

TEST(ScoresCsv, HasARowAnImageAndQuotesIds) {
  const testing::TemporaryFolder folder;
  std::vector<ImageScore> scores = scores_of({0.5, 1});
  scores[1].id = "a, \"b\"";
  write_scores_csv(folder / "scores.csv", scores);
  EXPECT_EQ(read_text(folder / "scores.csv"),
            "id,height,width,dice,iou,truth_pixels,predicted_pixels\n"
            "i0,2,3,0.500000,0.333333,4,5\n"
            "\"a, \"\"b\"\"\",2,3,1.000000,1.000000,4,5\n");
}

TEST(SummaryJson, NamesItsSchemaAndReadsBack) {
  const auto json = nlohmann::json::parse(summary_json(summarise(scores_of({0.5, 0.75}))));
  EXPECT_EQ(json.at("schema"), "tessera.segmentation_scores/1");
  EXPECT_EQ(json.at("num_images"), 2);
  EXPECT_EQ(json.at("dice").at("mean"), 0.625);
  EXPECT_EQ(json.at("dice").at("interval").size(), 2u);
  EXPECT_EQ(json.at("iou").at("lowest_id"), "i0");
}

}  // namespace
}  // namespace tessera::segmentation
