#include "tessera/video/demo/recipe.h"

namespace tessera::video {

VideoConfig demo_video_config() {
  VideoConfig config;
  config.dit.dim = 256;
  config.dit.num_heads = 4;
  config.dit.num_layers = 6;
  config.dit.ffn_dim = 1024;
  config.dit.in_channels = 3;
  config.dit.out_channels = 3;
  config.dit.freq_dim = 256;
  config.dit.text_dim = 128;
  config.dit.text_len = 16;
  config.dit.patch = {1, 8, 8};
  config.prediction = Prediction::kSample;
  return config;
}

TrainingSettings demo_training_settings() {
  TrainingSettings settings;
  settings.shapes = {{{16, 64, 128}, 0.70, 64},
                     {{16, 64, 64}, 0.10, 128},
                     {{16, 128, 128}, 0.13, 24},
                     {{16, 128, 256}, 0.07, 8}};
  return settings;
}

}  // namespace tessera::video
