#include "tessera/segmentation/demo_sam/scene_batches.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tessera/segmentation/demo_sam/prompts.h"

namespace tessera::segmentation {
namespace {

SceneStream small_stream() {
  SceneStream stream;
  stream.scenes = {.size = 64, .max_objects = 8};
  stream.batch = 2;
  stream.pool = 5;
  return stream;
}

bool are_equal(const SceneBatch& a, const SceneBatch& b) {
  return at::equal(a.images, b.images) && at::equal(a.labels, b.labels) &&
         at::equal(a.numbers, b.numbers);
}

TEST(SceneBatches, AreTheSameWithAndWithoutThreads) {
  SceneStream stream = small_stream();
  stream.uses_per_scene = 2;
  SceneBatches alone(stream, 0);
  stream.num_threads = 3;
  SceneBatches threaded(stream, 0);
  for (int step = 0; step < 6; ++step) EXPECT_TRUE(are_equal(alone.next(), threaded.next()));
}

TEST(SceneBatches, ContinueAtAnyStep) {
  for (const double uses : {1.0, 2.5}) {
    SceneStream stream = small_stream();
    stream.uses_per_scene = uses;
    SceneBatches whole(stream, 0);
    for (int step = 0; step < 7; ++step) whole.next();
    SceneBatches resumed(stream, 7);
    EXPECT_TRUE(are_equal(whole.next(), resumed.next())) << uses;
  }
}

TEST(SceneBatches, DifferByRankAndStep) {
  SceneStream stream = small_stream();
  SceneBatches first(stream, 0);
  stream.rank = 1;
  SceneBatches second(stream, 0);
  const auto a = first.next(), b = second.next(), c = first.next();
  EXPECT_FALSE(at::equal(a.images, b.images));
  EXPECT_FALSE(at::equal(a.images, c.images));
}

TEST(SceneBatches, TurnBoxesWithTheirScene) {
  SceneStream stream = small_stream();
  stream.batch = 8;
  stream.pool = 8;
  stream.targets = {.points = 0, .boxes = 4, .guided = 1};
  SceneBatches batches(stream, 0);
  const SceneBatch batch = batches.next();
  const auto tables = split_numbers(batch.numbers, 8, stream.targets);
  const auto masks = masks_of(batch.labels, tables.boxes, 64) > 0;
  for (int64_t i = 0; i < masks.size(0); ++i) {
    const auto pixels = at::nonzero(masks[i][0]).to(at::kFloat);  // y, x
    ASSERT_GT(pixels.size(0), 0);
    const auto low = std::get<0>(pixels.min(0)), high = std::get<0>(pixels.max(0));
    const auto box = tables.drawn_boxes[i];
    // Noise moves a corner by at most 20 pixels of 1024.
    const float limit = 20.0f * 64 / 1024 + 1e-4f;
    for (int64_t k = 0; k < 2; ++k) {
      EXPECT_NEAR(box[k].item<float>(), low[1 - k].item<float>(), limit);
      EXPECT_NEAR(box[k + 2].item<float>(), high[1 - k].item<float>(), limit);
    }
  }
}

}  // namespace
}  // namespace tessera::segmentation
