// SAM models on disk: our folders, and the official checkpoints as they are published.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "tessera/nn/weight_files.h"
#include "tessera/segmentation/sam/sam.h"

namespace tessera::segmentation {

/// Loads, in fp32 on the CPU: a folder (config.json and *.safetensors), or a bare official weight
/// file, .safetensors or .pth, whose configuration follows from its tensors (infer_sam_config).
/// Throws IoError that names file, rule and value.
std::shared_ptr<Sam> load_sam(const std::filesystem::path& path);

/// Writes config.json and model.safetensors, floating-point tensors in `dtype`, each file in one
/// step. Throws InvalidArgument or IoError.
void save_sam(const Sam& sam, const std::filesystem::path& folder,
              at::ScalarType dtype = at::kFloat, const nn::Metadata& metadata = {});

/// SHA-256 over configuration, names, shapes and fp32 values: what a cache of embeddings hangs on.
/// The same for a model on any device.
std::string sam_digest(const Sam& sam);

/// The configuration that an official state dict's names and shapes tell. What they do not tell is
/// SAM's own: pixel statistics, eight heads in the decoder, and a head dim in the encoder from the
/// relative-position tables. Throws IoError.
SamConfig infer_sam_config(const nn::Weights& weights);

}  // namespace tessera::segmentation
