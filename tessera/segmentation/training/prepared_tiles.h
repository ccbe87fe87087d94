// What the networks need of an image to predict it, tile by tile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/data/tiles.h"
#include "tessera/segmentation/training/embedding_stores.h"

namespace tessera::segmentation {

/// How tiles are prepared; the same for all images.
struct TileSettings {
  int tile = 0, stride = 0;
  int g_size = 256, mask_size = 256, picture_size = 512;
  bool has_prompts = true;     // whether g's picture is needed
  bool has_embeddings = true;  // whether SAM's is
  int num_turns = 1;           // 1, or kNumTurns
  EmbeddingStores stores;
  bool is_pinned = false;  // what goes to a GPU
};

/// One turn of one tile.
struct PreparedTile {
  size_t tile = 0;
  int turn = 0;
  Picture prompt;              // unless has_prompts is false
  EmbeddingRequest embedding;  // unless has_embeddings is false
};

/// An image on its way: its first tiles are prepared with it, those of a large image when their
/// turn comes, so that few are in memory at once.
struct PreparedImage {
  std::shared_ptr<const LoadedSample> sample;
  TilePlan plan;
  std::vector<PreparedTile> first;
  std::vector<std::string> warnings;

  size_t num_items() const { return plan.origins.size() * num_turns; }
  int num_turns = 1;
};

PreparedImage prepare_image(std::shared_ptr<const LoadedSample> sample,
                            const TileSettings& settings);

/// Item `item` in [0, num_items()): turns of a tile lie side by side.
PreparedTile prepare_tile(const LoadedSample& sample, const TilePlan& plan, size_t item,
                          const TileSettings& settings, std::vector<std::string>* warnings);

/// What a tile shows of its image, for EmbeddingStores::key(); an unturned training view of the
/// same place has the same.
std::string tile_text(const TilePlan& plan, size_t tile, int turn);

}  // namespace tessera::segmentation
