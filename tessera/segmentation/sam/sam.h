// The Segment Anything Model: an image once through the encoder, then masks for any prompts.
//
// Parameter names are the official checkpoint's. Weights are fp32; under autocast the products run
// in bf16, norms, coordinates and results stay fp32. Everything is differentiable where gradients
// are recorded; without them the encoder takes its fast path.
// Source: facebookresearch/segment-anything, commit dca509f.
#pragma once

#include <cstdint>
#include <memory>

#include <torch/nn/module.h>

#include "tessera/segmentation/sam/config.h"

namespace tessera::segmentation {

struct ImageEncoder;   // image_encoder.h
struct PromptEncoder;  // prompt_encoder.h
struct MaskDecoder;    // mask_decoder.h

struct Sam : torch::nn::Module {
  /// Weights are zero (norms one) until they are loaded or initialised.
  /// Throws InvalidArgument unless the numbers fit each other (check_config).
  explicit Sam(const SamConfig& config);

  /// images [B, 3, Y, X], 0..255, any number type, longest side at most image_size
  /// -> fp32 [B, 3, image_size, image_size], less the mean, by the deviation, then zeros right and
  /// below.
  at::Tensor normalise(const at::Tensor& images) const;

  /// normalised [B, 3, image_size, image_size] -> fp32 [B, prompt_dim, grid, grid].
  at::Tensor encode_image(const at::Tensor& normalised) const;

  /// What to segment; an undefined tensor is no prompt of its kind. Batches must agree.
  struct Prompts {
    at::Tensor points;  // [B, N, 2], x and y in pixels of the padded input
    at::Tensor labels;  // int64 [B, N]: 1 foreground, 0 background, -1 padding; with points
    at::Tensor boxes;   // [B, 4]: x0, y0, x1, y1
    at::Tensor masks;   // [B, 1, mask_size, mask_size], logits
  };

  struct Masks {
    at::Tensor logits;  // fp32 [B, n, mask_size, mask_size]; n is 1, or num_multimask
    at::Tensor iou;     // fp32 [B, n], the model's estimate of each mask's IoU
  };

  /// Many prompts of one image are cheap: the prompts' batch B may be a multiple m of that of the
  /// embeddings [B / m, prompt_dim, grid, grid]; embedding i then serves the prompts i*m to
  /// i*m + m - 1, and is not repeated before it has to be. Without any prompt B is the embeddings'.
  /// multimask: the num_multimask masks of an ambiguous prompt instead of the single one.
  Masks decode(const at::Tensor& embeddings, const Prompts& prompts, bool multimask) const;

  /// AutoSAM: dense [B, prompt_dim, grid, grid] stands in for the mask prompt, no points or boxes.
  Masks decode_dense(const at::Tensor& embeddings, const at::Tensor& dense,
                     bool multimask = false) const;

  /// The dense prompt of no mask, [batch, prompt_dim, grid, grid], expanded.
  at::Tensor no_mask_dense(int64_t batch) const;

  SamConfig config;
  std::shared_ptr<ImageEncoder> image_encoder;
  std::shared_ptr<PromptEncoder> prompt_encoder;
  std::shared_ptr<MaskDecoder> mask_decoder;

 private:
  void check_embeddings(const at::Tensor& embeddings, int64_t prompt_batch) const;

  at::Tensor pixel_mean_, pixel_std_;  // [1, 3, 1, 1], not in the checkpoint
};

/// Random weights to train from: products and position tables N(0, 0.02) cut at two deviations,
/// relative positions zero, convolutions by Kaiming, the points' frequencies N(0, 1), tokens as the
/// original N(0, 1). Same seed, same weights, on any device.
void initialise_sam(Sam& sam, uint64_t seed);

}  // namespace tessera::segmentation
