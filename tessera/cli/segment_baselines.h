// What needs no training, on the same images: for the table beside a run's score.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/console.h"
#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/metrics/summary.h"
#include "tessera/segmentation/training/autosam_model.h"

namespace c10 {
struct Device;
}

namespace tessera::cli {

struct Baseline {
  std::string name, note;
  segmentation::ScoreSummary summary;
};

/// All foreground and Otsu's threshold; no model.
std::vector<Baseline> score_thresholds(const segmentation::Dataset& data,
                                       const std::vector<size_t>& images);

/// The same SAM on its own: with its no-mask embedding, and told the truth's boxes. Progress is
/// shown. Throws Interrupted.
std::vector<Baseline> score_sam_alone(Console& console, const segmentation::FrozenSam& sam,
                                      int tile, const c10::Device& device,
                                      const segmentation::Dataset& data,
                                      const std::vector<size_t>& images);

}  // namespace tessera::cli
