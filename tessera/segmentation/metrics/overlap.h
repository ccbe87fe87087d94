// Dice and IoU: how well a predicted mask covers the true one.
//
// Definitions: with the pixel sets P (predicted) and T (true), Dice = 2|P n T| / (|P| + |T|) and
// IoU = |P n T| / |P u T|. Two empty masks agree completely: both scores are 1. (Upstream AutoSAM
// scores that case 0, by way of 0/0.) Masks are compared at the resolution they are given in; the
// caller brings predictions to the source image's size first.
#pragma once

#include <cstdint>
#include <span>

namespace tessera::segmentation {

struct Overlap {
  double dice = 0;
  double iou = 0;
};

/// Scores two masks of the same number of pixels; nonzero is foreground. Throws InvalidArgument
/// when the sizes differ.
Overlap overlap(std::span<const uint8_t> predicted, std::span<const uint8_t> truth);

}  // namespace tessera::segmentation
