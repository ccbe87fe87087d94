// The transformer's self-attention by tessera::attention, with what it remembers between steps.
//
// Guidance runs the network twice a step, with and without the prompt. The two streams see other
// scores, so each layer has one state for each: shared, a tile would be lost to both as soon as
// one drops it, and the steps would be counted twice.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tessera/attention/max_gap.h"
#include "tessera/attention/token_order.h"
#include "tessera/torch_ops/attention.h"
#include "tessera/video/wan/config.h"
#include "tessera/video/wan/self_attention.h"

namespace tessera::video {

enum class AttentionMode {
  kDense,  // every tile in every step
  kLite,   // tiles that did not matter are left out from the next step on
};

struct AttentionSettings {
  AttentionMode mode = AttentionMode::kLite;
  attention::MaxGapPolicy policy;
  /// Steps at the start and the end that visit every tile and drop none.
  int64_t dense_first_steps = 0, dense_last_steps = 0;
  /// Layers that visit every tile in every step, counted from 0.
  std::vector<int64_t> dense_layers;
  /// How the film's tokens are laid out, in dense mode too; `token_box` is for boxes.
  attention::TokenOrderKind token_order = attention::TokenOrderKind::kHilbert;
  attention::TokenExtents token_box = attention::TokenOrderSpec{}.box;
};

/// Throws InvalidArgument: the threshold is not finite and below zero, a negative number of steps,
/// a layer that the model does not have, an empty box.
void check_settings(const AttentionSettings& settings, int64_t num_layers);

/// A sequence of calls whose scores resemble each other from step to step.
enum class Stream { kConditional, kUnconditional };

/// "conditional", "unconditional".
std::string stream_name(Stream stream);

/// What one layer did in one step of one stream, summed over batch and heads.
struct TileStatistics {
  Stream stream = Stream::kConditional;
  int64_t layer = 0;
  int64_t total = 0;    // tiles
  int64_t visited = 0;  // of these, computed
  int64_t dropped = 0;  // of these, left out from the next step on
};

/// Attention of one generation of `total_steps` steps. One call at a time. `token_order` is the id
/// of the order in which all calls lay out their tokens (attention::token_order_id).
class SkipAttention {
 public:
  SkipAttention(const AttentionSettings& settings, const TileSizes& tiles, int64_t total_steps,
                int32_t token_order = 0);

  /// Says which step, counted from 0, the calls that follow belong to.
  void begin_step(int64_t step);

  /// The function to plug into the transformer; valid as long as this object.
  SelfAttention stream(Stream stream);

  /// What the calls since begin_step() did, in their order.
  const std::vector<TileStatistics>& statistics() const { return statistics_; }

  /// The state of a layer and stream, or null before its first call.
  const torch_ops::SkipStateTensors* state(Stream stream, int64_t layer) const;

  /// The back end that ran last, such as "cpu/AVX3"; empty before the first call.
  const std::string& backend() const { return backend_; }

 private:
  at::Tensor attend(Stream stream, int64_t layer, const at::Tensor& q, const at::Tensor& k,
                    const at::Tensor& v);
  /// Devices without a back end of ours: dense, without statistics.
  at::Tensor attend_with_torch(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  bool is_dense(int64_t layer) const;
  torch_ops::SkipStateTensors& state_for(Stream stream, int64_t layer, const at::Tensor& q);

  AttentionSettings settings_;
  TileSizes tiles_;
  int64_t total_steps_;
  int32_t token_order_;
  int64_t step_ = 0;
  std::map<std::pair<Stream, int64_t>, torch_ops::SkipStateTensors> states_;
  std::vector<TileStatistics> statistics_;
  std::string backend_;
};

}  // namespace tessera::video
