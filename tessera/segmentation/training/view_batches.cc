#include "tessera/segmentation/training/view_batches.h"

#include <cstring>
#include <span>

#include <ATen/ops/empty.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

enum Use : uint64_t { kPromptColours = 3 };

at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type, bool is_pinned) {
  return at::empty(sizes, at::TensorOptions().dtype(type).pinned_memory(is_pinned));
}

void copy_bytes(std::span<const uint8_t> from, at::Tensor& to, int64_t slot) {
  TESSERA_ASSERT(from.size() == to.nbytes() / to.size(0));
  std::memcpy(static_cast<uint8_t*>(to.mutable_data_ptr()) + slot * from.size(), from.data(),
              from.size());
}

EmbeddingRequest request_view(const ViewSource& source, const LoadedSample& sample,
                              const ViewParameters& parameters,
                              std::vector<std::string>& warnings) {
  return request_embedding(
      {source.stores, source.is_pinned}, source.stores.key(sample.digest, view_text(parameters)),
      "a view of " + sample.id,
      [&] { return render_picture(sample, parameters, source.picture_size); }, &warnings);
}

ViewBatch make_batch(const ViewSource& source, std::span<const ViewDraw> draws, int epoch,
                     int64_t first_index) {
  const auto count = static_cast<int64_t>(draws.size());
  ViewBatch batch;
  const int64_t g = source.g_size, mask = source.mask_size;
  batch.prompt_pictures = host_tensor({count, 3, g, g}, at::kByte, source.is_pinned);
  batch.targets = host_tensor({count, 1, mask, mask}, at::kByte, source.is_pinned);
  batch.valid = host_tensor({count, 1, mask, mask}, at::kByte, source.is_pinned);
  for (int64_t slot = 0; slot < count; ++slot) {
    const ViewDraw& draw = draws[slot];
    const auto sample = source.dataset->load(draw.image);
    const auto parameters = draw_view(source.views, sample->image.height, sample->image.width,
                                      sample->digest, source.seed, draw.view);
    Picture prompt = render_picture(*sample, parameters, source.g_size);
    jitter_colours(prompt, source.prompt_colours,
                   seed_for(source.seed, kPromptColours, epoch, first_index + slot));
    copy_picture(prompt, batch.prompt_pictures, slot);
    const MaskGrid grid_of_mask =
        render_mask(*sample, parameters, source.picture_size, source.mask_size);
    copy_bytes(grid_of_mask.target, batch.targets, slot);
    copy_bytes(grid_of_mask.valid, batch.valid, slot);
    if (source.has_embeddings)
      batch.embeddings.push_back(request_view(source, *sample, parameters, batch.warnings));
  }
  return batch;
}

}  // namespace

std::unique_ptr<OrderedProducer<ViewBatch>> view_batches(const ViewSource& source, int epoch,
                                                         int first_step, int num_threads) {
  const auto draws = std::make_shared<const std::vector<ViewDraw>>(source.plan->epoch(epoch));
  const int64_t batch = source.plan->batch();
  return std::make_unique<OrderedProducer<ViewBatch>>(
      first_step, source.plan->steps_per_epoch(), num_threads, num_threads + 2,
      [&source, draws, batch, epoch](int64_t step) {
        return make_batch(source, std::span(*draws).subspan(step * batch, batch), epoch,
                          step * batch);
      });
}

}  // namespace tessera::segmentation
