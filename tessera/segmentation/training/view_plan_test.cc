#include "tessera/segmentation/training/view_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tessera/segmentation/training/ordered_producer.h"
#include "tessera/segmentation/training/testing/toy_run.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;
using namespace segmentation::testing;

TEST(ViewPlan, ShowsLargeImagesMoreOftenUpToTheCap) {
  const TemporaryFolder folder;
  const Dataset dataset = toy_dataset(folder.path(), 4, 20, /*side=*/160);
  AutoSamSettings settings = toy_settings();
  settings.min_views_per_epoch = 1;
  settings.batch = 1;
  settings.max_tiles_per_image = 4;
  EXPECT_EQ(ViewPlan(dataset, {0, 1, 2}, settings, 64, true).steps_per_epoch(), 3 * 4);
  EXPECT_EQ(ViewPlan(dataset, {0, 1, 2}, settings, 128, true).steps_per_epoch(), 3 * 2);
  EXPECT_EQ(ViewPlan(dataset, {0, 1, 2}, settings, 0, true).steps_per_epoch(), 3);
  settings.min_views_per_epoch = 10;
  EXPECT_EQ(ViewPlan(dataset, {0, 1, 2}, settings, 0, true).steps_per_epoch(), 12);
}

TEST(ViewPlan, GoesThroughAllKeptViewsBeforeItRepeatsOne) {
  const TemporaryFolder folder;
  const Dataset dataset = toy_dataset(folder.path(), 4);
  AutoSamSettings settings = toy_settings();
  settings.views_per_image = 5;
  settings.min_views_per_epoch = 1;
  settings.batch = 1;
  const ViewPlan plan(dataset, {0, 1}, settings, 64, true);
  std::map<size_t, std::multiset<int>> seen;
  for (int epoch = 1; epoch <= 10; ++epoch)
    for (const auto& draw : plan.epoch(epoch)) seen[draw.image].insert(draw.view);
  for (const auto& [image, views] : seen)
    for (int view = 0; view < 5; ++view) EXPECT_EQ(views.count(view), 2u);
  EXPECT_EQ(plan.all_views().size(), 10u);
}

TEST(ViewPlan, IsAFunctionOfSeedAndEpoch) {
  const TemporaryFolder folder;
  const Dataset dataset = toy_dataset(folder.path(), 8);
  AutoSamSettings settings = toy_settings();
  const std::vector<size_t> images = {0, 1, 2, 4, 5, 6};
  const ViewPlan plan(dataset, images, settings, 64, false);
  EXPECT_EQ(plan.epoch(3), ViewPlan(dataset, images, settings, 64, false).epoch(3));
  EXPECT_NE(plan.epoch(3), plan.epoch(4));
  settings.seed = 2;
  EXPECT_NE(plan.epoch(3), ViewPlan(dataset, images, settings, 64, false).epoch(3));
  EXPECT_TRUE(plan.all_views().empty());
}

TEST(OrderedProducer, HandsOutInOrderWhateverTheThreads) {
  for (const int threads : {0, 1, 3}) {
    OrderedProducer<int64_t> producer(5, 40, threads, 4, [](int64_t i) { return i * i; });
    for (int64_t i = 5; i < 40; ++i) EXPECT_EQ(producer.next(), i * i);
  }
}

TEST(OrderedProducer, PassesOnWhatTheMakerThrowsAndStopsHalfway) {
  OrderedProducer<int> producer(0, 100, 2, 3, [](int64_t i) {
    if (i == 2) throw std::runtime_error("two");
    return static_cast<int>(i);
  });
  EXPECT_EQ(producer.next(), 0);
  EXPECT_EQ(producer.next(), 1);
  EXPECT_THROW(producer.next(), std::runtime_error);
  EXPECT_EQ(producer.next(), 3);
}

}  // namespace
}  // namespace tessera::segmentation
