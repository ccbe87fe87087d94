// The files of a training run.
//
//   RUN/settings.json            what was asked for
//   RUN/checkpoint.safetensors   everything needed to continue
//   RUN/model/                   the best epoch's weights: what predicts
//   RUN/history.csv              a row an epoch
//   RUN/cache/                   SAM's embeddings, unless they are kept elsewhere
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "tessera/segmentation/training/trainer.h"

namespace tessera::segmentation {

struct RunFolder {
  std::filesystem::path root;
  std::filesystem::path settings() const { return root / "settings.json"; }
  std::filesystem::path checkpoint() const { return root / "checkpoint.safetensors"; }
  std::filesystem::path model() const { return root / "model"; }
  std::filesystem::path history() const { return root / "history.csv"; }
  std::filesystem::path cache() const { return root / "cache"; }
};

/// Makes the folder of a new run, or checks that of one to continue. Throws IoError: a run is there
/// already and is not to be continued, there is none to continue, the folder cannot be made.
RunFolder open_run_folder(const std::filesystem::path& root, bool is_resumed);

/// The model folder that `path` means: itself (holds config.json), or RUN/model. Throws IoError.
std::filesystem::path find_model_folder(const std::filesystem::path& path);

void write_history(const std::filesystem::path& path, std::span<const EpochRecord> history);

}  // namespace tessera::segmentation
