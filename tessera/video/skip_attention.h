// The transformer's self-attention by tessera::attention, with what it remembers between steps.
//
// Guidance runs the network twice a step, with and without the prompt. The two streams see other
// scores, so each layer has one state for each, or one for both that drops only what both can do
// without.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/attention/calibration.h"
#include "tessera/attention/control.h"
#include "tessera/attention/token_order.h"
#include "tessera/torch_ops/attention.h"
#include "tessera/video/wan/config.h"
#include "tessera/video/wan/self_attention.h"

namespace tessera::video {

enum class AttentionMode {
  kDense,  // every tile in every step
  kLite,   // tiles that did not matter are left out from the next step on
};

/// A sequence of calls whose scores resemble each other from step to step.
enum class Stream { kConditional, kUnconditional };

/// "conditional", "unconditional".
std::string stream_name(Stream stream);

/// Sees what every tile holds (AttentionResult::tile_mass), in dense and lite steps alike.
using TileMassObserver =
    std::function<void(Stream stream, int64_t layer, int64_t step, const at::Tensor& tile_mass)>;

/// How the two streams of guidance remember.
enum class GuidanceState {
  kOwn,     // a state for each
  kShared,  // one state; a tile is dropped only if both streams can do without it
};

struct AttentionSettings {
  AttentionMode mode = AttentionMode::kLite;
  attention::SkipPolicy policy = attention::MassPolicy{};  ///< its probe_seed: the film's
  /// Scales the budgets during the run. mass only.
  std::optional<attention::ControlTarget> target;
  /// Budgets by layer, head and step in place of the policy's own. mass only.
  std::shared_ptr<const attention::Calibration> calibration;
  GuidanceState guidance = GuidanceState::kOwn;
  /// Also compute every call densely, to know what its visited tiles hold: for measurements.
  bool measures_recall = false;
  /// Empty, or called after every call: for measurements. The policy must be mass.
  TileMassObserver observer;
  /// Steps at the start and the end that visit every tile and drop none.
  int64_t dense_first_steps = 0, dense_last_steps = 0;
  /// Layers that visit every tile in every step, counted from 0.
  std::vector<int64_t> dense_layers;
  /// How the film's tokens are laid out, in dense mode too; `token_box` is for boxes.
  attention::TokenOrderKind token_order = attention::TokenOrderKind::kHilbert;
  attention::TokenExtents token_box = attention::TokenOrderSpec{}.box;
};

/// Throws InvalidArgument: a number of the policy or the target out of range, a target or a
/// calibration without the policy mass, a calibration of another estimate or number of layers, a
/// negative number of steps, a layer that the model does not have, an empty box.
void check_settings(const AttentionSettings& settings, int64_t num_layers);

/// What one layer did in one step of one stream, summed over batch and heads.
struct TileStatistics {
  Stream stream = Stream::kConditional;
  int64_t layer = 0;
  attention::TileCounts tiles;
  attention::LostMass mass;
  double recall = 0;  // mean over rows of the mass in visited tiles; 0 unless it is measured
};

/// Attention of one generation of `total_steps` steps. One call at a time. `token_order` is the id
/// of the order in which all calls lay out their tokens (attention::token_order_id).
class SkipAttention {
 public:
  /// `num_streams`: 2 with guidance, 1 without.
  SkipAttention(const AttentionSettings& settings, const TileSizes& tiles, int64_t total_steps,
                int32_t token_order = 0, int32_t num_streams = 2);

  /// Says which step, counted from 0, the calls that follow belong to. Steps come in order.
  void begin_step(int64_t step);

  /// What the control scales the budgets by in this step; 1 without a target.
  double budget_scale() const { return control_ ? control_->scale() : 1; }

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
  bool is_dense_step() const;
  bool is_dense(int64_t layer) const;
  torch_ops::SkipStateTensors& state_for(Stream stream, int64_t layer, const at::Tensor& q);
  /// The settings' policy with the budgets of this layer and step and probes of its own. `levels`
  /// is their memory.
  attention::SkipPolicy policy_of(Stream stream, int64_t layer, int64_t num_heads,
                                  std::vector<float>& levels) const;

  AttentionSettings settings_;
  TileSizes tiles_;
  int64_t total_steps_;
  int32_t token_order_;
  bool is_shared_;
  int64_t step_ = 0;
  std::optional<attention::BudgetControl> control_;
  std::map<std::pair<Stream, int64_t>, torch_ops::SkipStateTensors> states_;
  std::vector<TileStatistics> statistics_;
  std::string backend_;
};

}  // namespace tessera::video
