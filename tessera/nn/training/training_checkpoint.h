// All that a training run needs to continue, in one safetensors file.
#pragma once

#include <filesystem>
#include <string>

#include "tessera/nn/training/optimiser.h"

namespace tessera::nn {

struct TrainingPosition {
  int64_t step = 0;
  double elapsed_seconds = 0;
  double samples = 0;  // clips, images: drawn so far by all ranks
};

/// Writes in one step. `fingerprint` describes the model and the settings that must not change.
void save_checkpoint(const std::filesystem::path& path, const at::Tensor& values,
                     const Optimiser& optimiser, const TrainingPosition& position,
                     const std::string& fingerprint);

/// Fills values and optimiser in place. Throws IoError when the file is damaged, does not fit, or
/// has another fingerprint.
TrainingPosition load_checkpoint(const std::filesystem::path& path, at::Tensor values,
                                 Optimiser& optimiser, const std::string& fingerprint);

}  // namespace tessera::nn
