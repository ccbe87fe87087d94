// The separate things of a mask, for prompts that point at one thing.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/media/label_image.h"
#include "tessera/segmentation/data/foreground.h"

namespace tessera::segmentation {

/// (H, W): 0 background, else the number of the instance, from 1 in reading order. An instance is a
/// patch of one value whose pixels touch, also at corners: in a label map a number (each patch of
/// it), in a binary mask a separate patch. Throws InvalidArgument for kAuto.
std::vector<uint32_t> instances_of(const media::LabelImage& mask, const ForegroundRule& rule);

/// Numbers the patches of equal nonzero values; values: (height, width).
std::vector<uint32_t> connected_patches(const std::vector<uint32_t>& values, int height, int width);

}  // namespace tessera::segmentation
