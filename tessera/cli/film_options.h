// The flags that say what film to make; shared by generate, compare and demo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tessera/cli/attention_options.h"
#include "tessera/video/text_to_video.h"

namespace tessera::cli {

/// A number of zero, or none, stands for the model's own default.
struct FilmOptions {
  std::string model = "demo-video", prompt, size, device = "cpu";
  int64_t frames = 0, steps = 0, seed = 0, upscale = 0;
  double guidance = 0, shift = 0, fps = 0;
  int threads = 0;
  AttentionOptions attention;
};

/// Adds the flags, without those of add_attention_flags.
void add_film_flags(CLI::App& command, FilmOptions& options);

/// The request these options make of a model of this configuration. Throws InvalidArgument that
/// names the flag's rule and value.
video::VideoRequest make_request(const FilmOptions& options, const video::VideoConfig& config);

/// How many times each side of the film is enlarged for showing.
int64_t upscale_factor(const FilmOptions& options, const video::VideoRequest& request);

/// The settings of a film under the names of their flags, defaults filled in; reading them back
/// (--rerun) makes the same film.
nlohmann::json settings_json(const FilmOptions& options, const video::VideoRequest& request);

}  // namespace tessera::cli
