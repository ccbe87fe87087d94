#include "tessera/cli/film_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "tessera/cli/checks.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

/// "128x64" -> 128, 64; nothing unless `text` is N numbers with an x between them.
template <size_t N>
std::optional<std::array<int64_t, N>> parse_extents(const std::string& text) {
  std::array<int64_t, N> extents = {};
  const char *place = text.data(), *end = place + text.size();
  for (size_t i = 0; i < N; ++i) {
    if (i > 0 && (place == end || *place++ != 'x')) return std::nullopt;
    const auto [rest, error] = std::from_chars(place, end, extents[i]);
    if (error != std::errc()) return std::nullopt;
    place = rest;
  }
  if (place != end) return std::nullopt;
  return extents;
}

std::array<int64_t, 2> parse_size(const std::string& text) {
  const auto size = parse_extents<2>(text);
  TESSERA_CHECK(size.has_value(),
                "[--size] a size is WIDTHxHEIGHT in pixels, such as 128x64, got: ", text);
  return *size;
}

attention::TokenExtents parse_box(const std::string& text) {
  const auto box = parse_extents<3>(text);
  TESSERA_CHECK(box.has_value() && std::ranges::all_of(*box, [](int64_t n) { return n >= 1; }),
                "[--token-box] a box is FRAMESxROWSxCOLUMNS in tokens, such as 4x4x8, got: ", text);
  return *box;
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
  command
      .add_option("--token-order", options.token_order,
                  "How tokens are laid out for attention: along a Hilbert curve, box by box, or "
                  "row by row; compact tiles lose less when skipped")
      ->check(CLI::IsMember({"hilbert", "boxes", "raster"}))
      ->capture_default_str();
  command
      .add_option("--token-box", options.token_box,
                  "Of --token-order boxes: FRAMESxROWSxCOLUMNS in tokens")
      ->capture_default_str();
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
  attention.token_order = attention::token_order_kind(options.token_order);
  attention.token_box = parse_box(options.token_box);
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
          {"dense-layers", attention.dense_layers},
          {"token-order", options.token_order},
          {"token-box", options.token_box}};
}

}  // namespace tessera::cli
