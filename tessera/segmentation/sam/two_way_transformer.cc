#include "tessera/segmentation/sam/two_way_transformer.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "tessera/segmentation/sam/fast_linear.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

constexpr double kEps = 1e-5;

std::shared_ptr<nn::LayerNorm> layer_norm(int64_t dim) {
  return std::make_shared<nn::LayerNorm>(dim, kEps);
}

Tensor linear(const nn::Linear& layer, const Tensor& x) {
  return fast_linear(x, layer.weight, layer.bias);
}

at::Tensor norm(const nn::LayerNorm& layer, const Tensor& x) {
  return lean_layer_norm(x, layer.weight, layer.bias, layer.eps);
}

/// Each entry as often as it takes for so many.
Tensor repeated_to(const Tensor& x, int64_t batch) {
  return x.size(0) == batch ? x : x.repeat_interleave(batch / x.size(0), 0);
}

}  // namespace

ProjectedAttention::ProjectedAttention(int64_t dim, int64_t inner_dim, int64_t num_heads)
    : num_heads(num_heads),
      q_proj(register_module("q_proj", std::make_shared<nn::Linear>(dim, inner_dim))),
      k_proj(register_module("k_proj", std::make_shared<nn::Linear>(dim, inner_dim))),
      v_proj(register_module("v_proj", std::make_shared<nn::Linear>(dim, inner_dim))),
      out_proj(register_module("out_proj", std::make_shared<nn::Linear>(inner_dim, dim))) {}

Tensor ProjectedAttention::forward(const Tensor& q, const Tensor& k, const Tensor& v) const {
  const auto heads = [&](const Tensor& x) {  // [P, L, inner] -> [P, heads, L, inner / heads]
    return x.view({x.size(0), x.size(1), num_heads, x.size(2) / num_heads}).transpose(1, 2);
  };
  const int64_t images = k.size(0), batch = std::max(q.size(0), images);
  Tensor queries = repeated_to(linear(*q_proj, q), batch);
  // Queries do not know of each other, so those of all prompts of an image go as one list.
  if (images < batch) queries = queries.reshape({images, -1, queries.size(2)});
  const Tensor out = at::scaled_dot_product_attention(heads(queries), heads(linear(*k_proj, k)),
                                                      heads(linear(*v_proj, v)));
  return linear(*out_proj, out.transpose(1, 2).reshape({batch, q.size(1), -1}));
}

TwoWayBlock::TwoWayBlock(const SamConfig& config, bool is_first) : is_first(is_first) {
  const int64_t dim = config.prompt_dim, heads = config.decoder_heads;
  const auto attention = [&](int64_t inner) {
    return std::make_shared<ProjectedAttention>(dim, inner, heads);
  };
  self_attn = register_module("self_attn", attention(dim));
  norm1 = register_module("norm1", layer_norm(dim));
  token_to_image = register_module("cross_attn_token_to_image", attention(dim / 2));
  norm2 = register_module("norm2", layer_norm(dim));
  mlp = register_module(
      "mlp", std::make_shared<MlpBlock>(dim, config.decoder_mlp_dim, MlpBlock::Activation::kRelu));
  norm3 = register_module("norm3", layer_norm(dim));
  norm4 = register_module("norm4", layer_norm(dim));
  image_to_token = register_module("cross_attn_image_to_token", attention(dim / 2));
}

void TwoWayBlock::forward(Tensor& tokens, Tensor& image, const Tensor& token_positions,
                          const Tensor& image_positions) const {
  if (is_first) {  // the tokens are their own positions so far
    tokens = self_attn->forward(tokens, tokens, tokens).to(at::kFloat);
  } else {
    const Tensor q = tokens + token_positions;
    tokens = tokens + self_attn->forward(q, q, tokens);
  }
  tokens = norm(*norm1, tokens);
  const Tensor placed_image = image + image_positions;
  tokens =
      norm(*norm2, tokens + token_to_image->forward(tokens + token_positions, placed_image, image));
  tokens = norm(*norm3, tokens + mlp->forward(tokens));
  const Tensor read = image_to_token->forward(placed_image, tokens + token_positions, tokens);
  image = norm(*norm4, repeated_to(image, read.size(0)) + read);
}

TwoWayTransformer::TwoWayTransformer(const SamConfig& config) {
  auto list = register_module("layers", std::make_shared<NumberedModules>());
  for (int64_t i = 0; i < config.decoder_depth; ++i) {
    layers.push_back(list->add(i, std::make_shared<TwoWayBlock>(config, i == 0)));
  }
  final_attn = register_module("final_attn_token_to_image",
                               std::make_shared<ProjectedAttention>(
                                   config.prompt_dim, config.prompt_dim / 2, config.decoder_heads));
  norm_final = register_module("norm_final_attn", layer_norm(config.prompt_dim));
}

std::pair<Tensor, Tensor> TwoWayTransformer::forward(const Tensor& image,
                                                     const Tensor& image_positions,
                                                     const Tensor& tokens) const {
  Tensor keys = image.flatten(2).transpose(1, 2);  // [P, N, dim]
  const Tensor places = image_positions.flatten(2).transpose(1, 2);
  Tensor queries = tokens;
  for (const auto& layer : layers) layer->forward(queries, keys, tokens, places);
  queries = queries + final_attn->forward(queries + tokens, keys + places, keys);
  return {norm(*norm_final, queries), keys};
}

}  // namespace tessera::segmentation
