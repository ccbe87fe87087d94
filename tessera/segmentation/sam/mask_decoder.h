// SAM's mask decoder. Parameter names below "mask_decoder." of Meta's files.
#pragma once

#include <memory>
#include <vector>

#include "tessera/segmentation/layers.h"
#include "tessera/segmentation/sam/sam.h"
#include "tessera/segmentation/sam/two_way_transformer.h"

namespace tessera::segmentation {

struct MaskDecoder : torch::nn::Module {
  explicit MaskDecoder(const SamConfig& config);

  /// embeddings [B, dim, Y, X], image_positions [1, dim, Y, X], sparse [P, T, dim], dense
  /// [P or 1, dim, Y, X], P a multiple of B -> the single mask, or the masks for an ambiguous
  /// prompt. With one dense prompt for all, what concerns the image alone is computed once for it.
  Sam::Masks forward(const at::Tensor& embeddings, const at::Tensor& image_positions,
                     const at::Tensor& sparse, const at::Tensor& dense, bool multimask) const;

  std::shared_ptr<TwoWayTransformer> transformer;
  std::shared_ptr<Table> iou_token, mask_tokens;
  std::shared_ptr<DoublingConv2d> up1, up2;
  std::shared_ptr<ChannelNorm2d> up_norm;
  std::vector<std::shared_ptr<Mlp>> hypernetworks;  // one for each mask token
  std::shared_ptr<Mlp> iou_head;

 private:
  /// Image tokens [P, Y * X, dim] -> features of the mask's pixels, [P, Y * X, 16, dim / 8]: a
  /// token's 4 x 4 pixels in the order (half y, half x, y, x).
  at::Tensor upscale(const at::Tensor& image) const;
};

}  // namespace tessera::segmentation
