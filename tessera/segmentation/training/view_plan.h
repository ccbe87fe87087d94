// Which views an epoch shows, in which order: a function of (seed, epoch), without state.
//
// An epoch draws each image area / tile^2 times (rounded, at least once, capped), so that large
// images are seen in full; a small set is repeated until the epoch is long enough. Where embeddings
// are to be kept an image has views_per_image views for each of these draws, and goes through all
// of them before it meets one again, in an order that is new each time. Else every draw is new.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/training/autosam_settings.h"

namespace tessera::segmentation {

struct ViewDraw {
  size_t image = 0;  // index into the dataset
  int view = 0;      // number of the view, for draw_view()
  bool operator==(const ViewDraw&) const = default;
};

class ViewPlan {
 public:
  /// images: indices into the dataset, not empty (else InvalidArgument). has_fixed_views: whether
  /// there are views_per_image of them.
  ViewPlan(const Dataset& dataset, std::vector<size_t> images, const AutoSamSettings& settings,
           int tile, bool has_fixed_views);

  int steps_per_epoch() const { return steps_; }
  int batch() const { return batch_; }
  /// Draws of the epoch (from 1), steps_per_epoch() times batch(); what does not fill a batch is
  /// left out, another rest each time.
  std::vector<ViewDraw> epoch(int epoch) const;

  /// Every (image, view) that can come up; empty when every draw is new.
  std::vector<ViewDraw> all_views() const;

 private:
  struct Entry {
    size_t image;
    int draws;      // an epoch
    int num_views;  // 0: all new
  };
  std::vector<Entry> entries_;
  uint64_t seed_;
  int batch_, steps_;
};

/// Streams of different uses do not meet.
uint64_t seed_for(uint64_t seed, uint64_t use, uint64_t first, uint64_t second = 0);

}  // namespace tessera::segmentation
