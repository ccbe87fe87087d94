#include "tessera/cli/film_run.h"

#include <fstream>

#include <ATen/Parallel.h>
#include <c10/core/Device.h>

#include "tessera/cli/models.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/resize.h"
#include "tessera/nn/device.h"
#include "tessera/nn/film_tensor.h"
#include "tessera/torch_ops/torch_executor.h"
#include "tessera/video/wan/dit.h"
#include "tessera/video/word_encoder.h"

namespace tessera::cli {
namespace {

nlohmann::json digests_of(const std::filesystem::path& folder) {
  nlohmann::json digests = nlohmann::json::object();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension == ".safetensors" || extension == ".json" ||
        entry.path().filename() == "vocab.txt") {
      digests[entry.path().filename().string()] = sha256_of_file(entry.path());
    }
  }
  return digests;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void warn_of_unknown_words(Console& console, const video::VideoModel& model,
                           const video::VideoRequest& request) {
  std::vector<std::string> unknown;
  for (const auto* prompt : {&request.prompt, &request.negative_prompt}) {
    const auto words = model.vocabulary->look_up(*prompt);
    unknown.insert(unknown.end(), words.unknown.begin(), words.unknown.end());
  }
  if (unknown.empty()) return;
  console.warn(
      concat("the model does not know: ", list_of(unknown),
             "; these words have no effect. It knows: ", list_of(model.vocabulary->words())));
}

/// Sums over calls; masses are the largest of any q tile, `mass_lost` what probes estimate.
nlohmann::json record_of(const TileSums& sums) {
  nlohmann::json record = {{"tiles", sums.tiles.total},
                           {"tiles_kept", sums.tiles.visited},
                           {"tiles_dropped", sums.tiles.dropped},
                           {"mass_dropped", sums.mass.dropped},
                           {"mass_spent", sums.mass.spent}};
  if (sums.tiles.probed > 0) {
    record["tiles_probed"] = sums.tiles.probed;
    record["tiles_returned"] = sums.tiles.returned;
    record["mass_lost"] = sums.mass.lost;
  }
  return record;
}

/// [layer, tiles, kept, dropped] of every call, by stream.
nlohmann::json calls_of(const video::StepRecord& step) {
  nlohmann::json calls = nlohmann::json::object();
  for (const auto& call : step.tiles) {
    calls[video::stream_name(call.stream)].push_back(
        {call.layer, call.tiles.total, call.tiles.visited, call.tiles.dropped});
  }
  return calls;
}

}  // namespace

LoadedModel load_model(const FilmOptions& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  const auto device = nn::open_device(options.device);
  LoadedModel loaded;
  loaded.model = video::load_video_model(find_model(options.model));
  loaded.digests = digests_of(loaded.model.folder);
  loaded.model.dit->to(device);
  loaded.model.words->to(device);
  return loaded;
}

void resolve_attention(FilmOptions& options, Console& console) {
  if (options.device == "cpu" || options.attention.attention == "dense") {
    if (options.attention.attention == "auto") options.attention.attention = "lite";
    return;
  }
  if (options.attention.attention == "lite") {
    throw Unsupported(concat("[--attention] lite runs on: cpu; got --device ", options.device,
                             " (auto or dense use Torch's attention there)"));
  }
  console.warn(concat("no tile-skipping back end for ", options.device, ": attention is dense"));
  options.attention.attention = "dense";
}

attention::CalibrationKey calibration_key(const LoadedModel& loaded,
                                          const video::VideoRequest& request) {
  const auto& tiles = loaded.model.config.attention;
  const auto* mass = std::get_if<attention::MassPolicy>(&request.attention.policy);
  std::string order(attention::token_order_name(request.attention.token_order));
  if (request.attention.token_order == attention::TokenOrderKind::kBoxes) {
    for (const int64_t extent : request.attention.token_box) order += concat(" ", extent);
  }
  // Weights, configuration and vocabulary together; one changed byte is another model.
  const std::string text = loaded.digests.dump();
  return {.model = sha256(std::as_bytes(std::span(text))),
          .q_tile = static_cast<int32_t>(tiles.q_tile),
          .kv_tile = static_cast<int32_t>(tiles.kv_tile),
          .token_order = order,
          .estimate = mass != nullptr ? mass->estimate : attention::MassEstimate::kRowMaximum};
}

