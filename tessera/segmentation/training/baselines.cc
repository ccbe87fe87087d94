// What a frozen SAM does without AutoSAM.
#include <algorithm>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>

#include "tessera/core/error.h"
#include "tessera/nn/autocast.h"
#include "tessera/segmentation/training/predictor.h"
#include "tessera/segmentation/training/tile_runner.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

constexpr int kBatch = 8;
constexpr int64_t kBoxesAtOnce = 64;
constexpr double kNothing = -20;  // logit of a tile without an instance

/// SAM's embeddings of the items' pictures, fp32 [B, C, g, g].
Tensor look_at(const FrozenSam& sam, const std::vector<PreparedTile>& items, at::Device device) {
  const auto count = static_cast<int64_t>(items.size());
  const int64_t side = items[0].embedding.picture.side;
  Tensor pictures = at::empty({count, 3, side, side}, at::kByte);
  for (int64_t i = 0; i < count; ++i) copy_picture(items[i].embedding.picture, pictures, i);
  return embed(*sam.sam, pictures.to(device)).to(at::kFloat);
}

Prediction run(const FrozenSam& sam, const media::Image& image, int tile, int stride,
               at::Device device, const TileRunner::Network& network) {
  const at::NoGradGuard no_grad;
  TESSERA_CHECK(sam.sam != nullptr, "[predict] SAM's own masks need a SAM, got: none");
  sam.sam->to(device);
  TileSettings tiles;
  tiles.tile = tile;
  tiles.stride = stride;
  tiles.mask_size = static_cast<int>(sam.sam->config.mask_size());
  tiles.picture_size = static_cast<int>(sam.sam->config.image_size);
  tiles.has_prompts = false;
  const auto sample = std::make_shared<LoadedSample>();
  sample->image = image;
  TileRunner runner(tiles, kBatch, 1, network);
  Prediction result;
  runner.run(
      1, [&](size_t) { return sample; },
      [&](size_t, const LoadedSample&, std::vector<float> logits) {
        result = prediction_from_logits(image, std::move(logits));
      });
  return result;
}

/// A rectangle of pixels, [x0, x1) x [y0, y1).
struct Extents {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

/// The box of each instance inside the tile, in pixels of SAM's picture: fp32 [N, 4] on the host.
Tensor boxes_in_tile(const std::vector<uint32_t>& labels, const TilePlan& plan, size_t index,
                     int picture_size) {
  const int side = plan.tile == 0 ? std::max(plan.height, plan.width) : plan.tile;
  const TileOrigin origin = plan.origins.at(index);
  std::map<uint32_t, Extents> extents;
  for (int y = std::max(0, origin.y); y < std::min(plan.height, origin.y + side); ++y) {
    for (int x = std::max(0, origin.x); x < std::min(plan.width, origin.x + side); ++x) {
      const uint32_t label = labels[size_t{1} * y * plan.width + x];
      if (label == 0) continue;
      Extents& box = extents.try_emplace(label, Extents{x, y, x, y}).first->second;
      box = {std::min(box.x0, x), std::min(box.y0, y), std::max(box.x1, x + 1),
             std::max(box.y1, y + 1)};
    }
  }
  Tensor boxes = at::empty({static_cast<int64_t>(extents.size()), 4}, at::kFloat);
  auto* to = boxes.mutable_data_ptr<float>();
  const float scale = static_cast<float>(picture_size) / static_cast<float>(side);
  for (const auto& [label, box] : extents) {
    *to++ = static_cast<float>(box.x0 - origin.x) * scale;
    *to++ = static_cast<float>(box.y0 - origin.y) * scale;
    *to++ = static_cast<float>(box.x1 - origin.x) * scale;
    *to++ = static_cast<float>(box.y1 - origin.y) * scale;
  }
  return boxes;
}

/// The union of the masks that the boxes ask for: the greatest logit at each pixel, [1, 1, M, M].
Tensor union_of_boxes(const Sam& sam, const Tensor& embedding, const Tensor& boxes) {
  const int64_t side = sam.config.mask_size();
  Tensor all = at::full({1, 1, side, side}, kNothing, embedding.options());
  for (int64_t begin = 0; begin < boxes.size(0); begin += kBoxesAtOnce) {
    Sam::Prompts prompts;
    prompts.boxes = boxes.narrow(0, begin, std::min(kBoxesAtOnce, boxes.size(0) - begin));
    const Tensor logits = sam.decode(embedding, prompts, /*multimask=*/false).logits;
    all = at::maximum(all, logits.to(at::kFloat).amax(0, /*keepdim=*/true));
  }
  return all;
}

}  // namespace

Prediction predict_with_no_mask_embedding(const FrozenSam& sam, const media::Image& image, int tile,
                                          int stride, at::Device device) {
  return run(sam, image, tile, stride, device, [&](std::vector<PreparedTile>& items) {
    const Tensor embeddings = look_at(sam, items, device);
    const nn::AutocastOnCuda autocast(device);
    const Tensor dense = sam.sam->no_mask_dense(embeddings.size(0));
    return sam.sam->decode_dense(embeddings, dense).logits.to(at::kCPU, at::kFloat);
  });
}

Prediction predict_with_true_boxes(const FrozenSam& sam, const media::Image& image,
                                   const std::vector<uint32_t>& labels, int tile, int stride,
                                   at::Device device) {
  TESSERA_CHECK(labels.size() == size_t{1} * image.height * image.width,
                "[predict_with_true_boxes] labels must have the image's ", image.height, " x ",
                image.width, " pixels, got: ", labels.size());
  const TilePlan plan =
      tile_plan(image.height, image.width, tile, stride == 0 ? default_stride(tile) : stride);
  return run(sam, image, tile, stride, device, [&](std::vector<PreparedTile>& items) {
    const Tensor embeddings = look_at(sam, items, device);
    const nn::AutocastOnCuda autocast(device);
    std::vector<Tensor> logits;
    for (size_t i = 0; i < items.size(); ++i) {
      const Tensor boxes =
          boxes_in_tile(labels, plan, items[i].tile, static_cast<int>(sam.sam->config.image_size));
      logits.push_back(union_of_boxes(*sam.sam, embeddings.narrow(0, static_cast<int64_t>(i), 1),
                                      boxes.to(device)));
    }
    return at::cat(logits).to(at::kCPU);
  });
}

}  // namespace tessera::segmentation
