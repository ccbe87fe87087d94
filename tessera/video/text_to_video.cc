#include "tessera/video/text_to_video.h"

#include <chrono>
#include <optional>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/randn.h>

#include "tessera/core/error.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/video/prediction.h"
#include "tessera/video/schedulers/flow_unipc.h"
#include "tessera/video/wan/dit.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

at::Tensor draw_noise(const WanConfig& dit, const VideoRequest& request) {
  return at::randn({dit.in_channels, request.frames, request.height, request.width},
                   at::detail::createCPUGenerator(request.seed), at::kFloat);
}

/// [1, text_len, text_dim]; adds the words that the model lacks to `unknown`.
at::Tensor encode_prompt(const VideoModel& model, const std::string& prompt, at::Device device,
                         std::vector<std::string>& unknown) {
  const auto words = model.vocabulary->look_up(prompt);
  unknown.insert(unknown.end(), words.unknown.begin(), words.unknown.end());
  TESSERA_CHECK(!words.ids.empty() || words.unknown.empty(),
                "[generate] a prompt must have a word that the model knows, got: ", prompt);
  const int64_t text_len = model.config.dit.text_len;
  TESSERA_CHECK(static_cast<int64_t>(words.ids.size()) <= text_len, "[generate] a prompt may have ",
                text_len, " words, got ", words.ids.size(), " in: ", prompt);
  return model.words->forward(pad_ids(words.ids, text_len).unsqueeze(0).to(device));
}

/// One guided evaluation of the velocity after another.
class GuidedModel {
 public:
  GuidedModel(const VideoModel& model, const VideoRequest& request, at::Device device,
              const TokenLayout& layout, SkipAttention& attention,
              std::vector<std::string>& unknown)
      : model_(model),
        guidance_(request.guidance),
        conditional_(encode_prompt(model, request.prompt, device, unknown)),
        unconditional_(encode_prompt(model, request.negative_prompt, device, unknown)),
        layout_(layout),
        attention_(attention) {}

  /// x fp32 [1, C, F, Y, X] -> v, the same shape.
  at::Tensor velocity(const at::Tensor& x, double sigma, int64_t timestep) const {
    const auto pass = [&](const at::Tensor& context, Stream stream) {
      const auto t = at::full({1}, timestep, x.options().dtype(at::kLong));
      const auto output = [&] {
        const nn::AutocastOnCuda autocast(x.device());
        return model_.dit->forward(x, t, context, attention_.stream(stream), layout_);
      }();
      const auto noise_share = at::full({}, sigma, x.options());
      return tessera::video::velocity(model_.config.prediction, output, x, noise_share);
    };
    const auto conditional = pass(conditional_, Stream::kConditional);
    if (guidance_ == 1) return conditional;
    const auto unconditional = pass(unconditional_, Stream::kUnconditional);
    return unconditional + (conditional - unconditional) * guidance_;
  }

 private:
  const VideoModel& model_;
  double guidance_;
  at::Tensor conditional_, unconditional_;
  const TokenLayout& layout_;
  SkipAttention& attention_;
};

}  // namespace

GeneratedVideo generate_video(const VideoModel& model, const VideoRequest& request,
                              const StepCallback& on_step) {
  check_request(model.config, request);
  const at::NoGradGuard no_grad;
  const auto start = Clock::now();
  const auto device = model.dit->parameters().front().device();

  GeneratedVideo video;
  video.fps = model.config.defaults.fps;
  const auto layout = make_token_layout(token_order_spec(model.config, request), device);
  AttentionSettings settings = request.attention;
  if (auto* mass = std::get_if<attention::MassPolicy>(&settings.policy)) {
    mass->probe_seed = request.seed;
  }
  SkipAttention attention(settings, model.config.attention, request.steps, layout.id,
                          request.guidance == 1 ? 1 : 2);
  const GuidedModel guided(model, request, device, layout, attention, video.unknown_words);
  FlowUniPc solver(request.steps, request.shift);
  auto x = draw_noise(model.config.dit, request).to(device).unsqueeze(0);  // [1, C, F, Y, X]
  at::Tensor x0;
  for (int64_t step = 0; step < request.steps; ++step) {
    const auto step_start = Clock::now();
    const double sigma = solver.sigmas()[step];
    attention.begin_step(step);
    x0 = x - guided.velocity(x, sigma, solver.timesteps()[step]) * sigma;
    if (!at::isfinite(x0).all().item<bool>())
      throw Error(concat("[generate] step ", step + 1, " of ", request.steps,
                         " gave numbers that are not finite; guidance ", request.guidance,
                         " or the weights are to blame"));
    x = solver.step(x0, x);
    video.steps.push_back({.step = step,
                           .timestep = solver.timesteps()[step],
                           .sigma = sigma,
                           .seconds = seconds_since(step_start),
                           .tiles = attention.statistics()});
    const at::Tensor estimate = x0.squeeze(0);  // [C, F, Y, X]
    if (on_step &&
        on_step({.record = video.steps.back(), .total_steps = request.steps, .x0 = estimate}) ==
            StepDecision::kStop)
      break;
  }
  // After the last step x is x0; earlier the estimate is a film and x is noise.
  video.is_complete = static_cast<int64_t>(video.steps.size()) == request.steps;
  video.sample = x0.squeeze(0).to(at::kCPU);
  video.frames = nn::to_bytes(video.sample);
  video.attention_backend = attention.backend();
  video.seconds = seconds_since(start);
  return video;
}

}  // namespace tessera::video
