#include "tessera/segmentation/sam/image_encoder.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "tessera/segmentation/sam/fast_linear.h"
#include "tessera/segmentation/sam/position_attention.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

constexpr double kEps = 1e-6;

/// A convolution whose kernel is its stride.
struct PatchEmbed : torch::nn::Module {
  explicit PatchEmbed(const SamConfig& config)
      : proj(register_module(
            "proj", std::make_shared<Conv2d>(
                        3, config.embed_dim,
                        ConvOptions{.kernel = config.patch_size, .stride = config.patch_size}))) {}
  std::shared_ptr<Conv2d> proj;
};

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

Tensor cut_windows(const Tensor& x, int64_t window, const Tensor& padding) {
  const int64_t b = x.size(0), c = x.size(3);
  const int64_t height = round_up(x.size(1), window), width = round_up(x.size(2), window);
  Tensor padded = x;
  if (height != x.size(1) || width != x.size(2)) {
    padded = padding.to(x.scalar_type()).expand({b, height, width, c}).clone();
    padded.slice(1, 0, x.size(1)).slice(2, 0, x.size(2)).copy_(x);
  }
  return padded.view({b, height / window, window, width / window, window, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, window, window, c});
}

Tensor join_windows(const Tensor& windows, int64_t height, int64_t width) {
  const int64_t window = windows.size(1), c = windows.size(3);
  const int64_t rows = round_up(height, window) / window,
                columns = round_up(width, window) / window;
  return windows.view({-1, rows, columns, window, window, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, rows * window, columns * window, c})
      .slice(1, 0, height)
      .slice(2, 0, width);
}

ImageAttention::ImageAttention(int64_t dim, int64_t num_heads, int64_t side)
    : num_heads(num_heads),
      qkv(register_module("qkv", std::make_shared<nn::Linear>(dim, 3 * dim))),
      proj(register_module("proj", std::make_shared<nn::Linear>(dim, dim))),
      rel_pos_h(register_parameter("rel_pos_h", at::zeros({2 * side - 1, dim / num_heads}))),
      rel_pos_w(register_parameter("rel_pos_w", at::zeros({2 * side - 1, dim / num_heads}))) {}

/// Queries, keys and values, each [B, heads, N, d], B the windows if there are any.
std::vector<Tensor> ImageAttention::project(const Tensor& x, int64_t window) const {
  // The padding of windows are zeros before this product, so it is the bias behind it: cheaper to
  // fill in than to compute. Without gradients one product each, whose memory is used again (see
  // MlpBlock); else one for all.
  const int64_t dim = x.size(3), products = is_plain_cpu(x) ? 3 : 1;
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < products; ++i) {
    const auto weight = qkv->weight.chunk(products)[i], bias = qkv->bias.chunk(products)[i];
    Tensor y = fast_linear(x, weight, bias);
    if (window > 0) y = cut_windows(y, window, bias);
    y = y.flatten(1, 2).unflatten(-1, {3 / products, num_heads, dim / num_heads});
    for (const auto& part : y.unbind(2)) parts.push_back(part.transpose(1, 2));
  }
  return parts;
}

Tensor ImageAttention::forward(const Tensor& x, int64_t window) const {
  const int64_t height = window > 0 ? window : x.size(1), width = window > 0 ? window : x.size(2);
  const auto parts = project(x, window);
  auto out = position_attention(parts[0], parts[1], parts[2], rel_pos_h, rel_pos_w, height, width)
                 .transpose(1, 2)
                 .reshape({-1, height, width, x.size(3)});
  if (window > 0) out = join_windows(out, x.size(1), x.size(2));
  return fast_linear(out, proj->weight, proj->bias);
}

ImageBlock::ImageBlock(const SamConfig& config, int64_t window)
    : window(window),
      norm1(register_module("norm1", std::make_shared<nn::LayerNorm>(config.embed_dim, kEps))),
      norm2(register_module("norm2", std::make_shared<nn::LayerNorm>(config.embed_dim, kEps))),
      attn(register_module("attn",
                           std::make_shared<ImageAttention>(config.embed_dim, config.num_heads,
                                                            window == 0 ? config.grid() : window))),
      mlp(register_module("mlp", std::make_shared<MlpBlock>(config.embed_dim, config.mlp_dim,
                                                            MlpBlock::Activation::kGelu))) {}

Tensor ImageBlock::forward(const Tensor& x) const {
  const Tensor y = x + attn->forward(norm1->forward(x), window);
  return y + mlp->forward(norm2->forward(y));
}

ImageEncoder::ImageEncoder(const SamConfig& config) {
  auto patch = register_module("patch_embed", std::make_shared<PatchEmbed>(config));
  patch_proj_ = patch->proj;
  const int64_t grid = config.grid(), dim = config.prompt_dim;
  if (config.has_absolute_positions) {
    pos_embed = register_parameter("pos_embed", at::zeros({1, grid, grid, config.embed_dim}));
  }
  auto list = register_module("blocks", std::make_shared<NumberedModules>());
  for (int64_t i = 0; i < config.depth; ++i) {
    const auto& global = config.global_blocks;
    const bool is_global = std::find(global.begin(), global.end(), i) != global.end();
    blocks.push_back(
        list->add(i, std::make_shared<ImageBlock>(config, is_global ? 0 : config.window_size)));
  }
  auto neck = register_module("neck", std::make_shared<NumberedModules>());
  const auto conv = [](int64_t from, int64_t to, int64_t kernel) {
    return std::make_shared<Conv2d>(from, to, ConvOptions{.kernel = kernel, .has_bias = false});
  };
  neck_reduce_ = neck->add(0, conv(config.embed_dim, dim, 1));
  neck_norm1_ = neck->add(1, std::make_shared<ChannelNorm2d>(dim));
  neck_mix_ = neck->add(2, conv(dim, dim, 3));
  neck_norm2_ = neck->add(3, std::make_shared<ChannelNorm2d>(dim));
}

Tensor ImageEncoder::forward(const Tensor& images) const {
  Tensor x = patch_proj_->forward(images).permute({0, 2, 3, 1});  // [B, grid, grid, dim]
  // The sum of all blocks is kept in fp32, autocast or not.
  x = pos_embed.defined() ? x + pos_embed : x.to(at::kFloat);
  for (const auto& block : blocks) x = block->forward(x);
  x = neck_norm1_->forward(neck_reduce_->forward(x.permute({0, 3, 1, 2})));
  return neck_norm2_->forward(neck_mix_->forward(x)).to(at::kFloat);
}

}  // namespace tessera::segmentation
