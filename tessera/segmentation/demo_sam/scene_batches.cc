#include "tessera/segmentation/demo_sam/scene_batches.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <ATen/ops/empty.h>

#include "tessera/core/error.h"
#include "tessera/nn/training/training_run.h"
#include "tessera/segmentation/demo_sam/prompts.h"

namespace tessera::segmentation {
namespace {

constexpr int64_t kTableSize = std::tuple_size_v<LabelTable>;
constexpr int kUseOfTargets = 1;  // in step_seed; the trainer has its own numbers

int64_t numbers_of(int64_t batch, const TargetCounts& targets) {
  return batch * (kTableSize * (targets.total() + targets.guided) + 4 * targets.boxes +
                  kSpoilingSize * targets.guided);
}

/// Writes the turned copy of one scene.
void copy_turned(const PreparedScene& scene, const Turn& turn, uint8_t* rgb, uint8_t* labels) {
  const int size = scene.size;
  for (int y = 0; y < size; ++y) {
    const auto [y0, x0] = turn.source_of(y, 0, size);
    const auto [y1, x1] = turn.source_of(y, 1, size);
    const int64_t stride = (y1 - y0) * int64_t{size} + (x1 - x0);
    int64_t source = y0 * int64_t{size} + x0;
    for (int x = 0; x < size; ++x, source += stride) {
      const uint8_t* pixel = scene.rgb.data() + 3 * source;
      *rgb++ = pixel[0];
      *rgb++ = pixel[1];
      *rgb++ = pixel[2];
      *labels++ = scene.labels[source];
    }
  }
}

}  // namespace

BatchTables split_numbers(const at::Tensor& numbers, int64_t batch, const TargetCounts& targets) {
  int64_t begin = 0;
  const auto take = [&](int64_t rows, int64_t columns) {
    const at::Tensor part = numbers.narrow(0, begin, rows * columns).view({rows, columns});
    begin += rows * columns;
    return part;
  };
  BatchTables tables;
  tables.points = take(batch * targets.points, kTableSize);
  tables.boxes = take(batch * targets.boxes, kTableSize);
  tables.guided = take(batch * targets.guided, kTableSize);
  tables.evidence = take(batch * targets.guided, kTableSize);
  tables.drawn_boxes = take(batch * targets.boxes, 4);
  tables.spoilings = take(batch * targets.guided, kSpoilingSize);
  return tables;
}

SceneBatches::SceneBatches(const SceneStream& stream, int64_t first_step) : stream_(stream) {
  TESSERA_CHECK(stream.batch >= 1 && stream.uses_per_scene >= 1 && stream.pool >= stream.batch,
                "[SceneBatches] batch and uses_per_scene must be >= 1 and the pool hold a batch, "
                "got: ",
                stream.batch, ", ", stream.uses_per_scene, " and ", stream.pool);
  window_begin_ = pool_begin(first_step);
  const uint64_t seed = nn::step_seed(stream.seed, 0, stream.rank, 0);
  scenes_ = std::make_unique<OrderedProducer<std::shared_ptr<const PreparedScene>>>(
      window_begin_, std::numeric_limits<int64_t>::max(), stream.num_threads,
      std::max<int64_t>(4 * stream.num_threads, 2 * stream.batch),
      [settings = stream.scenes, seed](int64_t index) {
        return std::make_shared<const PreparedScene>(make_prepared_scene(settings, seed, index));
      });
  // One thread, since a batch's scenes must be taken in order.
  batches_ = std::make_unique<OrderedProducer<SceneBatch>>(
      first_step, std::numeric_limits<int64_t>::max(), stream.num_threads > 0 ? 1 : 0, 3,
      [this](int64_t step) { return make_batch(step); });
}

int64_t SceneBatches::pool_end(int64_t step) const {
  const double new_scenes = static_cast<double>(stream_.batch) / stream_.uses_per_scene;
  return stream_.batch + static_cast<int64_t>(std::ceil(new_scenes * static_cast<double>(step)));
}

int64_t SceneBatches::pool_begin(int64_t step) const {
  // With one use each, a batch is the next scenes in order.
  const int64_t size = stream_.uses_per_scene == 1 ? stream_.batch : stream_.pool;
  return std::max<int64_t>(0, pool_end(step) - size);
}

const PreparedScene& SceneBatches::pick(int64_t step, int64_t place, Random& random) {
  const int64_t begin = pool_begin(step), end = pool_end(step);
  while (window_begin_ < begin) {
    window_.pop_front();
    ++window_begin_;
  }
  while (window_begin_ + static_cast<int64_t>(window_.size()) < end)
    window_.push_back(scenes_->next());
  const int64_t chosen =
      stream_.uses_per_scene == 1 ? begin + place : begin + random.below(end - begin);
  return *window_[static_cast<size_t>(chosen - window_begin_)];
}

SceneBatch SceneBatches::make_batch(int64_t step) {
  Random random(nn::step_seed(stream_.seed, step, stream_.rank, kUseOfTargets));
  const int64_t batch = stream_.batch, size = stream_.scenes.size;
  const auto options = [&](at::ScalarType type) {
    return at::TensorOptions().dtype(type).pinned_memory(stream_.is_page_locked);
  };
  const TargetCounts& counts = stream_.targets;
  SceneBatch result{at::empty({batch, size, size, 3}, options(at::kByte)),
                    at::empty({batch, size, size}, options(at::kByte)),
                    at::empty({numbers_of(batch, counts)}, options(at::kFloat))};
  const BatchTables tables = split_numbers(result.numbers, batch, counts);
  const auto write = [](const at::Tensor& table, int64_t row, const auto& values) {
    std::copy(values.begin(), values.end(), table.mutable_data_ptr<float>() + row * table.size(1));
  };
  for (int64_t i = 0; i < batch; ++i) {
    const PreparedScene& scene = pick(step, i, random);
    const Turn turn = Turn::draw(random);
    copy_turned(scene, turn, result.images.mutable_data_ptr<uint8_t>() + i * size * size * 3,
                result.labels.mutable_data_ptr<uint8_t>() + i * size * size);
    const auto targets = draw_interactive(scene, counts.points + counts.boxes, random);
    for (int64_t j = 0; j < counts.points; ++j)
      write(tables.points, i * counts.points + j, targets[j].members);
    for (int64_t j = 0; j < counts.boxes; ++j) {
      const InteractiveTarget& target = targets[counts.points + j];
      write(tables.boxes, i * counts.boxes + j, target.members);
      write(tables.drawn_boxes, i * counts.boxes + j, turn(target.drawn_box, scene.size));
    }
    for (int64_t j = 0; j < counts.guided; ++j) {
      const GuidedTarget target = draw_guided(scene, random);
      write(tables.guided, i * counts.guided + j, target.members);
      write(tables.evidence, i * counts.guided + j, target.evidence);
      write(tables.spoilings, i * counts.guided + j, spoiling_row(target.spoiling));
    }
  }
  return result;
}

Turn Turn::draw(Random& random) {
  const int64_t which = random.below(8);
  return {(which & 1) != 0, (which & 2) != 0, (which & 4) != 0};
}

std::pair<int, int> Turn::source_of(int y, int x, int size) const {
  if (is_upside_down) y = size - 1 - y;
  if (is_mirrored) x = size - 1 - x;
  return is_transposed ? std::pair(x, y) : std::pair(y, x);
}

PixelBox Turn::operator()(const PixelBox& box, int size) const {
  PixelBox result = box;
  const auto far = static_cast<float>(size - 1);
  if (is_transposed) result = {result[1], result[0], result[3], result[2]};
  if (is_mirrored) result = {far - result[2], result[1], far - result[0], result[3]};
  if (is_upside_down) result = {result[0], far - result[3], result[2], far - result[1]};
  return result;
}

}  // namespace tessera::segmentation
