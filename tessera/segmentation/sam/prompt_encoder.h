// SAM's prompt encoder. Parameter names below "prompt_encoder." of Meta's files.
#pragma once

#include <memory>
#include <vector>

#include "tessera/segmentation/layers.h"
#include "tessera/segmentation/sam/config.h"
#include "tessera/segmentation/sam/sam.h"
#include "tessera/segmentation/sam/sam_layers.h"

namespace tessera::segmentation {

struct PromptEncoder : torch::nn::Module {
  explicit PromptEncoder(const SamConfig& config);

  /// Points and boxes as tokens, [P, T, prompt_dim]; T = 0 when there are none.
  at::Tensor sparse(const Sam::Prompts& prompts) const;

  /// Mask logits [P, 1, mask_size, mask_size] -> [P, prompt_dim, grid, grid].
  at::Tensor dense(const at::Tensor& masks) const;

  /// What stands for "no mask": [batch, prompt_dim, grid, grid].
  at::Tensor no_mask(int64_t batch) const;

  /// The positions of the image tokens: [1, prompt_dim, grid, grid], fp32.
  at::Tensor grid_positions() const;

  /// Random Fourier features of places in [0, 1]^2: [..., 2] (x, y) -> [..., prompt_dim].
  at::Tensor positions(const at::Tensor& places) const;

  SamConfig config;

 private:
  struct MaskNetwork;
  struct PositionLayer;
  std::shared_ptr<PositionLayer> position_layer_;
  std::vector<std::shared_ptr<Table>> point_embeddings_;
  std::shared_ptr<Table> not_a_point_, no_mask_;
  std::shared_ptr<MaskNetwork> mask_network_;
};

}  // namespace tessera::segmentation
