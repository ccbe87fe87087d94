// What a comparison of dense and lite attention found: the numbers behind the compare page and
// `report.json` (schema `tessera.compare/1`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace tessera::cli::pages {

/// Where a page finds a film: paths relative to the page, or data URIs. Either may be empty; with
/// both, frames stand in where the browser cannot play the video.
struct FilmSource {
  std::string video;
  std::vector<std::string> frames;
};

/// One of the two runs. Seconds are wall-clock times of the sampler.
struct RunReport {
  double total_seconds = 0;
  std::vector<double> step_seconds;
  FilmSource film;
};

/// Tiles of self-attention that the lite run computed. kept, total: (steps, layers, streams), the
/// stream fastest.
struct TileCounts {
  int steps = 0;
  int layers = 0;
  std::vector<std::string> streams;  // such as "conditional", "unconditional"
  std::vector<int64_t> kept, total;

  size_t index(int step, int layer, int stream) const {
    return (size_t(step) * layers + layer) * streams.size() + stream;
  }
};

struct CompareReport {
  std::string prompt, negative_prompt, model;
  uint64_t seed = 0;
  int width = 0, height = 0, num_frames = 0;
  double fps = 16;
  int steps = 0;
  double guidance = 0;
  int64_t tokens = 0;             // of one latent film: Lq = Lk
  int q_tile = 0, kv_tile = 0;    // tokens
  std::string policy;             // in words, with its numbers
  std::string direction;          // such as "alternating"
  std::string token_order;        // such as "hilbert", "boxes 4x4x8"
  std::string backend, machine;   // back end that ran, processor or GPU
  int threads = 0;
  std::string torch_version, tessera_version;

  RunReport dense, lite;
  TileCounts tiles;

  /// Lite against dense, see tessera/media/quality.h. Infinity (identical) is null in JSON.
  double psnr = 0, ssim = 0;
  std::vector<double> frame_psnr, frame_ssim;
};

/// Dense seconds over lite seconds; 0 when a time is missing.
double speed_up(const CompareReport& report);

/// Shares of tiles that were not computed, in [0, 1]: of one (step, layer, stream), of one step
/// over all layers and streams, and of all. 0 where nothing was counted.
double skipped_share(const TileCounts& tiles, int step, int layer, int stream);
double skipped_share(const TileCounts& tiles, int step);
double skipped_share(const TileCounts& tiles);

/// One sentence for a reader who knows neither PSNR nor SSIM. The words for quality follow SSIM:
/// from 0.98, 0.90 and 0.70 on; house bands, set by looking at films.
std::string verdict(const CompareReport& report);

/// Throws InvalidArgument when the counts do not fit their sizes.
nlohmann::json to_json(const CompareReport& report);

/// Throws IoError, beginning with `name`, on another schema, a missing or wrong field.
CompareReport compare_report_from_json(const nlohmann::json& json, std::string_view name);

}  // namespace tessera::cli::pages
