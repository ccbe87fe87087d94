// A SAM small enough for tests, with every part that a large one has.
#pragma once

#include "tessera/segmentation/sam/config.h"

namespace tessera::segmentation {

/// 40 pixels, 5 x 5 tokens in windows of 3 (so that they are padded) and one global block.
inline SamConfig padded_sam_config() {
  SamConfig config;
  config.image_size = 40;
  config.patch_size = 8;
  config.embed_dim = 16;
  config.depth = 2;
  config.num_heads = 2;
  config.mlp_dim = 40;
  config.global_blocks = {1};
  config.window_size = 3;
  config.prompt_dim = 32;
  config.mask_prompt_channels = 16;
  config.decoder_mlp_dim = 48;
  config.iou_head_dim = 24;
  return config;
}

}  // namespace tessera::segmentation
