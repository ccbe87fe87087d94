#include "tessera/video/skip_attention.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::video {

void check_settings(const AttentionSettings& settings, int64_t num_layers) {
  const float threshold = settings.policy.threshold;
  TESSERA_CHECK(std::isfinite(threshold) && threshold < 0,
                "[generate] the attention threshold is in natural-log units and must be below 0, "
                "got: ",
                threshold);
  TESSERA_CHECK(settings.dense_first_steps >= 0 && settings.dense_last_steps >= 0,
                "[generate] the numbers of dense steps must be >= 0, got: ",
                settings.dense_first_steps, " and ", settings.dense_last_steps);
  for (const int64_t layer : settings.dense_layers)
    TESSERA_CHECK(layer >= 0 && layer < num_layers, "[generate] a dense layer must be in [0, ",
                  num_layers, "), got: ", layer);
  for (const int64_t extent : settings.token_box)
    TESSERA_CHECK(extent >= 1,
                  "[generate] every extent of a token box must be >= 1, got: ", extent);
}

std::string stream_name(Stream stream) {
  return stream == Stream::kConditional ? "conditional" : "unconditional";
}

SkipAttention::SkipAttention(const AttentionSettings& settings, const TileSizes& tiles,
                             int64_t total_steps, int32_t token_order)
    : settings_(settings), tiles_(tiles), total_steps_(total_steps), token_order_(token_order) {}

void SkipAttention::begin_step(int64_t step) {
  step_ = step;
  statistics_.clear();
}

SelfAttention SkipAttention::stream(Stream stream) {
  return [this, stream](int64_t layer, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) { return attend(stream, layer, q, k, v); };
}

const torch_ops::SkipStateTensors* SkipAttention::state(Stream stream, int64_t layer) const {
  const auto found = states_.find({stream, layer});
  return found == states_.end() ? nullptr : &found->second;
}

bool SkipAttention::is_dense(int64_t layer) const {
  const auto& layers = settings_.dense_layers;
  return settings_.mode == AttentionMode::kDense || step_ < settings_.dense_first_steps ||
         step_ >= total_steps_ - settings_.dense_last_steps ||
         std::find(layers.begin(), layers.end(), layer) != layers.end();
}

// Dense calls have a state too: it gives them the same tiles, so that dense and lite differ in
// nothing but what is left out, and their statistics count the same things.
torch_ops::SkipStateTensors& SkipAttention::state_for(Stream stream, int64_t layer,
                                                      const at::Tensor& q) {
  const auto [entry, is_new] = states_.try_emplace({stream, layer});
  auto& state = entry->second;
  if (!is_new) return state;
  state = torch_ops::make_skip_state({.batch = q.size(0),
                                      .num_heads = q.size(2),
                                      .q_len = q.size(1),
                                      .kv_len = q.size(1),
                                      .geometry = {.q_tile = static_cast<int32_t>(tiles_.q_tile),
                                                   .kv_tile = static_cast<int32_t>(tiles_.kv_tile)},
                                      .token_order = token_order_});
  torch_ops::begin_generation(state, total_steps_);
  return state;
}

at::Tensor SkipAttention::attend(Stream stream, int64_t layer, const at::Tensor& q,
                                 const at::Tensor& k, const at::Tensor& v) {
  if (!q.is_cpu()) return attend_with_torch(q, k, v);
  torch_ops::AttentionCall call;
  call.policy = settings_.policy;
  call.is_dense_step = is_dense(layer);
  call.token_order = token_order_;
  const auto result = torch_ops::attention_forward(q, k, v, &state_for(stream, layer, q), call);
  backend_ = torch_ops::last_backend();

  const auto sums = result.counters.sum(at::IntArrayRef{0, 1});  // [3]
  const auto* counts = sums.const_data_ptr<int64_t>();
  statistics_.push_back({.stream = stream,
                         .layer = layer,
                         .total = counts[0],
                         .visited = counts[1],
                         .dropped = counts[2]});
  return result.out;
}

at::Tensor SkipAttention::attend_with_torch(const at::Tensor& q, const at::Tensor& k,
                                            const at::Tensor& v) {
  if (settings_.mode == AttentionMode::kLite) {
    throw Unsupported(concat("[generate] tile-skipping attention runs on: cpu; the model is on ",
                             q.device().str()));
  }
  backend_ = "torch";
  return torch_attention(q, k, v);
}

}  // namespace tessera::video
