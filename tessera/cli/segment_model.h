// A trained run, loaded for predict and evaluate.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tessera/cli/console.h"
#include "tessera/segmentation/training/autosam_model.h"
#include "tessera/segmentation/training/predictor.h"

namespace tessera::cli {

struct ModelFlags {
  std::string run, sam, device = "cpu";
  bool is_fast = false, has_turns = false;
  int threads = 0;
  double threshold = 0;  // 0: the model's
};

/// Adds RUN, --sam, --device, --fast, --tta, --threshold, --threads.
void add_model_flags(CLI::App& command, ModelFlags& flags);

/// A model on its device, SAM beside it unless it is not needed.
struct LoadedRun {
  std::unique_ptr<segmentation::AutoSamModel> model;
  double threshold = 0.5;
  segmentation::PredictorOptions options;
};

/// Throws InvalidArgument (device, RUN missing), IoError (no run, damaged, another SAM).
LoadedRun load_run(const ModelFlags& flags);

/// Lines on the model: method, SAM, tile, device.
void describe_run(Console& console, const ModelFlags& flags, const LoadedRun& loaded);

}  // namespace tessera::cli
