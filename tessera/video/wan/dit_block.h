// One layer of the Wan diffusion transformer.
//
// x += gate * SelfAttention(modulate(LN(x))); x += CrossAttention(LN(x), context);
// x += gate * FFN(modulate(LN(x))). The residual stream, the norms and the modulation are fp32
// whatever autocast does to the products.
// Source: Wan2.1, commit 9737cba, wan/modules/model.py. Parameter names are its checkpoint's.
#pragma once

#include <memory>

#include "tessera/nn/layers.h"
#include "tessera/video/wan/config.h"
#include "tessera/video/wan/self_attention.h"

namespace tessera::video {

/// The projections of an attention: q, k, v, o and the norms of q and k over the whole width.
struct AttentionProjections : torch::nn::Module {
  explicit AttentionProjections(const WanConfig& config);

  /// [B, L, dim] -> [B, L, H, D], normalised.
  at::Tensor queries(const at::Tensor& x) const;
  at::Tensor keys(const at::Tensor& x) const;

  /// [B, L, dim] -> [B, L, H, D].
  at::Tensor values(const at::Tensor& x) const;

  /// [B, L, H, D] -> [B, L, dim].
  at::Tensor output(const at::Tensor& heads) const;

  int64_t num_heads;
  std::shared_ptr<nn::Linear> q, k, v, o;
  std::shared_ptr<nn::RmsNorm> norm_q, norm_k;
};

/// Two linear layers named "0" and "2" around an activation, as in a torch Sequential.
struct TwoLayers : torch::nn::Module {
  TwoLayers(int64_t in_features, int64_t hidden, int64_t out_features);
  at::Tensor forward_gelu(const at::Tensor& x) const;  // GELU by its tanh form
  at::Tensor forward_silu(const at::Tensor& x) const;

  std::shared_ptr<nn::Linear> first, second;
};

class DitBlock : public torch::nn::Module {
 public:
  DitBlock(const WanConfig& config, int64_t layer);

  /// x [B, L, dim], e0 fp32 [B, 6, dim], context [B, text_len, dim], rope complex [L, D/2];
  /// returns [B, L, dim], fp32.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& e0, const at::Tensor& context,
                     const at::Tensor& rope, const SelfAttention& attention) const;

 private:
  at::Tensor attend_to_self(const at::Tensor& x, const at::Tensor& rope,
                            const SelfAttention& attention) const;
  at::Tensor attend_to_text(const at::Tensor& x, const at::Tensor& context) const;

  int64_t layer_;
  double eps_;
  std::shared_ptr<AttentionProjections> self_attn_, cross_attn_;
  std::shared_ptr<nn::LayerNorm> norm3_;
  std::shared_ptr<TwoLayers> ffn_;
  at::Tensor modulation_;  // [1, 6, dim]
};

/// LN(x) * (1 + scale) + shift in fp32. x [B, L, dim]; shift, scale [B, 1, dim].
at::Tensor modulate(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                    double eps);

}  // namespace tessera::video
