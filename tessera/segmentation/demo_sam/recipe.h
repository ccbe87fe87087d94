// How the shipped demo SAM was made: the settings of its training.
#pragma once

#include "tessera/segmentation/demo_sam/trainer.h"

namespace tessera::segmentation {

/// For one H100 a rank; the run's length is left to the caller.
SamTrainingSettings demo_sam_training_settings();

/// For weights that find objects already: half of what is asked are boxes, fewer corrections, a
/// lower rate that falls for longer.
SamTrainingSettings demo_sam_continued_settings();

/// The same layout with a fraction of the size, on 128-pixel scenes: learns little, in seconds.
SamConfig tiny_sam_config();

/// Scenes that no training run draws: evaluation has a stream of its own.
inline constexpr uint64_t kHeldOutSeed = 0x68656c642d6f7574;  // "held-out"

}  // namespace tessera::segmentation
