// A step's pictures, targets and embeddings, made by threads ahead of their use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/data/views.h"
#include "tessera/segmentation/training/autosam_model.h"
#include "tessera/segmentation/training/embedding_cache.h"
#include "tessera/segmentation/training/ordered_producer.h"
#include "tessera/segmentation/training/view_plan.h"

namespace tessera::segmentation {

/// On the host; pinned where it goes to a GPU.
struct ViewBatch {
  at::Tensor prompt_pictures;  // uint8 [B, 3, g_size, g_size]
  at::Tensor targets, valid;   // uint8 [B, 1, mask, mask]
  at::Tensor embeddings;       // fp16 [B, C, g, g]; undefined where none are needed

  /// Slots whose embedding was not found: SAM has to look at them.
  struct Missing {
    int64_t slot;
    std::string key;  // empty without a cache
    Picture picture;
  };
  std::vector<Missing> missing;
  std::vector<std::string> warnings;
};

/// What all batches of a run share.
struct ViewSource {
  const Dataset* dataset = nullptr;
  const ViewPlan* plan = nullptr;
  ViewSettings views;
  ColourSettings prompt_colours;
  uint64_t seed = 0;
  int g_size = 256, mask_size = 256, picture_size = 512;
  bool has_embeddings = false;
  const EmbeddingCache* cache = nullptr;  // may be null
  EmbeddingShape shape;
  bool is_pinned = false;
};

/// The batches of an epoch from step `first_step`, in order.
std::unique_ptr<OrderedProducer<ViewBatch>> view_batches(const ViewSource& source, int epoch,
                                                         int first_step, int num_threads);

/// A square picture's planes, copied behind `to`.
void copy_picture(const Picture& picture, at::Tensor& to, int64_t slot);

/// Embeddings of missing pictures from SAM, kept where there is a cache, and the others from the
/// host: fp16 [B, C, g, g] on the model's device. Adds to `num_embedded`.
at::Tensor resolve_embeddings(const AutoSamModel& model, const at::Tensor& found,
                              const std::vector<ViewBatch::Missing>& missing,
                              const EmbeddingCache* cache, int64_t& num_embedded);

}  // namespace tessera::segmentation