void check_calibration(const LoadedModel& loaded, const video::VideoRequest& request) {
  if (request.attention.calibration == nullptr) return;
  const auto& made_for = request.attention.calibration->key;
  const auto needed = calibration_key(loaded, request);
  TESSERA_CHECK(made_for.model == needed.model,
                "[--calibration] was made for another model (digest ", made_for.model,
                "), this one is: ", needed.model);
  TESSERA_CHECK(made_for.token_order == needed.token_order,
                "[--calibration] was made for token order ", made_for.token_order,
                ", got: ", needed.token_order);
  TESSERA_CHECK(made_for == needed,
                "[--calibration] was made for other tiles or another --estimate");
}

video::GeneratedVideo run_film(Console& console, const std::string& title,
                               const LoadedModel& loaded, const video::VideoRequest& request) {
  check_calibration(loaded, request);
  warn_of_unknown_words(console, loaded.model, request);
  Progress progress(console, title, request.steps);
  return video::generate_video(loaded.model, request, [&](const video::StepReport& report) {
    const TileSums sums = sum_tiles(report.record);
    const auto& tiles = sums.tiles;
    char detail[120];
    std::snprintf(detail, sizeof(detail), "step %.2f s  kept %lld skipped %lld (%.0f %%)",
                  report.record.seconds, static_cast<long long>(tiles.visited),
                  static_cast<long long>(tiles.total - tiles.visited), 100 * sums.skipped_share());
    progress.update(report.record.step + 1, detail);
    return is_interrupted() ? video::StepDecision::kStop : video::StepDecision::kContinue;
  });
}

media::Frames shown_film(const video::GeneratedVideo& video, int64_t upscale, double fps) {
  const auto film = nn::tensor_to_film(video.frames, fps > 0 ? fps : video.fps);
  return media::upscale(film, static_cast<int>(upscale), media::UpscaleFilter::kLanczos3,
                        torch_ops::torch_executor());
}

TileSums sum_tiles(const video::StepRecord& step) {
  TileSums sums;
  for (const auto& call : step.tiles) {
    sums.tiles += call.tiles;
    sums.mass += call.mass;
  }
  return sums;
}

TileSums sum_tiles(const video::GeneratedVideo& video) {
  TileSums sums;
  for (const auto& step : video.steps) {
    const TileSums one = sum_tiles(step);
    sums.tiles += one.tiles;
    sums.mass += one.mass;
  }
  return sums;
}

nlohmann::json sidecar_of(const FilmOptions& options, const video::VideoRequest& request,
                          const LoadedModel& loaded, const video::GeneratedVideo& video) {
  nlohmann::json steps = nlohmann::json::array();
  for (const auto& step : video.steps) {
    const TileSums tiles = sum_tiles(step);
    nlohmann::json record = {{"step", step.step},
                             {"timestep", step.timestep},
                             {"sigma", step.sigma},
                             {"seconds", step.seconds}};
    record.update(record_of(tiles));
    record["calls"] = calls_of(step);
    steps.push_back(std::move(record));
  }
  const TileSums all = sum_tiles(video);
  return {
      {"schema", "tessera.generate/1"},
      {"tessera", {{"version", version()}, {"commit", commit()}, {"torch", torch_version()}}},
      {"machine",
       {{"name", machine_name()}, {"threads", at::get_num_threads()}, {"device", options.device}}},
      {"settings", settings_json(options, request)},
      {"model_files", loaded.digests},
      {"attention_backend", video.attention_backend},
      {"is_complete", video.is_complete},
      {"steps_done", video.steps.size()},
      {"seconds", video.seconds},
      {"tiles", all.tiles.total},
      {"tiles_kept", all.tiles.visited},
      {"unknown_words", video.unknown_words},
      {"steps", steps}};
}

std::string machine_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

}  // namespace tessera::cli
