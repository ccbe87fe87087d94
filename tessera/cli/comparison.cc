#include "tessera/cli/comparison.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <ATen/Parallel.h>

#include "tessera/cli/pages/compare_page.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/ffmpeg.h"
#include "tessera/media/image_io.h"
#include "tessera/media/quality.h"
#include "tessera/media/video_writer.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw IoError(concat(folder.string(), ": cannot be made: ", failure.message()));
}

/// Writes the film for the page: .mp4 where it can be made, and PNG frames that every browser
/// shows.
pages::FilmSource write_for_page(const media::Frames& film, const fs::path& folder,
                                 const std::string& name) {
  pages::FilmSource source;
  media::write_film(folder / name, film);
  for (int frame = 0; frame < film.num_frames; ++frame) {
    char file[32];
    std::snprintf(file, sizeof(file), "/frame_%04d.png", frame);
    source.frames.push_back(name + file);
  }
  if (media::ffmpeg_status().can_write_mp4) {
    source.video = name + ".mp4";
    media::write_film(folder / source.video, film);
  }
  return source;
}

pages::RunReport run_report(const video::GeneratedVideo& video) {
  pages::RunReport report;
  for (const auto& step : video.steps) report.step_seconds.push_back(step.seconds);
  report.total_seconds = video.seconds;
  return report;
}

/// (steps, layers, streams), the stream fastest.
pages::TileCounts tile_counts(const video::GeneratedVideo& video, int64_t num_layers,
                              bool is_guided) {
  pages::TileCounts counts;
  counts.steps = static_cast<int>(video.steps.size());
  counts.layers = static_cast<int>(num_layers);
  counts.streams.push_back(video::stream_name(video::Stream::kConditional));
  if (is_guided) counts.streams.push_back(video::stream_name(video::Stream::kUnconditional));
  counts.kept.resize(counts.steps * counts.layers * counts.streams.size());
  counts.total.resize(counts.kept.size());
  for (int step = 0; step < counts.steps; ++step) {
    for (const auto& tiles : video.steps[step].tiles) {
      const size_t index =
          counts.index(step, static_cast<int>(tiles.layer), static_cast<int>(tiles.stream));
      counts.kept[index] += tiles.tiles.visited;
      counts.total[index] += tiles.tiles.total;
    }
  }
  return counts;
}

pages::CompareReport describe(const LoadedModel& loaded, const FilmOptions& options,
                              const video::VideoRequest& request, double fps) {
  const auto& config = loaded.model.config;
  pages::CompareReport report;
  report.prompt = request.prompt;
  report.negative_prompt = request.negative_prompt;
  report.model = loaded.model.folder.filename().string();
  report.seed = request.seed;
  report.width = static_cast<int>(request.width);
  report.height = static_cast<int>(request.height);
  report.num_frames = static_cast<int>(request.frames);
  report.fps = fps;
  report.steps = static_cast<int>(request.steps);
  report.guidance = request.guidance;
  const auto& patch = config.dit.patch;
  report.tokens =
      request.frames / patch[0] * (request.height / patch[1]) * (request.width / patch[2]);
  report.q_tile = static_cast<int>(config.attention.q_tile);
  report.kv_tile = static_cast<int>(config.attention.kv_tile);
  report.policy = policy_text(options.attention, request.attention);
  report.direction = options.attention.direction;
  report.token_order = options.attention.token_order;
  if (request.attention.token_order == attention::TokenOrderKind::kBoxes)
    report.token_order += " " + options.attention.token_box;
  report.machine = machine_name();
  report.threads = at::get_num_threads();
  report.torch_version = torch_version();
  report.tessera_version = version() + " (" + commit() + ")";
  return report;
}

}  // namespace

Comparison plan_comparison(const LoadedModel& loaded, const FilmOptions& options,
                           const fs::path& folder) {
  Comparison comparison{options, make_request(options, loaded.model.config), options.fps, {}, {}};
  if (comparison.fps <= 0) comparison.fps = loaded.model.config.defaults.fps;
  const auto& request = comparison.request;
  TESSERA_CHECK(std::min(request.width, request.height) >= media::kMinSsimSide,
                "[--size] SSIM needs sides of ", media::kMinSsimSide,
                " pixels or more, got: ", request.width, "x", request.height);
  const int64_t upscale = upscale_factor(options, request);
  const media::FilmFormat format{static_cast<int>(request.height * upscale),
                                 static_cast<int>(request.width * upscale), comparison.fps};
  media::check_film_output(folder / "dense", format);
  if (media::ffmpeg_status().can_write_mp4) media::check_film_output(folder / "dense.mp4", format);
  return comparison;
}

void run_comparison(Console& console, const std::string& title, const LoadedModel& loaded,
                    Comparison& comparison) {
  auto request = comparison.request;
  request.attention.mode = video::AttentionMode::kDense;
  auto dense = run_film(console, title + "dense", loaded, request);
  if (!dense.is_complete) return;
  comparison.dense = std::move(dense);
  if (is_interrupted()) return;
  request.attention.mode = video::AttentionMode::kLite;
  auto lite = run_film(console, title + "lite ", loaded, request);
  if (lite.is_complete) comparison.lite = std::move(lite);
}

pages::CompareReport write_comparison(const LoadedModel& loaded, const Comparison& comparison,
                                      const fs::path& folder, const std::string& index) {
  const auto& request = comparison.request;
  const auto& dense = comparison.dense.value();
  const auto& lite = comparison.lite.value();
  const double fps = comparison.fps;
  auto report = describe(loaded, comparison.options, request, fps);
  report.backend = lite.attention_backend;
  report.dense = run_report(dense);
  report.lite = run_report(lite);
  report.tiles = tile_counts(lite, loaded.model.config.dit.num_layers, request.guidance != 1);
  const auto quality =
      media::compare_films(nn::tensor_to_film(dense.frames, fps),
                           nn::tensor_to_film(lite.frames, fps), torch_ops::torch_executor());
  report.psnr = quality.psnr;
  report.ssim = quality.ssim;
  report.frame_psnr = quality.frame_psnr;
  report.frame_ssim = quality.frame_ssim;

  make_folder(folder);
  const int64_t upscale = upscale_factor(comparison.options, request);
  report.dense.film = write_for_page(shown_film(dense, upscale, fps), folder, "dense");
  report.lite.film = write_for_page(shown_film(lite, upscale, fps), folder, "lite");
  write_file(folder / "report.json", pages::to_json(report).dump(1) + "\n");
  write_file(folder / "index.html",
             pages::compare_page(report, {.report_json = "report.json", .index = index}));
  return report;
}

void write_dense_film(const LoadedModel& loaded, const Comparison& comparison,
                      const fs::path& folder) {
  const auto& dense = comparison.dense.value();
  auto request = comparison.request;
  request.attention.mode = video::AttentionMode::kDense;
  FilmOptions options = comparison.options;
  options.fps = comparison.fps;
  make_folder(folder);
  write_for_page(shown_film(dense, upscale_factor(options, request), options.fps), folder, "dense");
  write_file(folder / "dense.json", sidecar_of(options, request, loaded, dense).dump(2) + "\n");
}

}  // namespace tessera::cli
