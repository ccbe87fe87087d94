// How the shipped demo model was made: its configuration and the settings of its training.
#pragma once

#include "tessera/video/demo/trainer.h"
#include "tessera/video/wan/config.h"

namespace tessera::video {

/// Wan's block structure, 7.0 million parameters, on pixels in patches of 8x8.
VideoConfig demo_video_config();

/// For one H100 a rank; max_minutes is left to the caller.
TrainingSettings demo_training_settings();

}  // namespace tessera::video
