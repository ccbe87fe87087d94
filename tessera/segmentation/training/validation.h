// Mean scores of a model on images with masks, at full resolution.
#pragma once

#include <vector>

#include "tessera/segmentation/training/predictor.h"

namespace tessera::segmentation {

struct MeanScore {
  double dice = 0, iou = 0;
};

struct ThresholdScore {
  double threshold = 0.5, dice = 0;
};

/// Means over images at threshold .5, and the threshold out of .2, .25, ... .8 with the best mean
/// Dice (of equal ones the nearest to .5), if `best` is not null.
MeanScore validate(Predictor& predictor, const Dataset& dataset, const std::vector<size_t>& images,
                   ThresholdScore* best = nullptr);

}  // namespace tessera::segmentation
