#include "tessera/cli/film_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tessera/cli/checks.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

/// "128x64" -> 128, 64.
std::pair<int64_t, int64_t> parse_size(const std::string& text) {
  int64_t width = 0, height = 0;
  const char* end = text.data() + text.size();
  const auto [middle, error] = std::from_chars(text.data(), end, width);
  bool is_valid = error == std::errc() && middle != end && *middle == 'x';
  if (is_valid) {
    const auto [rest, other_error] = std::from_chars(middle + 1, end, height);
    is_valid = other_error == std::errc() && rest == end;
  }
  TESSERA_CHECK(is_valid, "[--size] a size is WIDTHxHEIGHT in pixels, such as 128x64, got: ", text);
  return {width, height};
}

void check_finite(double value, const char* flag) {
  TESSERA_CHECK(std::isfinite(value), "[", flag, "] must be a finite number, got: ", value);
}

}  // namespace

void add_film_flags(CLI::App& command, FilmOptions& options, bool with_attention) {
  command.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command.add_option("-p,--prompt", options.prompt, "What the film shows");
  command.add_option("--model", options.model, "Model name or folder")->capture_default_str();
  command.add_option("--size", options.size, "WIDTHxHEIGHT in pixels (default: the model's)");
  command.add_option("--frames", options.frames, "Number of frames (default: the model's)")
      ->check(positive());
  command.add_option("--steps", options.steps, "Denoising steps (default: the model's)")
      ->check(positive());
  command
      .add_option("--guidance", options.guidance, "Strength of the prompt (default: the model's)")
      ->check(positive());
  command
      .add_option("--shift", options.shift, "Noise shift of the schedule (default: the model's)")
      ->check(positive());
  command.add_option("--seed", options.seed, "Seed of the noise")
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--fps", options.fps, "Frames per second of the file (default: the model's)")
      ->check(positive());
  command
      .add_option("--upscale", options.upscale,
                  "Enlarge the film so many times; 0 chooses, 1 does not")
      ->check(number_in(0, 64))
      ->capture_default_str();
  command.add_option("--threads", options.threads, "CPU threads (default: all)")->check(positive());
  command.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str();
  if (with_attention) {
    command
        .add_option(
            "--attention", options.attention,
            "dense: every tile; lite: skip tiles, or fail; auto: lite where there is a back end")
        ->check(CLI::IsMember({"dense", "lite", "auto"}))
        ->capture_default_str();
  }
  command.add_option("--policy", options.policy, "What drops a tile")
      ->check(CLI::IsMember({"max_gap"}))
      ->capture_default_str();
  command.add_option("--threshold", options.threshold,
                     "max_gap: natural-log units, below zero; nearer to zero drops more "
                     "(default: the model's)");
  command
      .add_option("--direction", options.direction,
                  "Order in which tiles are visited from step to step")
      ->check(CLI::IsMember({"alternating", "fixed"}))
      ->capture_default_str();
  command
      .add_option("--dense-first", options.dense_first,
                  "So many first steps keep all tiles and drop none")
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--dense-last", options.dense_last, "So many last steps keep all tiles")
      ->check(not_negative())
      ->capture_default_str();
  command
      .add_option("--dense-layers", options.dense_layers,
                  "Layers that always keep all tiles, counted from 0")
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
      ->delimiter(',');
}

video::VideoRequest make_request(const FilmOptions& options, const video::VideoConfig& config) {
  TESSERA_CHECK(!options.prompt.empty(), "[--prompt] say what the film shows, got: nothing");
  video::VideoRequest request = video::default_request(config);
  request.prompt = options.prompt;
  if (!options.size.empty()) std::tie(request.width, request.height) = parse_size(options.size);
  if (options.frames > 0) request.frames = options.frames;
  if (options.steps > 0) request.steps = options.steps;
  check_finite(options.guidance, "--guidance");
  check_finite(options.shift, "--shift");
  if (options.guidance > 0) request.guidance = options.guidance;
  if (options.shift > 0) request.shift = options.shift;
  request.seed = static_cast<uint64_t>(options.seed);
  auto& attention = request.attention;
  attention.mode =
      options.attention == "dense" ? video::AttentionMode::kDense : video::AttentionMode::kLite;
  if (options.threshold) {
    check_finite(*options.threshold, "--threshold");
    TESSERA_CHECK(*options.threshold < 0,
                  "[--threshold] must be below zero, got: ", *options.threshold);
    attention.policy.threshold = static_cast<float>(*options.threshold);
  }
  attention.policy.direction = options.direction == "fixed"
                                   ? attention::DirectionMode::kFixed
                                   : attention::DirectionMode::kAlternating;
  attention.dense_first_steps = options.dense_first;
  attention.dense_last_steps = options.dense_last;
  attention.dense_layers = options.dense_layers;
  video::check_request(config, request);
  return request;
}

int64_t upscale_factor(const FilmOptions& options, const video::VideoRequest& request) {
  if (options.upscale > 0) return options.upscale;
  // Small films are shown about as wide as a column of text.
  constexpr int64_t kShownPixels = 768;
  return std::max<int64_t>(1, kShownPixels / std::max(request.width, request.height));
}

nlohmann::json settings_json(const FilmOptions& options, const video::VideoRequest& request) {
  const auto& attention = request.attention;
  return {{"model", options.model},
          {"prompt", request.prompt},
          {"size", concat(request.width, "x", request.height)},
          {"frames", request.frames},
          {"steps", request.steps},
          {"guidance", request.guidance},
          {"shift", request.shift},
          {"seed", request.seed},
          {"fps", options.fps},
          {"upscale", upscale_factor(options, request)},
          {"device", options.device},
          {"attention", attention.mode == video::AttentionMode::kDense ? "dense" : "lite"},
          {"policy", options.policy},
          {"threshold", static_cast<double>(attention.policy.threshold)},
          {"direction", options.direction},
          {"dense-first", attention.dense_first_steps},
          {"dense-last", attention.dense_last_steps},
          {"dense-layers", attention.dense_layers}};
}

}  // namespace tessera::cli
