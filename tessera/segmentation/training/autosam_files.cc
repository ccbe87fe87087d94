// FrozenSam and the model folder.
#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/json_object.h"
#include "tessera/segmentation/sam/sam_files.h"
#include "tessera/segmentation/training/autosam_model.h"

namespace tessera::segmentation {
namespace {

constexpr const char* kSchema = "tessera.autosam_model/1";

std::string config_json(const AutoSamConfig& config) {
  nlohmann::ordered_json json = {{"schema", kSchema}, {"method", method_name(config.method)}};
  if (config.method != Method::kUnet) {
    json["order"] = hardnet_order_name(config.order);
    json["strided_head"] = config.generator.has_strided_head;
    json["stem_skip"] = config.generator.has_stem_skip;
    json["unbounded_prompt"] = config.generator.is_unbounded;
    json["decoder_width"] = config.generator.decoder_width;
    json["surrogate"] = config.has_surrogate;
  }
  json["prompt_dim"] = config.prompt_dim;
  json["grid"] = config.grid;
  json["g_size"] = config.g_size;
  json["tile"] = config.tile;
  json["threshold"] = config.threshold;
  if (config.method == Method::kAutoSam) {
    json["sam"] = {{"path", config.sam_path},
                   {"digest", config.sam_digest},
                   {"picture_size", config.picture_size}};
  }
  return json.dump(2) + "\n";
}

}  // namespace

FrozenSam load_frozen_sam(const std::filesystem::path& path) {
  FrozenSam frozen{load_sam(path), path.string(), {}};
  frozen.digest = sam_digest(*frozen.sam);
  freeze(*frozen.sam);
  return frozen;
}

void freeze(Sam& sam) {
  sam.eval();
  for (auto& parameter : sam.parameters()) parameter.set_requires_grad(false);
}

at::Tensor embed(const Sam& sam, const at::Tensor& pictures) {
  const at::NoGradGuard no_grad;
  const nn::AutocastOnCuda autocast(pictures.device());
  const auto encode = [&](const at::Tensor& part) {
    return sam.encode_image(sam.normalise(part)).to(at::kHalf);
  };
  // Of Meta's largest model eight pictures take some 10 GB in a global block.
  const int64_t at_once = pictures.is_cpu() ? 1 : 8;
  std::vector<at::Tensor> embeddings;
  for (int64_t i = 0; i < pictures.size(0); i += at_once) {
    embeddings.push_back(encode(pictures.narrow(0, i, std::min(at_once, pictures.size(0) - i))));
  }
  return at::cat(embeddings);
}

AutoSamConfig read_autosam_config(const std::filesystem::path& folder) {
  auto json = nn::JsonObject::read(folder / "config.json");
  json.choice("schema", {kSchema});
  AutoSamConfig config;
  config.method = static_cast<Method>(json.choice("method", {"autosam", "plain-head", "unet"}));
  if (config.method != Method::kUnet) {
    const std::vector<std::string> orders = {"39ds", "68ds", "68", "85"};
    config.order = parse_hardnet_order(orders[json.choice("order", orders)]);
    config.generator.has_strided_head = json.boolean("strided_head");
    config.generator.has_stem_skip = json.boolean("stem_skip");
    config.generator.is_unbounded =  // not in files of before it was there
        json.contains("unbounded_prompt") && json.boolean("unbounded_prompt");
    config.generator.decoder_width = json.integer("decoder_width", 0, 4096);
    config.has_surrogate = json.boolean("surrogate");
  }
  config.prompt_dim = json.integer("prompt_dim", 8, 4096);
  config.grid = json.integer("grid", 1, 1024);
  config.g_size = static_cast<int>(json.integer("g_size", 32, 4096));
  if (config.g_size % 16 != 0) json.fail("g_size", "must be a multiple of 16");
  config.tile = static_cast<int>(json.integer("tile", 0, 8192));
  config.threshold = json.number("threshold", 0, 1);
  if (config.method == Method::kAutoSam) {
    auto sam = json.object("sam");
    config.sam_path = sam.text("path");
    config.sam_digest = sam.text("digest");
    config.picture_size = static_cast<int>(sam.integer("picture_size", 16, 8192));
    sam.finish();
  }
  json.finish();
  return config;
}

void save_autosam(const AutoSamModel& model, const std::filesystem::path& folder,
                  const nn::Metadata& metadata) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw IoError(concat(folder.string(), ": cannot be made: ", failure.message()));
  nn::Metadata all = metadata;
  all["format"] = kSchema;
  nn::save_weights(folder / "model.safetensors", nn::module_tensors(model.parts()), all);
  write_file(folder / "config.json", config_json(model.config()));
}

AutoSamModel load_autosam(const std::filesystem::path& folder, FrozenSam sam) {
  const AutoSamConfig config = read_autosam_config(folder);
  if (sam.sam && config.method == Method::kAutoSam && sam.digest != config.sam_digest) {
    throw IoError(concat(sam.path, ": must be the SAM that ", folder.string(),
                         " was trained with (", config.sam_path, ", digest ",
                         config.sam_digest.substr(0, 12),
                         "), got digest: ", sam.digest.substr(0, 12)));
  }
  AutoSamModel model(config, std::move(sam), 0);
  nn::load_modules(nn::load_weights(folder / "model.safetensors"), model.parts());
  model.train(false);
  return model;
}

}  // namespace tessera::segmentation
