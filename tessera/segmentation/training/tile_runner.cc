#include "tessera/segmentation/training/tile_runner.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/segmentation/training/turns.h"

namespace tessera::segmentation {

struct TileRunner::Work {
  Work(size_t index, PreparedImage prepared, const TileSettings& settings)
      : index(index),
        image(std::move(prepared)),
        blender(image.plan, settings.mask_size, settings.picture_size),
        left(image.num_items()) {}

  /// A tile's logits; over several turns their mean goes into the image.
  void add(const PreparedTile& item, std::span<const float> logits, int side) {
    --left;
    if (image.num_turns == 1) return blender.add(item.tile, logits);
    const auto upright = turned(logits, side, inverse_turn(item.turn));
    auto& [sum, count] = sums[item.tile];
    sum.resize(upright.size());
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += upright[i];
    if (++count < image.num_turns) return;
    for (float& value : sum) value /= static_cast<float>(count);
    blender.add(item.tile, sum);
    sums.erase(item.tile);
  }

  size_t index;
  PreparedImage image;
  TileBlender blender;
  size_t left;  // items
  std::map<size_t, std::pair<std::vector<float>, int>> sums;
};

TileRunner::TileRunner(const TileSettings& settings, int batch, int num_threads, Network network)
    : settings_(settings),
      batch_(static_cast<size_t>(batch)),
      num_threads_(num_threads),
      network_(std::move(network)) {
  TESSERA_CHECK(batch >= 1, "[predict] batch must be >= 1, got: ", batch);
  if (settings_.stride == 0) settings_.stride = default_stride(settings_.tile);
}

void TileRunner::run(size_t count, const Predictor::Load& load, const TakeLogits& take) {
  OrderedProducer<PreparedImage> images(
      0, static_cast<int64_t>(count), num_threads_, num_threads_ + 1,
      [&](int64_t index) { return prepare_image(load(static_cast<size_t>(index)), settings_); });
  for (size_t index = 0; index < count; ++index) {
    const auto work = std::make_shared<Work>(index, images.next(), settings_);
    open_.push_back(work);
    for (auto& warning : work->image.warnings) warnings_.push_back(std::move(warning));
    auto first = std::move(work->image.first);
    const auto num_first = static_cast<int64_t>(first.size());
    for (auto& item : first) queue(work, std::move(item));
    const auto num_items = static_cast<int64_t>(work->image.num_items());
    if (num_items > num_first) {
      OrderedProducer<PreparedTile> rest(
          num_first, num_items, num_threads_, 2 * num_threads_, [&](int64_t item) {
            return prepare_tile(*work->image.sample, work->image.plan, static_cast<size_t>(item),
                                settings_, nullptr);
          });
      for (int64_t item = num_first; item < num_items; ++item) queue(work, rest.next());
    }
    hand_out(take, /*is_last=*/index + 1 == count);
  }
}

void TileRunner::queue(const std::shared_ptr<Work>& work, PreparedTile item) {
  items_.push_back(std::move(item));
  owners_.push_back(work);
  if (items_.size() == batch_) flush();
}

void TileRunner::flush() {
  if (items_.empty()) return;
  const at::Tensor logits = network_(items_).contiguous();
  const auto side = static_cast<int>(logits.size(3));
  const size_t area = size_t{1} * side * side;
  const std::span<const float> all(logits.const_data_ptr<float>(), items_.size() * area);
  for (size_t i = 0; i < items_.size(); ++i)
    owners_[i]->add(items_[i], all.subspan(i * area, area), side);
  items_.clear();
  owners_.clear();
}

void TileRunner::hand_out(const TakeLogits& take, bool is_last) {
  if (is_last) flush();
  while (!open_.empty() && open_.front()->left == 0) {
    const auto work = std::move(open_.front());
    open_.pop_front();
    take(work->index, *work->image.sample, work->blender.finish());
  }
}

}  // namespace tessera::segmentation
