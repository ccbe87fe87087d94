#include "tessera/segmentation/sam/mask_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/stack.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {

using at::Tensor;

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
  const Tensor image =
      (prompts == images ? embeddings : embeddings.repeat_interleave(prompts / images, 0)) + dense;
  const auto [read, keys] = transformer->forward(image, image_positions, tokens);

  const Tensor source = keys.transpose(1, 2).reshape(image.sizes());
  const Tensor half = at::gelu(up_norm->forward(up1->forward(source)));
  const Tensor features = at::gelu(up2->forward(half));  // [P, dim / 8, 4 Y, 4 X]
  // Only the tokens that are asked for.
  const int64_t num_masks = static_cast<int64_t>(hypernetworks.size());
  const int64_t first = multimask ? 1 : 0, end = multimask ? num_masks : 1;
  std::vector<Tensor> kernels;
  for (int64_t i = first; i < end; ++i) {
    kernels.push_back(hypernetworks[i]->forward(read.select(1, 1 + i)));
  }
  const Tensor logits =
      at::bmm(at::stack(kernels, 1).to(features.scalar_type()), features.flatten(2));
  return {logits.view({prompts, end - first, features.size(2), features.size(3)}),
          iou_head->forward(read.select(1, 0)).slice(1, first, end)};
}

}  // namespace tessera::segmentation
