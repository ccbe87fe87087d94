// A video model's folder: config.json, *.safetensors, vocab.txt.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "tessera/nn/weight_files.h"
#include "tessera/video/wan/config.h"

namespace tessera::video {

class Vocabulary;
class WanModel;
class WordEncoder;

struct VideoModel {
  std::filesystem::path folder;
  VideoConfig config;
  std::shared_ptr<Vocabulary> vocabulary;
  std::shared_ptr<WordEncoder> words;
  std::shared_ptr<WanModel> dit;
};

/// Modules of the config's sizes on the CPU, with zero weights.
VideoModel make_video_model(const VideoConfig& config, const Vocabulary& vocabulary);

/// Reads a folder. Throws IoError: the folder or a file is missing, unreadable or damaged, or the
/// weights do not fit the configuration; the text names file, rule and value.
VideoModel load_video_model(const std::filesystem::path& folder);

/// Writes config.json, vocab.txt and model.safetensors; makes the folder. The weights are stored
/// as `dtype`.
void save_video_model(const VideoModel& model, const std::filesystem::path& folder,
                      at::ScalarType dtype = at::kFloat, const nn::Metadata& metadata = {});

}  // namespace tessera::video
