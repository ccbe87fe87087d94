// The flags of `segment train`: what they are, the settings they make, how a run remembers them.
#pragma once

#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tessera/cli/segment_data.h"
#include "tessera/segmentation/training/autosam_settings.h"

namespace tessera::cli {

struct TrainFlags {
  DataFlags data;
  std::string output, sam, device, method, order, tile, cache;
  int g_size = 0, g_width = 0, views = 0, epoch_views = 0, epochs = 0, validate_every = 0,
      patience = 0, batch = 0, surrogate_epochs = 0, threads = 0;
  double minutes = 0, learning_rate = 0;
  int64_t seed = 0;
  bool has_stem_skip = false, has_strided_head = false, has_unbounded_prompt = false,
       has_no_cache = false, is_resumed = false;

  /// The trainer's defaults.
  TrainFlags();
};

void add_train_flags(CLI::App& command, TrainFlags& flags);

/// Puts a network that the device trains in reasonable time in the place of --order auto.
void resolve_order(TrainFlags& flags);

/// Throws InvalidArgument that names the flag, rule and value. The order must be resolved.
segmentation::AutoSamSettings settings_of(const TrainFlags& flags);

/// RUN/command.json: the flags of a run, paths made absolute. --resume takes from it what is not
/// given anew, evaluate where the data are.
inline constexpr const char* kCommandSchema = "tessera.segmentation_command/1";
std::filesystem::path command_path(const std::filesystem::path& run);
nlohmann::json command_json(const TrainFlags& flags);

}  // namespace tessera::cli
