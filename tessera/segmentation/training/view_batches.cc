#include "tessera/segmentation/training/view_batches.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

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

/// The embedding of a view into its slot, or its picture among the missing.
void find_embedding(const ViewSource& source, const LoadedSample& sample,
                    const ViewParameters& parameters, int64_t slot, ViewBatch& batch) {
  std::string key;
  if (source.cache != nullptr) {
    key = source.cache->key(sample.digest, view_text(parameters));
    auto* begin = static_cast<std::byte*>(batch.embeddings.mutable_data_ptr());
    const size_t size = source.shape.bytes();
    const auto found = source.cache->read(key, {begin + slot * size, size});
    if (found == EmbeddingCache::Found::kYes) return;
    if (found == EmbeddingCache::Found::kDamaged) {
      batch.warnings.push_back(concat((source.cache->folder() / key).string(),
                                      ".emb: was damaged and is computed again (a view of ",
                                      sample.id, ")"));
    }
  }
  batch.missing.push_back(
      {slot, std::move(key), render_picture(sample, parameters, source.picture_size)});
}

ViewBatch make_batch(const ViewSource& source, std::span<const ViewDraw> draws, int epoch,
                     int64_t first_index) {
  const auto count = static_cast<int64_t>(draws.size());
  ViewBatch batch;
  const int64_t g = source.g_size, mask = source.mask_size, grid = source.shape.grid;
  batch.prompt_pictures = host_tensor({count, 3, g, g}, at::kByte, source.is_pinned);
  batch.targets = host_tensor({count, 1, mask, mask}, at::kByte, source.is_pinned);
  batch.valid = host_tensor({count, 1, mask, mask}, at::kByte, source.is_pinned);
  if (source.has_embeddings) {
    batch.embeddings =
        host_tensor({count, source.shape.channels, grid, grid}, at::kHalf, source.is_pinned);
  }
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
    if (source.has_embeddings) find_embedding(source, *sample, parameters, slot, batch);
  }
  return batch;
}

}  // namespace

void copy_picture(const Picture& picture, at::Tensor& to, int64_t slot) {
  copy_bytes(picture.planes, to, slot);
}

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

namespace {

/// Views that came up twice, and that were computed since the batch was prepared, need SAM once:
/// leaves in `pending` those that do; `twins` are slots with the slot they equal.
void spare_repeats(const std::vector<ViewBatch::Missing>& missing, const EmbeddingCache* cache,
                   const at::Tensor& found, std::vector<const ViewBatch::Missing*>& pending,
                   std::vector<std::pair<int64_t, int64_t>>& twins) {
  std::map<std::string, int64_t> slot_of;
  for (const auto& entry : missing) {
    if (cache != nullptr && !entry.key.empty()) {
      const auto [first, is_new] = slot_of.emplace(entry.key, entry.slot);
      if (!is_new) {
        twins.emplace_back(entry.slot, first->second);
        continue;
      }
      auto* begin = static_cast<std::byte*>(found.mutable_data_ptr());
      const size_t size = cache->shape().bytes();
      const auto place = std::span(begin + entry.slot * size, size);
      if (cache->read(entry.key, place) == EmbeddingCache::Found::kYes) continue;
    }
    pending.push_back(&entry);
  }
}

/// Writes computed embeddings to the cache, if there is one.
void keep(const at::Tensor& computed, const std::vector<const ViewBatch::Missing*>& pending,
          const EmbeddingCache* cache) {
  if (cache == nullptr) return;
  const at::Tensor host = computed.to(at::kCPU).contiguous();
  const auto* begin = static_cast<const std::byte*>(host.const_data_ptr());
  const size_t size = cache->shape().bytes();
  for (size_t i = 0; i < pending.size(); ++i) {
    if (!pending[i]->key.empty()) cache->write(pending[i]->key, {begin + i * size, size});
  }
}

}  // namespace

at::Tensor resolve_embeddings(const AutoSamModel& model, const at::Tensor& found,
                              const std::vector<ViewBatch::Missing>& missing,
                              const EmbeddingCache* cache, int64_t& num_embedded) {
  const at::Device device = model.device();
  std::vector<const ViewBatch::Missing*> pending;
  std::vector<std::pair<int64_t, int64_t>> twins;
  spare_repeats(missing, cache, found, pending, twins);
  const auto count = static_cast<int64_t>(pending.size());
  at::Tensor all;
  if (count < found.size(0)) all = found.to(device, /*non_blocking=*/true, /*copy=*/true);
  if (count > 0) {
    TESSERA_CHECK(model.frozen_sam().sam != nullptr, "[autosam] embeddings need a SAM, got: none");
    const int64_t side = pending[0]->picture.side;
    at::Tensor pictures = host_tensor({count, 3, side, side}, at::kByte, device.is_cuda());
    std::vector<int64_t> slots;
    for (int64_t i = 0; i < count; ++i) {
      copy_picture(pending[i]->picture, pictures, i);
      slots.push_back(pending[i]->slot);
    }
    const at::Tensor computed =
        embed(*model.frozen_sam().sam, pictures.to(device, /*non_blocking=*/true));
    num_embedded += count;
    keep(computed, pending, cache);
    if (!all.defined()) return computed;
    all.index_copy_(0, at::tensor(slots, at::kLong).to(device), computed);
  }
  for (const auto& [slot, equal] : twins) all[slot].copy_(all[equal]);
  return all;
}

}  // namespace tessera::segmentation
