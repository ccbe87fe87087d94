// From a prompt to a film: noise, two passes of the transformer a step, solver, pixels.
//
// Orchestration only; the mathematics is in wan/, schedulers/ and skip_attention.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/video/skip_attention.h"
#include "tessera/video/video_model.h"

namespace tessera::video {

struct VideoRequest {
  std::string prompt;
  /// What guidance leads away from; empty for the model's "no prompt".
  std::string negative_prompt;
  int64_t frames = 0, width = 0, height = 0;  // pixels
  int64_t steps = 0;
  /// v = v_uncond + guidance (v_cond - v_uncond); at 1 the unconditional pass is left out.
  double guidance = 0;
  double shift = 0;
  /// The noise is at::randn(fp32 [C, F, Y, X]) of torch's CPU generator with this seed, whatever
  /// the device, so that a seed means the same film everywhere.
  uint64_t seed = 0;
  AttentionSettings attention;
};

/// The model's defaults, without a prompt.
VideoRequest default_request(const VideoConfig& config);

/// Throws InvalidArgument that names the first rule broken and the value: sizes that are no
/// multiples of the patch, too many tokens, numbers out of range.
void check_request(const VideoConfig& config, const VideoRequest& request);

/// The order in which the request's tokens are laid out, over its grid.
attention::TokenOrderSpec token_order_spec(const VideoConfig& config, const VideoRequest& request);

/// What one step did.
struct StepRecord {
  int64_t step = 0;      // counted from 0
  int64_t timestep = 0;  // what the network was told, 1000 * sigma cut off
  double sigma = 0;      // of the sample the step started from
  double seconds = 0;
  std::vector<TileStatistics> tiles;  // one for each layer and stream
};

struct StepReport {
  const StepRecord& record;
  int64_t total_steps = 0;
  /// The clean film as estimated in this step: fp32 [C, F, Y, X], nominally in [-1, 1].
  const at::Tensor& x0;
};

enum class StepDecision { kContinue, kStop };

/// Called after each step.
using StepCallback = std::function<StepDecision(const StepReport&)>;

struct GeneratedVideo {
  at::Tensor frames;  // uint8 [F, H, W, 3] on the CPU
  at::Tensor sample;  // fp32 [C, F, Y, X], what `frames` was made of
  double fps = 0;
  /// False when the callback stopped early: then `sample` is the latest estimate x0.
  bool is_complete = false;
  double seconds = 0;
  std::string attention_backend;
  std::vector<StepRecord> steps;
  /// Words of prompt and negative prompt that the model does not know; they had no effect.
  std::vector<std::string> unknown_words;
};

/// Runs on the device that the model's weights are on. Same request, model and machine: same bits.
/// Throws InvalidArgument (check_request, a prompt without a known word or with too many), Error
/// when the estimate stops being finite.
GeneratedVideo generate_video(const VideoModel& model, const VideoRequest& request,
                              const StepCallback& on_step = {});

}  // namespace tessera::video
