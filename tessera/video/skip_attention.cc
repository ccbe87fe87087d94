#include "tessera/video/skip_attention.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/statistics.h"

namespace tessera::video {

namespace {

void check_policy(const attention::MaxGapPolicy& policy, const AttentionSettings& settings,
                  int64_t /*num_layers*/) {
  TESSERA_CHECK(std::isfinite(policy.threshold) && policy.threshold < 0,
                "[generate] the attention threshold is in natural-log units and must be below 0, "
                "got: ",
                policy.threshold);
  TESSERA_CHECK(!settings.target && settings.calibration == nullptr,
                "[generate] a target or a calibration needs the policy mass, got: max_gap");
}

void check_policy(const attention::MassPolicy& policy, const AttentionSettings& settings,
                  int64_t num_layers) {
  attention::check_mass_policy(policy, policy.budgets.steps, policy.budgets.heads);
  if (settings.target) attention::BudgetControl(*settings.target, policy, 1, 0);
  if (settings.calibration == nullptr) return;
  const auto& calibration = *settings.calibration;
  TESSERA_CHECK(calibration.key.estimate == policy.estimate,
                "[generate] the calibration is for the other estimate of the masses");
  TESSERA_CHECK(calibration.layers == num_layers, "[generate] the calibration is for ",
                calibration.layers, " layers, the model has ", num_layers);
}

constexpr uint64_t kMostLayers = 1 << 16;  // seeds of different films do not meet

bool needs_lse(const attention::SkipPolicy& policy) {
  const auto* mass = std::get_if<attention::MassPolicy>(&policy);
  return mass != nullptr && mass->estimate == attention::MassEstimate::kRowMean;
}

/// Mean over the rows of (mass of what was visited) / (mass of all).
double recall_of(const at::Tensor& lse, const at::Tensor& q, const at::Tensor& k,
                 const at::Tensor& v) {
  const auto dense = torch_ops::attention_forward(q, k, v);
  return (lse - dense.lse).exp().mean().item<double>();
}

}  // namespace

void check_settings(const AttentionSettings& settings, int64_t num_layers) {
  std::visit([&](const auto& policy) { check_policy(policy, settings, num_layers); },
             settings.policy);
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
                             int64_t total_steps, int32_t token_order, int32_t num_streams)
    : settings_(settings),
      tiles_(tiles),
      total_steps_(total_steps),
      token_order_(token_order),
      is_shared_(settings.guidance == GuidanceState::kShared && num_streams == 2) {
  if (!settings.target || settings.mode == AttentionMode::kDense) return;
  auto policy = std::get<attention::MassPolicy>(settings.policy);
  // The budgets that the control scales are the calibration's; a policy's stay below a half.
  if (settings.calibration != nullptr)
    policy.budget = std::min(settings.calibration->budget, 0.499);
  control_.emplace(*settings.target, policy, total_steps,
                   total_steps - 1 - settings.dense_last_steps);
}

void SkipAttention::begin_step(int64_t step) {
  if (control_ && !statistics_.empty()) {
    attention::StepSums sums{.is_dense = is_dense_step()};
    for (const auto& call : statistics_) {
      sums.tiles += call.tiles;
      sums.mass += call.mass;
    }
    control_->observe(sums);
  }
  step_ = step;
  statistics_.clear();
}

SelfAttention SkipAttention::stream(Stream stream) {
  return [this, stream](int64_t layer, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v) { return attend(stream, layer, q, k, v); };
}

const torch_ops::SkipStateTensors* SkipAttention::state(Stream stream, int64_t layer) const {
  const auto found = states_.find({is_shared_ ? Stream::kConditional : stream, layer});
  return found == states_.end() ? nullptr : &found->second;
}

bool SkipAttention::is_dense_step() const {
  return settings_.mode == AttentionMode::kDense || step_ < settings_.dense_first_steps ||
         step_ >= total_steps_ - settings_.dense_last_steps;
}

bool SkipAttention::is_dense(int64_t layer) const {
  const auto& layers = settings_.dense_layers;
  return is_dense_step() || std::find(layers.begin(), layers.end(), layer) != layers.end();
}

// Dense calls have a state too: it gives them the same tiles, so that dense and lite differ in
// nothing but what is left out, and their statistics count the same things.
torch_ops::SkipStateTensors& SkipAttention::state_for(Stream stream, int64_t layer,
                                                      const at::Tensor& q) {
  const auto [entry, is_new] =
      states_.try_emplace({is_shared_ ? Stream::kConditional : stream, layer});
  auto& state = entry->second;
  if (!is_new) return state;
  state = torch_ops::make_skip_state({.batch = q.size(0),
                                      .num_heads = q.size(2),
                                      .q_len = q.size(1),
                                      .kv_len = q.size(1),
                                      .geometry = {.q_tile = static_cast<int32_t>(tiles_.q_tile),
                                                   .kv_tile = static_cast<int32_t>(tiles_.kv_tile)},
                                      .token_order = token_order_,
                                      .streams = is_shared_ ? 2 : 1,
                                      .has_lse = needs_lse(settings_.policy)});
  torch_ops::begin_generation(state, total_steps_);
  return state;
}

attention::SkipPolicy SkipAttention::policy_of(Stream stream, int64_t layer, int64_t num_heads,
                                               std::vector<float>& levels) const {
  const auto* settings = std::get_if<attention::MassPolicy>(&settings_.policy);
  if (settings == nullptr) return settings_.policy;
  attention::MassPolicy policy = *settings;
  // Streams that share a state probe the same tiles.
  const auto of_stream = static_cast<uint64_t>(is_shared_ ? Stream::kConditional : stream);
  policy.probe_seed =
      (policy.probe_seed * kMostLayers + static_cast<uint64_t>(layer)) * 2 + of_stream;
  if (!control_ && settings_.calibration == nullptr) return policy;
  for (int64_t head = 0; head < num_heads; ++head) {
    if (settings_.calibration != nullptr) {
      levels.push_back(
          settings_.calibration->level(layer, head, step_, total_steps_, budget_scale()));
    } else {
      const double budget = attention::mass_budget(*settings, step_, total_steps_, head);
      levels.push_back(static_cast<float>(control_->scaled(budget)));
    }
  }
  policy.budgets = {.values = levels, .steps = 1, .heads = num_heads};
  return policy;
}

at::Tensor SkipAttention::attend(Stream stream, int64_t layer, const at::Tensor& q,
                                 const at::Tensor& k, const at::Tensor& v) {
  if (!q.is_cpu()) return attend_with_torch(q, k, v);
  torch_ops::AttentionCall call;
  std::vector<float> levels;
  call.policy = policy_of(stream, layer, q.size(2), levels);
  call.is_dense_step = is_dense(layer);
  call.token_order = token_order_;
  call.with_tile_mass = static_cast<bool>(settings_.observer);
  if (is_shared_) call.stream = static_cast<int64_t>(stream);
  const auto result = torch_ops::attention_forward(q, k, v, &state_for(stream, layer, q), call);
  backend_ = torch_ops::last_backend();
  if (settings_.observer) settings_.observer(stream, layer, step_, result.tile_mass);
  statistics_.push_back({.stream = stream,
                         .layer = layer,
                         .tiles = torch_ops::counts_of(result.counters),
                         .mass = torch_ops::mass_of(result.masses),
                         .recall = settings_.measures_recall ? recall_of(result.lse, q, k, v) : 0});
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
