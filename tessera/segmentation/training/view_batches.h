// A step's pictures, targets and embeddings, made by threads ahead of their use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/data/views.h"
#include "tessera/segmentation/training/embedding_stores.h"
#include "tessera/segmentation/training/ordered_producer.h"
#include "tessera/segmentation/training/view_plan.h"

namespace tessera::segmentation {

/// On the host; pinned where it goes to a GPU.
struct ViewBatch {
  at::Tensor prompt_pictures;                // uint8 [B, 3, g_size, g_size]
  at::Tensor targets, valid;                 // uint8 [B, 1, mask, mask]
  std::vector<EmbeddingRequest> embeddings;  // B of them; none where none are needed
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
  EmbeddingStores stores;
  bool is_pinned = false;
};

/// The batches of an epoch from step `first_step`, in order.
std::unique_ptr<OrderedProducer<ViewBatch>> view_batches(const ViewSource& source, int epoch,
                                                         int first_step, int num_threads);

}  // namespace tessera::segmentation
