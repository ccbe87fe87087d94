#include "tessera/segmentation/training/predictor.h"

#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/training/tile_runner.h"
#include "tessera/segmentation/training/turns.h"

namespace tessera::segmentation {

namespace {

/// g's pictures of the items, uint8 [B, 3, g_size, g_size] on the device.
at::Tensor prompts_of(const std::vector<PreparedTile>& items, at::Device device) {
  const auto count = static_cast<int64_t>(items.size());
  const int64_t side = items[0].prompt.side;
  at::Tensor pictures = at::empty(
      {count, 3, side, side}, at::TensorOptions().dtype(at::kByte).pinned_memory(device.is_cuda()));
  for (int64_t i = 0; i < count; ++i) copy_picture(items[i].prompt, pictures, i);
  return pictures.to(device, /*non_blocking=*/true);
}

}  // namespace

std::vector<uint8_t> Prediction::mask(double threshold) const {
  std::vector<uint8_t> result(probabilities.size());
  for (size_t i = 0; i < result.size(); ++i) result[i] = probabilities[i] > threshold ? 1 : 0;
  return result;
}

Prediction prediction_from_logits(const media::Image& image, std::vector<float> logits) {
  for (float& value : logits) value = 1 / (1 + std::exp(-value));
  return {image.height, image.width, std::move(logits)};
}

Predictor::Predictor(AutoSamModel& model, const PredictorOptions& options)
    : model_(model), options_(options) {
  TESSERA_CHECK(!options.is_fast || model.surrogate() != nullptr,
                "[predict] the fast path needs the surrogate decoder h, got: a model that was "
                "trained without it");
  TESSERA_CHECK(options.is_fast || !model.needs_embeddings() || model.frozen_sam().sam != nullptr,
                "[predict] the full path needs the frozen SAM, got: none");
}

void Predictor::predict_all(size_t count, const Load& load, const Take& take) {
  const at::NoGradGuard no_grad;
  model_.train(false);
  const auto& config = model_.config();
  TileSettings tiles;
  tiles.tile = config.tile;
  tiles.stride = options_.stride;
  tiles.g_size = config.g_size;
  tiles.mask_size = config.mask_size();
  tiles.picture_size = config.picture_size;
  tiles.has_embeddings = model_.needs_embeddings() && !options_.is_fast;
  tiles.num_turns = options_.has_test_time_flips ? kNumTurns : 1;
  tiles.stores = options_.stores;
  tiles.is_pinned = model_.device().is_cuda();
  TileRunner runner(tiles, options_.batch, options_.num_threads, [&](auto& items) {
    const at::Tensor prompts = prompts_of(items, model_.device());
    if (options_.is_fast) return model_.forward_fast(prompts).to(at::kCPU);
    at::Tensor embeddings;
    if (tiles.has_embeddings) {
      std::vector<EmbeddingRequest> requests;
      for (auto& item : items) requests.push_back(std::move(item.embedding));
      embeddings = resolve_embeddings(model_, requests, options_.stores, num_embedded_);
    }
    return model_.forward(prompts, embeddings).to(at::kCPU);
  });
  runner.run(count, load, [&](size_t index, const LoadedSample& sample, std::vector<float> logits) {
    take(index, sample, prediction_from_logits(sample.image, std::move(logits)));
  });
  warnings_.insert(warnings_.end(), runner.warnings().begin(), runner.warnings().end());
}

Prediction Predictor::predict(const media::Image& image) {
  const auto sample = std::make_shared<LoadedSample>();
  sample->image = image;
  Prediction result;
  predict_all(
      1, [&](size_t) { return sample; },
      [&](size_t, const LoadedSample&, Prediction prediction) { result = std::move(prediction); });
  return result;
}

}  // namespace tessera::segmentation
