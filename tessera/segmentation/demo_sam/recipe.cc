#include "tessera/segmentation/demo_sam/recipe.h"

namespace tessera::segmentation {

SamTrainingSettings demo_sam_training_settings() {
  SamTrainingSettings settings;
  settings.learning_rate = 1e-3;
  settings.warmup_steps = 200;
  settings.decay_from = 0.4;
  settings.batch = 16;
  settings.targets = {.points = 3, .boxes = 2, .guided = 3};
  return settings;
}

}  // namespace tessera::segmentation
