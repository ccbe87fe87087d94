#include "tessera/segmentation/demo_sam/recipe.h"

namespace tessera::segmentation {

SamTrainingSettings demo_sam_training_settings() {
  SamTrainingSettings settings;
  // On the tiny model 1e-3 needs three times the steps to find its first object.
  settings.learning_rate = 3e-3;
  settings.warmup_steps = 50;
  settings.decay_from = 0.4;
  settings.batch = 16;
  settings.targets = {.points = 2, .boxes = 2, .guided = 3};
  settings.max_corrections = 2;
  return settings;
}

SamTrainingSettings demo_sam_continued_settings() {
  SamTrainingSettings settings = demo_sam_training_settings();
  settings.balanced_until = 0;
  settings.learning_rate = 1.1e-3;
  settings.warmup_steps = 100;
  settings.decay_from = 0.2;
  settings.batch = 32;
  settings.targets = {.points = 1, .boxes = 4, .guided = 3};
  settings.min_corrections = 0;
  settings.max_corrections = 1;
  return settings;
}

SamConfig tiny_sam_config() {
  SamConfig config = demo_sam_config();
  config.image_size = 128;
  config.embed_dim = 64;
  config.depth = 2;
  config.num_heads = 2;
  config.mlp_dim = 128;
  config.global_blocks = {1};
  config.window_size = 8;
  config.prompt_dim = 64;
  config.decoder_heads = 4;
  config.decoder_mlp_dim = 64;
  config.iou_head_dim = 32;
  return config;
}

}  // namespace tessera::segmentation
