// SAM's image encoder: a plain vision transformer that attends within windows but for a few global
// blocks, and a neck of two convolutions. Parameter names below "image_encoder." of Meta's files.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tessera/segmentation/layers.h"
#include "tessera/segmentation/sam/config.h"
#include "tessera/segmentation/sam/sam_layers.h"

namespace tessera::segmentation {

/// Attention of a block, over windows or the whole grid.
struct ImageAttention : torch::nn::Module {
  /// `side`: tokens along a side of what it attends over; the position tables have 2 side - 1 rows.
  ImageAttention(int64_t dim, int64_t num_heads, int64_t side);
  /// [B, Y, X, dim] -> the same. With `window` above 0 each window of so many tokens a side attends
  /// to itself; windows at the edge are filled up with tokens of zeros, which take part.
  at::Tensor forward(const at::Tensor& x, int64_t window) const;

  int64_t num_heads;
  std::shared_ptr<nn::Linear> qkv, proj;
  at::Tensor rel_pos_h, rel_pos_w;

 private:
  std::vector<at::Tensor> project(const at::Tensor& x, int64_t window) const;
};

struct ImageBlock : torch::nn::Module {
  /// `window` tokens a side, 0 for the whole grid of `grid` a side.
  ImageBlock(const SamConfig& config, int64_t window);
  at::Tensor forward(const at::Tensor& x) const;  // [B, Y, X, dim] -> the same

  int64_t window;
  std::shared_ptr<nn::LayerNorm> norm1, norm2;
  std::shared_ptr<ImageAttention> attn;
  std::shared_ptr<MlpBlock> mlp;
};

struct ImageEncoder : torch::nn::Module {
  explicit ImageEncoder(const SamConfig& config);

  /// [B, 3, image_size, image_size], normalised -> [B, prompt_dim, grid, grid].
  at::Tensor forward(const at::Tensor& images) const;

  at::Tensor pos_embed;  // [1, grid, grid, dim], or undefined
  std::vector<std::shared_ptr<ImageBlock>> blocks;

 private:
  std::shared_ptr<Conv2d> patch_proj_, neck_reduce_, neck_mix_;
  std::shared_ptr<ChannelNorm2d> neck_norm1_, neck_norm2_;
};

/// [B, Y, X, C] -> [B * windows, window, window, C], padded with `padding` [C] below and right.
at::Tensor cut_windows(const at::Tensor& x, int64_t window, const at::Tensor& padding);

/// Back to [B, height, width, C], without the padding.
at::Tensor join_windows(const at::Tensor& windows, int64_t height, int64_t width);

}  // namespace tessera::segmentation
