// The Wan diffusion transformer, text to video: noisy video, time and text in, velocity (or clean
// video, see Prediction) out.
//
// Trained with autograd and torch_self_attention(), used with tessera::attention. The module loads
// no files, chooses no device and does not know what its output means.
// Source: Wan2.1, commit 9737cba, wan/modules/model.py. Parameter names are its checkpoint's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tessera/nn/rope.h"
#include "tessera/video/token_layout.h"
#include "tessera/video/wan/dit_block.h"

namespace tessera::video {

/// The final norm, modulation and projection to patches.
struct DitHead : torch::nn::Module {
  explicit DitHead(const WanConfig& config);

  /// x [B, L, dim], e fp32 [B, dim] -> fp32 [B, L, patch volume * out_channels], channel fastest.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& e) const;

  double eps;
  std::shared_ptr<nn::Linear> head;
  at::Tensor modulation;  // [1, 2, dim]
};

/// What the network computes from the time step.
struct TimeCondition {
  at::Tensor e;   // fp32 [B, dim], for the head
  at::Tensor e0;  // fp32 [B, 6, dim], for the blocks
};

/// One forward at a time: the rotation tables are cached inside.
class WanModel : public torch::nn::Module {
 public:
  /// Weights are zero (norms one) until they are loaded or initialised.
  /// Throws InvalidArgument unless the widths fit each other (check_config).
  explicit WanModel(const WanConfig& config);

  /// x: fp32 [B, in_channels, F, Y, X], extents multiples of the patch.
  /// t: [B], 1000 * sigma, any number type (Wan truncates it to whole numbers when it samples).
  /// context: [B, text_len, text_dim], zero rows after the prompt's end.
  /// layout: the order, over grid_of(x), in which the blocks and `attention` see the tokens; the
  /// result is the same but for rounding.
  /// Returns fp32 [B, out_channels, F, Y, X].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& context,
                     const SelfAttention& attention, const TokenLayout& layout = {});

  const WanConfig& config() const { return config_; }

  /// How the rotation is computed: kComplexDouble as the original (default), kComplexFloat for
  /// faster training.
  void set_rope_dtype(at::ScalarType dtype);

  // The parts of forward(), for tests against a reference part by part.
  at::Tensor embed_patches(const at::Tensor& x) const;     // -> [B, L, dim]
  TimeCondition embed_time(const at::Tensor& t) const;     // [B] ->
  at::Tensor embed_text(const at::Tensor& context) const;  // -> [B, text_len, dim]
  const at::Tensor& rope(const nn::TokenGrid& grid, at::Device device);
  const DitBlock& block(int64_t layer) const { return *blocks_.at(layer); }
  const DitHead& head() const { return *head_; }

  /// Tokens along each axis of x. Throws InvalidArgument unless x fits the patch.
  nn::TokenGrid grid_of(const at::Tensor& x) const;

 private:
  WanConfig config_;
  std::shared_ptr<nn::Linear> patch_embedding_;  // its weight is [dim, in, pf, py, px]
  std::shared_ptr<TwoLayers> time_embedding_, text_embedding_;
  std::shared_ptr<nn::Linear> time_projection_;
  std::vector<std::shared_ptr<DitBlock>> blocks_;
  std::shared_ptr<DitHead> head_;
  at::ScalarType rope_dtype_ = at::kComplexDouble;
  std::map<nn::TokenGrid, at::Tensor> rope_tables_;
};

/// Random weights as Wan's own init_weights: Xavier for the products, 0.02 for time and text
/// embedding, N(0, 1/dim) for the modulations, zero biases and head. Same seed, same weights.
void initialise_weights(WanModel& model, uint64_t seed);

}  // namespace tessera::video
