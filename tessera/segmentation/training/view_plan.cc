#include "tessera/segmentation/training/view_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::segmentation {
namespace {

enum Use : uint64_t { kOrder = 1, kViews = 2 };

template <typename Value>
void shuffle(std::vector<Value>& values, Random random) {
  for (size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.below(static_cast<int64_t>(i))]);
}

}  // namespace

uint64_t seed_for(uint64_t seed, uint64_t use, uint64_t first, uint64_t second) {
  uint64_t mixed = seed;
  for (const uint64_t part : {use, first, second})
    mixed = Random(mixed ^ Random(part).next()).next();
  return mixed;
}

ViewPlan::ViewPlan(const Dataset& dataset, std::vector<size_t> images,
                   const AutoSamSettings& settings, int tile, bool has_fixed_views)
    : seed_(settings.seed) {
  TESSERA_CHECK(!images.empty(), "[autosam] training needs at least one image, got: none");
  int64_t total = 0;
  for (const size_t image : images) {
    const double area = static_cast<double>(dataset.height(image)) * dataset.width(image);
    const double share = tile == 0 ? 1 : area / (static_cast<double>(tile) * tile);
    const int draws = static_cast<int>(
        std::clamp(std::round(share), 1.0, static_cast<double>(settings.max_tiles_per_image)));
    entries_.push_back({image, draws, has_fixed_views ? draws * settings.views_per_image : 0});
    total += draws;
  }
  const int64_t repeats = std::max<int64_t>(1, (settings.min_views_per_epoch + total - 1) / total);
  for (auto& entry : entries_) entry.draws *= static_cast<int>(repeats);
  total *= repeats;
  batch_ = static_cast<int>(std::min<int64_t>(settings.batch, total));
  steps_ = static_cast<int>(total / batch_);
}

std::vector<ViewDraw> ViewPlan::epoch(int epoch) const {
  std::vector<ViewDraw> draws;
  for (const auto& entry : entries_) {
    const int64_t first = int64_t{epoch - 1} * entry.draws;
    std::vector<int> order;
    int64_t order_round = -1;
    for (int64_t n = first; n < first + entry.draws; ++n) {
      if (entry.num_views == 0) {  // view 0 is the plain one; it comes up once
        draws.push_back({entry.image, static_cast<int>(n)});
        continue;
      }
      if (const int64_t round = n / entry.num_views; round != order_round) {
        order_round = round;
        order.resize(entry.num_views);
        std::iota(order.begin(), order.end(), 0);
        shuffle(order, Random(seed_for(seed_, kViews, entry.image, round)));
      }
      draws.push_back({entry.image, order[n % entry.num_views]});
    }
  }
  shuffle(draws, Random(seed_for(seed_, kOrder, epoch)));
  draws.resize(static_cast<size_t>(steps_) * batch_);
  return draws;
}

std::vector<ViewDraw> ViewPlan::all_views() const {
  std::vector<ViewDraw> views;
  for (const auto& entry : entries_)
    for (int view = 0; view < entry.num_views; ++view) views.push_back({entry.image, view});
  return views;
}

}  // namespace tessera::segmentation
