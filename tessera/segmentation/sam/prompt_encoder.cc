#include "tessera/segmentation/sam/prompt_encoder.h"

#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace tessera::segmentation {

using at::Tensor;

/// Two halvings and a projection: "mask_downscaling.0" to ".6".
struct PromptEncoder::MaskNetwork : NumberedModules {
  explicit MaskNetwork(const SamConfig& config) {
    const int64_t channels = config.mask_prompt_channels;
    const ConvOptions halving{.kernel = 2, .stride = 2};
    conv0 = add(0, std::make_shared<Conv2d>(1, channels / 4, halving));
    norm1 = add(1, std::make_shared<ChannelNorm2d>(channels / 4));
    conv3 = add(3, std::make_shared<Conv2d>(channels / 4, channels, halving));
    norm4 = add(4, std::make_shared<ChannelNorm2d>(channels));
    conv6 = add(6, std::make_shared<Conv2d>(channels, config.prompt_dim, ConvOptions{.kernel = 1}));
  }
  Tensor forward(const Tensor& masks) const {
    const Tensor half = at::gelu(norm1->forward(conv0->forward(masks)));
    return conv6->forward(at::gelu(norm4->forward(conv3->forward(half))));
  }
  std::shared_ptr<Conv2d> conv0, conv3, conv6;
  std::shared_ptr<ChannelNorm2d> norm1, norm4;
};

/// Holds the random matrix of the Fourier features, [2, prompt_dim / 2], a buffer.
struct PromptEncoder::PositionLayer : torch::nn::Module {
  explicit PositionLayer(int64_t features)
      : matrix(register_buffer("positional_encoding_gaussian_matrix", at::zeros({2, features}))) {}
  Tensor matrix;
};

PromptEncoder::PromptEncoder(const SamConfig& config) : config(config) {
  const int64_t dim = config.prompt_dim;
  position_layer_ = register_module("pe_layer", std::make_shared<PositionLayer>(dim / 2));
  auto points = register_module("point_embeddings", std::make_shared<NumberedModules>());
  for (int64_t i = 0; i < 4; ++i) {  // outside, inside, and a box's two corners
    point_embeddings_.push_back(points->add(i, std::make_shared<Table>(1, dim)));
  }
  not_a_point_ = register_module("not_a_point_embed", std::make_shared<Table>(1, dim));
  no_mask_ = register_module("no_mask_embed", std::make_shared<Table>(1, dim));
  mask_network_ = register_module("mask_downscaling", std::make_shared<MaskNetwork>(config));
}

Tensor PromptEncoder::positions(const Tensor& places) const {
  // Not a matrix product: under autocast that would round places to bf16.
  const Tensor& matrix = position_layer_->matrix;
  const Tensor centred = places.to(at::kFloat) * 2 - 1;
  const Tensor angles = (centred.select(-1, 0).unsqueeze(-1) * matrix[0] +
                         centred.select(-1, 1).unsqueeze(-1) * matrix[1]) *
                        (2 * std::numbers::pi);
  return at::cat({at::sin(angles), at::cos(angles)}, -1);
}

Tensor PromptEncoder::grid_positions() const {
  const int64_t grid = config.grid();
  const auto options = no_mask_->weight.options();
  const Tensor centres = (at::arange(grid, options) + 0.5) / static_cast<double>(grid);
  const Tensor x = centres.unsqueeze(0).expand({grid, grid}),
               y = centres.unsqueeze(1).expand({grid, grid});
  return positions(at::stack({x, y}, -1)).permute({2, 0, 1}).unsqueeze(0);
}

Tensor PromptEncoder::sparse(const Sam::Prompts& prompts) const {
  const double size = static_cast<double>(config.image_size);
  std::vector<Tensor> tokens;
  if (prompts.points.defined()) {
    Tensor points = prompts.points + 0.5, labels = prompts.labels;
    if (!prompts.boxes.defined()) {  // as many tokens as a box would add, one less
      points = at::cat({points, at::zeros({points.size(0), 1, 2}, points.options())}, 1);
      labels = at::cat({labels, at::full({labels.size(0), 1}, -1, labels.options())}, 1);
    }
    const Tensor kind = labels.unsqueeze(-1);
    const Tensor there = positions(points / size);
    const Tensor inside = there + point_embeddings_[1]->weight,
                 outside = there + point_embeddings_[0]->weight;
    tokens.push_back(at::where(
        kind == 1, inside,
        at::where(kind == 0, outside, at::where(kind == -1, not_a_point_->weight, there))));
  }
  if (prompts.boxes.defined()) {
    const Tensor corners = positions((prompts.boxes + 0.5).view({-1, 2, 2}) / size);
    const Tensor kinds = at::cat({point_embeddings_[2]->weight, point_embeddings_[3]->weight}, 0);
    tokens.push_back(corners + kinds);
  }
  if (!tokens.empty()) return at::cat(tokens, 1);
  const int64_t count = prompts.masks.defined() ? prompts.masks.size(0) : 1;
  return at::empty({count, 0, config.prompt_dim}, no_mask_->weight.options());
}

Tensor PromptEncoder::dense(const Tensor& masks) const { return mask_network_->forward(masks); }

Tensor PromptEncoder::no_mask(int64_t batch) const {
  return no_mask_->weight.view({1, -1, 1, 1})
      .expand({batch, config.prompt_dim, config.grid(), config.grid()});
}

}  // namespace tessera::segmentation
