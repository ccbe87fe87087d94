#include "tessera/video/wan/dit_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>

#include "tessera/nn/rope.h"

namespace tessera::video {

AttentionProjections::AttentionProjections(const WanConfig& config)
    : num_heads(config.num_heads),
      q(register_module("q", std::make_shared<nn::Linear>(config.dim, config.dim))),
      k(register_module("k", std::make_shared<nn::Linear>(config.dim, config.dim))),
      v(register_module("v", std::make_shared<nn::Linear>(config.dim, config.dim))),
      o(register_module("o", std::make_shared<nn::Linear>(config.dim, config.dim))),
      norm_q(register_module("norm_q", std::make_shared<nn::RmsNorm>(config.dim, config.eps))),
      norm_k(register_module("norm_k", std::make_shared<nn::RmsNorm>(config.dim, config.eps))) {}

at::Tensor AttentionProjections::queries(const at::Tensor& x) const {
  return norm_q->forward(q->forward(x)).unflatten(2, {num_heads, -1});
}

at::Tensor AttentionProjections::keys(const at::Tensor& x) const {
  return norm_k->forward(k->forward(x)).unflatten(2, {num_heads, -1});
}

at::Tensor AttentionProjections::values(const at::Tensor& x) const {
  return v->forward(x).unflatten(2, {num_heads, -1});
}

at::Tensor AttentionProjections::output(const at::Tensor& heads) const {
  return o->forward(heads.flatten(2));
}

TwoLayers::TwoLayers(int64_t in_features, int64_t hidden, int64_t out_features)
    : first(register_module("0", std::make_shared<nn::Linear>(in_features, hidden))),
      second(register_module("2", std::make_shared<nn::Linear>(hidden, out_features))) {}

at::Tensor TwoLayers::forward_gelu(const at::Tensor& x) const {
  return second->forward(at::gelu(first->forward(x), "tanh"));
}

at::Tensor TwoLayers::forward_silu(const at::Tensor& x) const {
  return second->forward(at::silu(first->forward(x)));
}

DitBlock::DitBlock(const WanConfig& config, int64_t layer)
    : layer_(layer),
      eps_(config.eps),
      self_attn_(register_module("self_attn", std::make_shared<AttentionProjections>(config))),
      cross_attn_(register_module("cross_attn", std::make_shared<AttentionProjections>(config))),
      norm3_(register_module("norm3", std::make_shared<nn::LayerNorm>(config.dim, config.eps))),
      ffn_(register_module("ffn",
                           std::make_shared<TwoLayers>(config.dim, config.ffn_dim, config.dim))),
      modulation_(register_parameter("modulation", at::zeros({1, 6, config.dim}))) {}

at::Tensor DitBlock::forward(const at::Tensor& x, const at::Tensor& e0, const at::Tensor& context,
                             const at::Tensor& rope, const SelfAttention& attention) const {
  // Order in the checkpoint: shift, scale, gate of the self-attention, then of the FFN.
  const auto s = (modulation_ + e0).unsqueeze(2).unbind(1);  // six of [B, 1, dim]
  auto y = x + attend_to_self(modulate(x, s[0], s[1], eps_), rope, attention) * s[2];
  y = y + attend_to_text(norm3_->forward(y), context);
  return y + ffn_->forward_gelu(modulate(y, s[3], s[4], eps_)) * s[5];
}

at::Tensor DitBlock::attend_to_self(const at::Tensor& x, const at::Tensor& rope,
                                    const SelfAttention& attention) const {
  const auto v = self_attn_->values(x);  // [B, L, H, D], bf16 under autocast
  // The rotation leaves fp32; attention takes all three in the dtype of the products.
  const auto q = nn::apply_rope(self_attn_->queries(x), rope).to(v.scalar_type());
  const auto k = nn::apply_rope(self_attn_->keys(x), rope).to(v.scalar_type());
  return self_attn_->output(attention(layer_, q, k, v));
}

at::Tensor DitBlock::attend_to_text(const at::Tensor& x, const at::Tensor& context) const {
  // No mask: the rows past the prompt's end take part, as in the original.
  const auto v = cross_attn_->values(context);  // [B, text_len, H, D]
  const auto q = cross_attn_->queries(x).to(v.scalar_type());
  const auto k = cross_attn_->keys(context).to(v.scalar_type());
  return cross_attn_->output(torch_attention(q, k, v));
}

at::Tensor modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                    double eps) {
  return at::addcmul(shift, nn::plain_layer_norm(x, eps).to(at::kFloat), scale + 1);
}

}  // namespace tessera::video
