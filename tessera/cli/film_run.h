// Making one film with progress on the console, and putting it on disk with its sidecar.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "tessera/cli/console.h"
#include "tessera/cli/film_options.h"
#include "tessera/media/frames.h"
#include "tessera/video/text_to_video.h"
#include "tessera/video/video_model.h"

namespace tessera::cli {

/// A model on its device, with the digests of its files.
struct LoadedModel {
  video::VideoModel model;
  nlohmann::json digests;  // file name -> SHA-256
};

/// Finds and reads the model, moves it to the device, sets the number of threads. Throws IoError,
/// Unsupported (device).
LoadedModel load_model(const FilmOptions& options);

/// What a calibration of this model and request is valid for.
attention::CalibrationKey calibration_key(const LoadedModel& loaded,
                                          const video::VideoRequest& request);

/// Throws InvalidArgument unless the request's calibration, if any, was made for this.
void check_calibration(const LoadedModel& loaded, const video::VideoRequest& request);

/// Decides what --attention auto means here: lite where the device has a back end, else dense with
/// a warning. Throws Unsupported for lite where there is none.
void resolve_attention(FilmOptions& options, Console& console);

/// Runs the request and shows each step: time, kept and skipped tiles, time left. Ctrl-C ends it
/// after the step with what there is. Warns about words that the model does not know.
video::GeneratedVideo run_film(Console& console, const std::string& title,
                               const LoadedModel& loaded, const video::VideoRequest& request);

/// The film as it is shown: enlarged, at the file's rate.
media::Frames shown_film(const video::GeneratedVideo& video, int64_t upscale, double fps);

/// What one step or a film did, over all layers and streams.
struct TileSums {
  attention::TileCounts tiles = {};
  attention::LostMass mass = {};
  double skipped_share() const {
    return tiles.total > 0
               ? 1 - static_cast<double>(tiles.visited) / static_cast<double>(tiles.total)
               : 0;
  }
};
TileSums sum_tiles(const video::StepRecord& step);
TileSums sum_tiles(const video::GeneratedVideo& video);

/// What the sidecar `<film>.json` holds: schema tessera.generate/1, the settings that make the
/// film again, what ran, and what each step did.
nlohmann::json sidecar_of(const FilmOptions& options, const video::VideoRequest& request,
                          const LoadedModel& loaded, const video::GeneratedVideo& video);

/// Processor name, for reports.
std::string machine_name();

}  // namespace tessera::cli
