// A run of seconds: a tiny SAM with random weights, and pictures of bright discs.
#pragma once

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/image_io.h"
#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/sam/sam_files.h"
#include "tessera/segmentation/training/trainer.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation::testing {

/// 64 pixels, a grid of 8, masks of 32.
inline SamConfig tiny_sam_config() {
  SamConfig config;
  config.image_size = 64;
  config.patch_size = 8;
  config.embed_dim = 32;
  config.depth = 2;
  config.num_heads = 2;
  config.mlp_dim = 64;
  config.global_blocks = {1};
  config.window_size = 4;
  config.has_absolute_positions = false;
  config.prompt_dim = 32;
  config.decoder_heads = 4;
  config.decoder_mlp_dim = 64;
  config.iou_head_dim = 32;
  return config;
}

inline FrozenSam tiny_sam(uint64_t seed = 1) {
  FrozenSam sam;
  sam.sam = std::make_shared<Sam>(tiny_sam_config());
  sam.sam->initialise(seed);
  // Random decoders are nearly mute: logits of 0.06. This makes them about 1.
  const at::NoGradGuard no_grad;
  for (auto& entry : sam.sam->named_parameters())
    if (entry.key().find("output_") != std::string::npos && entry.value().dim() >= 2)
      entry.value().mul_(2.2);
  sam.path = "tiny";
  sam.digest = sam_digest(*sam.sam);
  freeze(*sam.sam);
  return sam;
}

struct ToyPair {
  media::Image image, mask;
};

/// A disc, brighter than a noisy ground; no disc at all for radius 0.
inline ToyPair toy_pair(int height, int width, double radius, uint64_t seed) {
  Random random(seed);
  ToyPair pair{media::make_image(height, width, 3), media::make_image(height, width, 1)};
  const double x0 = width * (0.3 + 0.4 * random.uniform());
  const double y0 = height * (0.3 + 0.4 * random.uniform());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool is_inside = std::hypot(x + 0.5 - x0, y + 0.5 - y0) < radius;
      for (int c = 0; c < 3; ++c) {
        const double grey = (is_inside ? 170 : 60) + 15 * random.normal();
        pair.image.at(y, x, c) = static_cast<uint8_t>(std::min(255.0, std::max(0.0, grey)));
      }
      pair.mask.at(y, x, 0) = is_inside ? 255 : 0;
    }
  }
  return pair;
}

/// images/ and masks/ with `count` pairs, as a data set; each fourth image is for validation.
inline Dataset toy_dataset(const std::filesystem::path& folder, int count, double radius = 14,
                           int side = 64) {
  std::filesystem::create_directories(folder / "images");
  std::filesystem::create_directories(folder / "masks");
  std::string split = "id,split\n";
  for (int i = 0; i < count; ++i) {
    const std::string id = "toy" + std::to_string(100 + i);
    const ToyPair pair = toy_pair(side, side, radius, static_cast<uint64_t>(i) + 7);
    media::write_png(folder / "images" / (id + ".png"), pair.image);
    media::write_png(folder / "masks" / (id + ".png"), pair.mask);
    split += id + (i % 4 == 3 ? ",val\n" : ",train\n");
  }
  write_file(folder / "split.csv", split);
  DatasetSource source;
  source.images = folder / "images";
  source.masks = folder / "masks";
  source.split_csv = folder / "split.csv";
  return open_dataset(source);
}

/// An epoch of three steps; no surrogate.
inline AutoSamSettings toy_settings() {
  AutoSamSettings settings;
  settings.order = HarDNetOrder::k39ds;
  settings.g_size = 64;
  settings.tile = 64;
  settings.views_per_image = 2;
  settings.generator.decoder_width = 16;
  settings.min_views_per_epoch = 1;
  settings.batch = 2;
  settings.learning_rate = 1e-2;
  settings.warmup_steps = 2;
  settings.average_decay = 0.9;
  settings.max_epochs = 1;
  settings.patience = 0;
  settings.surrogate.max_epochs = 0;
  return settings;
}

inline AutoSamJob toy_job(const Dataset& dataset, const FrozenSam& sam,
                          const std::filesystem::path& folder) {
  AutoSamJob job;
  job.settings = toy_settings();
  job.dataset = &dataset;
  job.sam = sam;
  job.run_folder = folder;
  job.cache_folder = folder.parent_path() / "cache";
  return job;
}

}  // namespace tessera::segmentation::testing
