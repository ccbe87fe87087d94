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
  config.prediction = Prediction::kPreconditioned;
  // Training's shift at 2,048 tokens is 5.7; guidance above 3 makes no difference to the eye.
  config.defaults.shift = 6;
  config.defaults.guidance = 3;
  // At -2 differences begin to show; the paper's -6.93 skips next to nothing (docs/results.md).
  config.defaults.threshold = -2.5;
  return config;
}

TrainingSettings demo_training_settings() {
  TrainingSettings settings;
  // Frames, height, width, frames of the film that a short clip is cut from; share; batch a rank.
  settings.stages = {{0.22,
                      {{{1, 64, 128, 16}, 0.70, 192},
                       {{1, 128, 128, 16}, 0.12, 96},
                       {{1, 128, 256, 16}, 0.18, 48}}},
                     {0.42,
                      {{{4, 64, 128, 16}, 0.80, 64},
                       {{4, 128, 128, 16}, 0.10, 32},
                       {{4, 128, 256, 16}, 0.10, 16}}},
                     {1.00,
                      {{{16, 64, 128, 0}, 0.74, 24},
                       {{16, 64, 64, 0}, 0.06, 48},
                       {{16, 128, 128, 0}, 0.14, 12},
                       {{16, 128, 256, 0}, 0.06, 6}}}};
  return settings;
}

}  // namespace tessera::video
