#include "tessera/segmentation/sam/mask_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/stack.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/sam/fast_linear.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

/// [N, C, Y, X] as the decoder keeps it -> [N, Y, X, C], side by side.
Tensor channels_last(const Tensor& x) { return lean(x).permute({0, 2, 3, 1}).contiguous(); }

}  // namespace

MaskDecoder::MaskDecoder(const SamConfig& config) {
  const int64_t dim = config.prompt_dim, num_masks = config.num_multimask + 1;
  transformer = register_module("transformer", std::make_shared<TwoWayTransformer>(config));
  iou_token = register_module("iou_token", std::make_shared<Table>(1, dim));
  mask_tokens = register_module("mask_tokens", std::make_shared<Table>(num_masks, dim));
  auto up = register_module("output_upscaling", std::make_shared<NumberedModules>());
  up1 = up->add(0, std::make_shared<DoublingConv2d>(dim, dim / 4, 2));
  up_norm = up->add(1, std::make_shared<ChannelNorm2d>(dim / 4));
  up2 = up->add(3, std::make_shared<DoublingConv2d>(dim / 4, dim / 8, 2));
  auto list = register_module("output_hypernetworks_mlps", std::make_shared<NumberedModules>());
  for (int64_t i = 0; i < num_masks; ++i) {
    hypernetworks.push_back(list->add(i, std::make_shared<Mlp>(dim, dim, dim / 8, 3)));
  }
  iou_head = register_module(
      "iou_prediction_head",
      std::make_shared<Mlp>(dim, config.iou_head_dim, num_masks, config.iou_head_depth));
}

Sam::Masks MaskDecoder::forward(const Tensor& embeddings, const Tensor& image_positions,
                                const Tensor& sparse, const Tensor& dense, bool multimask) const {
  const int64_t prompts = sparse.size(0), images = embeddings.size(0);
  TESSERA_CHECK(images >= 1 && prompts % images == 0,
                "[Sam::decode] the number of prompts must be a multiple of the images, got: ",
                prompts, " prompts for ", images, " images");
  const Tensor own =
      at::cat({iou_token->weight, mask_tokens->weight}, 0).unsqueeze(0).expand({prompts, -1, -1});
  const Tensor tokens = at::cat({own, sparse.to(own.scalar_type())}, 1);
  TESSERA_CHECK(dense.size(0) == 1 || dense.size(0) == prompts,
                "[Sam::decode] the dense prompts must be one or as many as the prompts, ", prompts,
                ", got: ", dense.size(0));
  // Channels last from here on: then the transformer's tokens are views, and what is computed from
  // them lies side by side. [B, K, Y, X, dim], K the prompts of an image with a dense one each.
  const int64_t each = dense.size(0) > images ? prompts / images : 1;
  Tensor dense_last = channels_last(dense);
  if (dense.size(0) > 1) dense_last = dense_last.unflatten(0, {images, each});
  const Tensor image = (channels_last(embeddings).unsqueeze(1) + dense_last).flatten(0, 1);
  const auto [read, keys] =
      transformer->forward(image.permute({0, 3, 1, 2}), lean(image_positions), tokens);

  const Tensor features = upscale(keys).flatten(1, 2);  // [P, Y * X * 16, dim / 8]
  // Only the tokens that are asked for.
  const int64_t num_masks = static_cast<int64_t>(hypernetworks.size());
  const int64_t first = multimask ? 1 : 0, end = multimask ? num_masks : 1;
  std::vector<Tensor> kernels;
  for (int64_t i = first; i < end; ++i) {
    kernels.push_back(hypernetworks[i]->forward(read.select(1, 1 + i)));
  }
  // In this order of factors the gradient of the features lies as they do.
  const Tensor logits =
      at::bmm(features, at::stack(kernels, 2).to(features.scalar_type()));  // [P, Y * X * 16, n]
  const int64_t y = embeddings.size(2), x = embeddings.size(3);
  return {logits.view({prompts, y, x, 2, 2, 2, 2, end - first})
              .permute({0, 7, 1, 3, 5, 2, 4, 6})
              .reshape({prompts, end - first, 4 * y, 4 * x})
              .to(at::kFloat),
          iou_head->forward(read.select(1, 0)).slice(1, first, end).to(at::kFloat)};
}

// A transposed convolution whose kernel is its stride makes each pixel's four children from it
// alone: a linear layer. So the upscaling stays in token order, where norms run over neighbours in
// memory, and only the finished logits are put in rows.
Tensor MaskDecoder::upscale(const Tensor& image) const {
  const auto double_up = [](const Tensor& x, const DoublingConv2d& layer) {
    const Tensor weight = layer.weight.permute({2, 3, 1, 0}).flatten(0, 2);  // [4 out, in]
    return fast_linear(x, weight, layer.bias.repeat({4})).unflatten(-1, {4, layer.bias.size(0)});
  };
  const Tensor half = double_up(image, *up1);  // [P, Y * X, 4, dim / 4]
  const Tensor normed = lean_layer_norm(half, up_norm->weight, up_norm->bias, 1e-6);
  return at::gelu(double_up(at::gelu(normed), *up2)).flatten(2, 3);
}

}  // namespace tessera::segmentation
