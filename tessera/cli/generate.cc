// tessera generate: a film from words.
#include <filesystem>
#include <memory>

#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/film_run.h"
#include "tessera/cli/settings_file.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/video_writer.h"

namespace tessera::cli {
namespace {

struct Options {
  FilmOptions film;
  std::string output = "film.mp4", rerun;
  bool is_forced = false;
};

/// `film.mp4.json`; for a folder of frames the same beside it.
std::filesystem::path sidecar_path(const std::filesystem::path& output) {
  const auto name = output.has_filename() ? output : output.parent_path();
  return name.string() + ".json";
}

int run_generate(Console& console, Options options) {
  const std::filesystem::path output = options.output;
  media::refuse_existing(output, options.is_forced);
  media::refuse_existing_file(sidecar_path(output), options.is_forced);
  resolve_attention(options.film, console);
  const LoadedModel loaded = load_model(options.film);
  const auto request = make_request(options.film, loaded.model.config);
  const int64_t upscale = upscale_factor(options.film, request);
  if (options.film.fps <= 0) options.film.fps = loaded.model.config.defaults.fps;
  const double fps = options.film.fps;
  media::check_film_output(output, {static_cast<int>(request.height * upscale),
                                    static_cast<int>(request.width * upscale), fps});

  const auto video = run_film(console, "generate", loaded, request);
  media::write_film(output, shown_film(video, upscale, fps));
  write_file(sidecar_path(output), sidecar_of(options.film, request, loaded, video).dump(2) + "\n");

  const TileSums tiles = sum_tiles(video);
  char summary[160];
  std::snprintf(summary, sizeof(summary), "%s  (%s, %.1f %% of the tiles skipped, attention %s)",
                options.output.c_str(), format_seconds(video.seconds).c_str(),
                100 * tiles.skipped_share(), video.attention_backend.c_str());
  console.say(summary);
  console.event({{"event", "film"},
                 {"path", options.output},
                 {"seconds", video.seconds},
                 {"is_complete", video.is_complete}});
  if (video.is_complete) return kOk;
  console.warn(concat("stopped after ", video.steps.size(), " of ", request.steps,
                      " steps: the film is unfinished"));
  return kInterrupted;
}

}  // namespace

void add_generate(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand(
      "generate",
      "Make a film from words.\n\n"
      "  tessera generate -p \"two red circles moving left\" -o circles.mp4\n"
      "  tessera generate -p \"a yellow star spinning on a black background\" --size 128x128 "
      "--seed 3 -o star.mp4\n"
      "  tessera generate -p \"three green squares moving up\" --attention dense -o frames/\n"
      "  tessera generate --rerun circles.mp4.json -o again.mp4");
  add_film_flags(*command, options->film);
  add_attention_flags(*command, options->film.attention, true);
  add_output_flag(*command, options->output, "x.mp4, x.y4m, or a folder for PNG frames");
  command->add_option("--rerun", options->rerun,
                      "Take the settings from the sidecar of an earlier film");
  add_force_flag(*command, options->is_forced);
  finish_command(*command, console, chosen, [&console, command, options] {
    if (!options->rerun.empty())
      apply_settings(*command, read_sidecar_settings(options->rerun), options->rerun);
    return run_generate(console, *options);
  });
}

}  // namespace tessera::cli
