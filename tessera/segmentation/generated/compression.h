// The traces that strong compression leaves.
#pragma once

#include "tessera/segmentation/generated/canvas.h"

namespace tessera::segmentation::generated {

/// Rounds the cosine transform of 8 x 8 blocks to multiples of a step that grows with the
/// frequency from `step`, as JPEG does; colour differences twice as coarsely. `is_grey`: the first
/// channel stands for all.
void compress(Canvas& canvas, float step, bool is_grey);

}  // namespace tessera::segmentation::generated
