// Masks that need no training: what a model has to beat.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/media/frames.h"

namespace tessera::segmentation {

/// Otsu's threshold of the grey picture; the smaller side is foreground.
///
/// Grey is Rec. 601, rounded: (299 R + 587 G + 114 B + 500) / 1000. The threshold t maximises the
/// between-class variance of {grey <= t} and {grey > t}; of equal maxima the lowest t counts, as in
/// OpenCV and scikit-image. Of two sides of equal size the brighter one is foreground. A picture of
/// one grey has no threshold and gives an empty mask.
/// Source: Otsu 1979, A Threshold Selection Method from Gray-Level Histograms.
/// Returns (H, W) of 0 and 1. Throws InvalidArgument unless the image is RGB or grey.
std::vector<uint8_t> otsu_mask(const media::Image& image);

/// Every pixel is foreground.
std::vector<uint8_t> all_foreground(const media::Image& image);

}  // namespace tessera::segmentation
