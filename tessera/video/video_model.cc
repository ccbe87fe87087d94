#include "tessera/video/video_model.h"

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/video/wan/dit.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

// The transformer keeps Wan's own names; what we add stands beside them under a name of its own.
std::vector<nn::ModulePart> parts_of(const VideoModel& model) {
  return {{"", model.dit.get()}, {"word_encoder.", model.words.get()}};
}

}  // namespace

VideoModel make_video_model(const VideoConfig& config, const Vocabulary& vocabulary) {
  check_config(config);
  VideoModel model;
  model.config = config;
  model.vocabulary = std::make_shared<Vocabulary>(vocabulary);
  model.words =
      std::make_shared<WordEncoder>(vocabulary.size(), config.dit.text_len, config.dit.text_dim);
  model.dit = std::make_shared<WanModel>(config.dit);
  return model;
}

VideoModel load_video_model(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    throw IoError(concat(folder.string(),
                         ": must be a model folder (config.json, *.safetensors, vocab.txt), got: ",
                         std::filesystem::exists(folder) ? "a file" : "nothing there"));
  const auto config = read_video_config(folder / "config.json");
  auto model = make_video_model(config, Vocabulary::read(folder / "vocab.txt"));
  model.folder = folder;
  nn::load_modules(nn::load_weights(folder), parts_of(model));
  return model;
}

void save_video_model(const VideoModel& model, const std::filesystem::path& folder,
                      at::ScalarType dtype, const nn::Metadata& metadata) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(concat(folder.string(), ": cannot be made: ", error.message()));
  write_video_config(folder / "config.json", model.config);
  write_file(folder / "vocab.txt", model.vocabulary->text());
  auto tensors = nn::module_tensors(parts_of(model));
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().to(dtype);
  nn::save_weights(folder / "model.safetensors", tensors, metadata);
}

}  // namespace tessera::video
