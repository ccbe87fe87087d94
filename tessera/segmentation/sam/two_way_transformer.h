// SAM's two-way transformer: prompt tokens read the image, the image reads the tokens. Parameter
// names below "mask_decoder.transformer." of Meta's files.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "tessera/segmentation/sam/config.h"
#include "tessera/segmentation/sam/sam_layers.h"

namespace tessera::segmentation {

/// Attention whose inner width may be smaller than the model's.
struct ProjectedAttention : torch::nn::Module {
  ProjectedAttention(int64_t dim, int64_t inner_dim, int64_t num_heads);

  /// q [P, Lq, dim], k and v [P, Lk, dim] -> [P, Lq, dim]. One side's batch may be a multiple of
  /// the other's: entry i of the smaller one then serves a run of neighbours in the larger one, as
  /// an image does its prompts, and is projected once.
  at::Tensor forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;

  int64_t num_heads;
  std::shared_ptr<nn::Linear> q_proj, k_proj, v_proj, out_proj;
};

struct TwoWayBlock : torch::nn::Module {
  TwoWayBlock(const SamConfig& config, bool is_first);

  /// tokens [P, T, dim] and image [P or a divisor of it, N, dim], both replaced, the image by one
  /// of batch P; their positions are of the same shape (image_positions may have one row).
  void forward(at::Tensor& tokens, at::Tensor& image, const at::Tensor& token_positions,
               const at::Tensor& image_positions) const;

  bool is_first;
  std::shared_ptr<ProjectedAttention> self_attn, token_to_image, image_to_token;
  std::shared_ptr<nn::LayerNorm> norm1, norm2, norm3, norm4;
  std::shared_ptr<MlpBlock> mlp;
};

struct TwoWayTransformer : torch::nn::Module {
  explicit TwoWayTransformer(const SamConfig& config);

  /// image [P or a divisor of it, dim, Y, X], image_positions [1, dim, Y, X], tokens [P, T, dim]
  /// -> the tokens, and the image as [P, Y * X, dim].
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& image,
                                            const at::Tensor& image_positions,
                                            const at::Tensor& tokens) const;

  std::vector<std::shared_ptr<TwoWayBlock>> layers;
  std::shared_ptr<ProjectedAttention> final_attn;
  std::shared_ptr<nn::LayerNorm> norm_final;
};

}  // namespace tessera::segmentation
