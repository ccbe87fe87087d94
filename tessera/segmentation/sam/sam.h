// The Segment Anything Model: an image encoder, a prompt encoder and a mask decoder.
//
//   const at::Tensor embedding = sam.encode_image(sam.normalise(images));   // once an image
//   const Sam::Masks masks = sam.decode(embedding, {.boxes = boxes}, /*multimask=*/false);
//
// Source: facebookresearch/segment-anything at dca509f (names, layouts and arithmetic; parity is
// tested). Parameter names are those of Meta's files. Gradients flow through everything where they
// are on; under autocast on CUDA the products run in bf16 and the norms in fp32.
#pragma once

#include <memory>

#include <torch/nn/module.h>

#include "tessera/segmentation/sam/config.h"

namespace tessera::segmentation {

struct ImageEncoder;
struct PromptEncoder;
struct MaskDecoder;

struct Sam : torch::nn::Module {
  /// Zero weights (norms one) until loaded or initialised. Throws InvalidArgument for sizes that do
  /// not fit.
  explicit Sam(const SamConfig& config);

  /// [B, 3, H, W], RGB 0 to 255 of any dtype, H and W at most image_size -> fp32
  /// [B, 3, image_size, image_size]: normalised, then padded with zeros right and below.
  at::Tensor normalise(const at::Tensor& images) const;

  /// [B, 3, image_size, image_size] as from normalise() -> fp32 [B, prompt_dim, grid, grid].
  at::Tensor encode_image(const at::Tensor& normalised) const;

  /// What is asked for, P prompts at once. A tensor that is not defined is not given; all defined
  /// ones have P rows. Nothing at all is one prompt for each image.
  struct Prompts {
    at::Tensor points;  // fp32 [P, N, 2], x and y in pixels of the input
    at::Tensor labels;  // int64 [P, N]: 1 inside, 0 outside, -1 padding
    at::Tensor boxes;   // fp32 [P, 4], x0 y0 x1 y1
    at::Tensor masks;   // fp32 [P, 1, mask_size, mask_size], logits
  };

  struct Masks {
    at::Tensor logits;  // fp32 [P, n, mask_size, mask_size]; n = 1, or num_multimask
    at::Tensor iou;     // fp32 [P, n], estimates of each mask's IoU
  };

  /// embeddings [B, prompt_dim, grid, grid] with P a multiple of B: the first P / B prompts are for
  /// the first image, and so on. So many prompts of an image need no repeated embeddings, and
  /// without mask prompts what concerns the image alone is computed once for all of them. Throws
  /// InvalidArgument for shapes that do not fit.
  Masks decode(const at::Tensor& embeddings, const Prompts& prompts, bool multimask) const;

  /// AutoSAM's way in: no points, and `dense` [P, prompt_dim, grid, grid] in the place of the mask
  /// prompt's embedding.
  Masks decode_dense(const at::Tensor& embeddings, const at::Tensor& dense,
                     bool multimask = false) const;

  /// What stands for "no mask given": [batch, prompt_dim, grid, grid].
  at::Tensor no_mask_dense(int64_t batch) const;

  /// Random weights to train from; the same seed gives the same weights.
  void initialise(uint64_t seed);

  SamConfig config;

 private:
  void check_embeddings(const at::Tensor& embeddings) const;

  std::shared_ptr<ImageEncoder> image_encoder_;
  std::shared_ptr<PromptEncoder> prompt_encoder_;
  std::shared_ptr<MaskDecoder> mask_decoder_;
};

}  // namespace tessera::segmentation
