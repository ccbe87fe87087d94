#include "tessera/video/wan/dit.h"

#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "tessera/core/error.h"
#include "tessera/nn/time_embedding.h"

namespace tessera::video {
namespace {

/// While it lives, products stay in fp32 whatever autocast says: the time MLP and the head are
/// computed so in the original.
class WithoutAutocast {
 public:
  WithoutAutocast() : guard_(c10::autocast_dispatch_keyset) {}

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

/// A module that holds one child under a number, as a torch Sequential does.
std::shared_ptr<torch::nn::Module> numbered(const std::string& name,
                                            const std::shared_ptr<torch::nn::Module>& child) {
  auto parent = std::make_shared<torch::nn::Module>();
  parent->register_module(name, child);
  return parent;
}

int64_t volume(const Extents& extents) { return extents[0] * extents[1] * extents[2]; }

}  // namespace

DitHead::DitHead(const WanConfig& config)
    : eps(config.eps),
      head(register_module("head", std::make_shared<nn::Linear>(
                                       config.dim, volume(config.patch) * config.out_channels))),
      modulation(register_parameter("modulation", at::zeros({1, 2, config.dim}))) {}

at::Tensor DitHead::forward(const at::Tensor& x, const at::Tensor& e) const {
  const WithoutAutocast guard;
  const auto s = (modulation + e.unsqueeze(1)).unsqueeze(2).unbind(1);  // two of [B, 1, dim]
  return head->forward(modulate(x, s[0], s[1], eps));
}

WanModel::WanModel(const WanConfig& config) : config_(config) {
  TESSERA_CHECK(config.num_heads >= 1 && config.dim % config.num_heads == 0 &&
                    config.head_dim() % 2 == 0 && config.head_dim() >= 6,
                "[WanModel] dim / num_heads must be whole, even and at least 6, got: ", config.dim,
                " / ", config.num_heads);
  const int64_t dim = config.dim;
  const int64_t patch_features = config.in_channels * volume(config.patch);
  patch_embedding_ =
      register_module("patch_embedding", std::make_shared<nn::Linear>(patch_features, dim));
  text_embedding_ =
      register_module("text_embedding", std::make_shared<TwoLayers>(config.text_dim, dim, dim));
  time_embedding_ =
      register_module("time_embedding", std::make_shared<TwoLayers>(config.freq_dim, dim, dim));
  time_projection_ = std::make_shared<nn::Linear>(dim, 6 * dim);
  register_module("time_projection", numbered("1", time_projection_));
  auto blocks = std::make_shared<torch::nn::Module>();
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    blocks_.push_back(std::make_shared<DitBlock>(config, layer));
    blocks->register_module(std::to_string(layer), blocks_.back());
  }
  register_module("blocks", blocks);
  head_ = register_module("head", std::make_shared<DitHead>(config));

  // The checkpoint holds a convolution whose stride is its kernel: the product above by another
  // shape. The parameter has the checkpoint's, so that it loads without a special case.
  const at::NoGradGuard no_grad;
  auto& weight = patch_embedding_->weight;
  weight.set_data(weight.detach().view(
      {dim, config.in_channels, config.patch[0], config.patch[1], config.patch[2]}));
}

void WanModel::set_rope_dtype(at::ScalarType dtype) {
  rope_dtype_ = dtype;
  rope_tables_.clear();
}

nn::TokenGrid WanModel::grid_of(const at::Tensor& x) const {
  const Extents& patch = config_.patch;
  TESSERA_CHECK(x.dim() == 5 && x.size(1) == config_.in_channels && x.size(2) >= patch[0] &&
                    x.size(3) >= patch[1] && x.size(4) >= patch[2] && x.size(2) % patch[0] == 0 &&
                    x.size(3) % patch[1] == 0 && x.size(4) % patch[2] == 0,
                "[WanModel] x must be [B, ", config_.in_channels,
                ", F, Y, X], extents multiples of ", patch[0], ", ", patch[1], ", ", patch[2],
                ", got: ", x.sizes());
  return {x.size(2) / patch[0], x.size(3) / patch[1], x.size(4) / patch[2]};
}

at::Tensor WanModel::embed_patches(const at::Tensor& x) const {
  const auto grid = grid_of(x);
  const Extents& p = config_.patch;
  const auto patches =
      x.reshape({x.size(0), x.size(1), grid.frames, p[0], grid.rows, p[1], grid.columns, p[2]})
          .permute({0, 2, 4, 6, 1, 3, 5, 7})  // [B, f, y, x, C, pf, py, px]
          .reshape({x.size(0), grid.num_tokens(), -1});
  return at::linear(patches, patch_embedding_->weight.flatten(1), patch_embedding_->bias);
}

TimeCondition WanModel::embed_time(const at::Tensor& t) const {
  const WithoutAutocast guard;
  const auto e = time_embedding_->forward_silu(nn::time_embedding(t, config_.freq_dim));
  return {e, time_projection_->forward(at::silu(e)).unflatten(1, {6, config_.dim})};
}

at::Tensor WanModel::embed_text(const at::Tensor& context) const {
  TESSERA_CHECK(context.dim() == 3 && context.size(1) == config_.text_len &&
                    context.size(2) == config_.text_dim,
                "[WanModel] context must be [B, ", config_.text_len, ", ", config_.text_dim,
                "], got: ", context.sizes());
  return text_embedding_->forward_gelu(context);
}

const at::Tensor& WanModel::rope(const nn::TokenGrid& grid, at::Device device) {
  auto& table = rope_tables_[grid];
  if (!table.defined() || table.device() != device)
    table = nn::rope_table(grid, config_.head_dim(), rope_dtype_, device);
  return table;
}

at::Tensor WanModel::forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& context,
                             const SelfAttention& attention, const TokenLayout& layout) {
  const auto grid = grid_of(x);
  TESSERA_CHECK(t.dim() == 1 && t.size(0) == x.size(0) && context.size(0) == x.size(0),
                "[WanModel] t and context must have x's batch ", x.size(0), ", got: ", t.sizes(),
                " and ", context.sizes());
  const auto [e, e0] = embed_time(t);
  const auto text = embed_text(context);
  TESSERA_CHECK(!layout.position.defined() || layout.position.size(0) == grid.num_tokens(),
                "[WanModel] the layout must have x's ", grid.num_tokens(),
                " tokens, got: ", layout.position.sizes());
  // A token's rotation says where it is, so it moves with it; time and text are for all tokens.
  const auto rotation = layout.lay_out(rope(grid, x.device()), 0);
  auto y = layout.lay_out(embed_patches(x), 1);  // [B, L, dim]
  for (const auto& block : blocks_) y = block->forward(y, e0, text, rotation, attention);
  y = layout.put_back(head_->forward(y, e), 1);  // [B, L, pf * py * px * C]

  const Extents& p = config_.patch;
  return y
      .view(
          {x.size(0), grid.frames, grid.rows, grid.columns, p[0], p[1], p[2], config_.out_channels})
      .permute({0, 7, 1, 4, 2, 5, 3, 6})  // [B, C, f, pf, y, py, x, px]
      .reshape({x.size(0), config_.out_channels, x.size(2), x.size(3), x.size(4)});
}

}  // namespace tessera::video
