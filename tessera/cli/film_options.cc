#include "tessera/cli/film_options.h"

#include <algorithm>
#include <cmath>

#include "tessera/cli/checks.h"
#include "tessera/cli/extents.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

void check_finite(double value, const char* flag) {
  TESSERA_CHECK(std::isfinite(value), "[", flag, "] must be a finite number, got: ", value);
}

}  // namespace

void add_film_flags(CLI::App& command, FilmOptions& options) {
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
}

video::VideoRequest make_request(const FilmOptions& options, const video::VideoConfig& config) {
  TESSERA_CHECK(!options.prompt.empty(), "[--prompt] say what the film shows, got: nothing");
  video::VideoRequest request = video::default_request(config);
  request.prompt = options.prompt;
  if (!options.size.empty()) {
    const auto [width, height] = parse_size(options.size);
    request.width = width;
    request.height = height;
  }
  if (options.frames > 0) request.frames = options.frames;
  if (options.steps > 0) request.steps = options.steps;
  check_finite(options.guidance, "--guidance");
  check_finite(options.shift, "--shift");
  if (options.guidance > 0) request.guidance = options.guidance;
  if (options.shift > 0) request.shift = options.shift;
  request.seed = static_cast<uint64_t>(options.seed);
  request.attention = make_attention_settings(options.attention, config);
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
  nlohmann::json json = {{"model", options.model},
                         {"prompt", request.prompt},
                         {"size", concat(request.width, "x", request.height)},
                         {"frames", request.frames},
                         {"steps", request.steps},
                         {"guidance", request.guidance},
                         {"shift", request.shift},
                         {"seed", request.seed},
                         {"fps", options.fps},
                         {"upscale", upscale_factor(options, request)},
                         {"device", options.device}};
  add_attention_settings(json, options.attention, request.attention);
  return json;
}

}  // namespace tessera::cli
