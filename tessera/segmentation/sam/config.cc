#include "tessera/segmentation/sam/config.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/nn/json_object.h"

namespace tessera::segmentation {

SamConfig sam_vit_b() { return {}; }

SamConfig sam_vit_l() {
  SamConfig config;
  config.embed_dim = 1024;
  config.depth = 24;
  config.num_heads = 16;
  config.mlp_dim = 4096;
  config.global_blocks = {5, 11, 17, 23};
  return config;
}

SamConfig sam_vit_h() {
  SamConfig config;
  config.embed_dim = 1280;
  config.depth = 32;
  config.num_heads = 16;
  config.mlp_dim = 5120;
  config.global_blocks = {7, 15, 23, 31};
  return config;
}

SamConfig demo_sam_config() {
  SamConfig config;
  config.image_size = 512;
  config.patch_size = 8;
  config.embed_dim = 256;
  config.depth = 6;
  config.num_heads = 4;
  config.mlp_dim = 768;
  config.global_blocks = {2, 5};
  config.window_size = 16;
  config.has_absolute_positions = false;
  config.decoder_mlp_dim = 512;
  return config;
}

void check_sam_config(const SamConfig& c) {
  const auto check = [](bool is_kept, const char* name, const char* rule, int64_t value) {
    TESSERA_CHECK(is_kept, "[SamConfig] ", name, " must ", rule, ", got: ", value);
  };
  check(c.patch_size >= 1 && c.image_size % c.patch_size == 0 && c.grid() >= 1, "image_size",
        "be a multiple of patch_size", c.image_size);
  check(c.num_heads >= 1 && c.embed_dim >= 1 && c.embed_dim % c.num_heads == 0, "embed_dim",
        "be a multiple of num_heads", c.embed_dim);
  check(c.depth >= 1, "depth", "be at least 1", c.depth);
  check(c.mlp_dim >= 1, "mlp_dim", "be at least 1", c.mlp_dim);
  check(c.window_size >= 1, "window_size", "be at least 1", c.window_size);
  for (const int64_t block : c.global_blocks) {
    check(block >= 0 && block < c.depth, "global_blocks", "lie in [0, depth)", block);
  }
  check(c.decoder_heads >= 1 && c.prompt_dim % 8 == 0 && c.prompt_dim / 2 % c.decoder_heads == 0,
        "prompt_dim", "be a multiple of 8 and of 2 decoder_heads", c.prompt_dim);
  check(c.mask_prompt_channels >= 4 && c.mask_prompt_channels % 4 == 0, "mask_prompt_channels",
        "be a multiple of 4", c.mask_prompt_channels);
  check(c.decoder_depth >= 1, "decoder_depth", "be at least 1", c.decoder_depth);
  check(c.num_multimask >= 1, "num_multimask", "be at least 1", c.num_multimask);
  check(c.iou_head_depth >= 1, "iou_head_depth", "be at least 1", c.iou_head_depth);
}

SamConfig read_sam_config(const std::filesystem::path& path) {
  auto json = nn::JsonObject::read(path);
  json.choice("schema", {"tessera.sam/1"});
  SamConfig c;
  c.image_size = json.integer("image_size", 8, 4096);
  c.patch_size = json.integer("patch_size", 1, 64);
  c.embed_dim = json.integer("embed_dim", 8, 8192);
  c.depth = json.integer("depth", 1, 128);
  c.num_heads = json.integer("num_heads", 1, 128);
  c.mlp_dim = json.integer("mlp_dim", 1, 65536);
  c.global_blocks = json.any_integers("global_blocks", c.depth, 0, c.depth - 1);
  c.window_size = json.integer("window_size", 1, 1024);
  c.has_absolute_positions = json.boolean("has_absolute_positions");
  c.prompt_dim = json.integer("prompt_dim", 8, 4096);
  c.mask_prompt_channels = json.integer("mask_prompt_channels", 4, 1024);
  c.decoder_depth = json.integer("decoder_depth", 1, 64);
  c.decoder_heads = json.integer("decoder_heads", 1, 128);
  c.decoder_mlp_dim = json.integer("decoder_mlp_dim", 1, 65536);
  c.num_multimask = json.integer("num_multimask", 1, 16);
  c.iou_head_depth = json.integer("iou_head_depth", 1, 16);
  c.iou_head_dim = json.integer("iou_head_dim", 1, 8192);
  const auto mean = json.numbers("pixel_mean", 3, -1000, 1000);
  const auto deviation = json.numbers("pixel_std", 3, 1e-3, 1000);
  std::copy(mean.begin(), mean.end(), c.pixel_mean.begin());
  std::copy(deviation.begin(), deviation.end(), c.pixel_std.begin());
  json.finish();
  try {
    check_sam_config(c);
  } catch (const InvalidArgument& error) {
    throw IoError(concat(path.string(), ": ", error.what()));
  }
  return c;
}

std::string sam_config_json(const SamConfig& c) {
  nlohmann::ordered_json json;
  json["schema"] = "tessera.sam/1";
  json["image_size"] = c.image_size;
  json["patch_size"] = c.patch_size;
  json["embed_dim"] = c.embed_dim;
  json["depth"] = c.depth;
  json["num_heads"] = c.num_heads;
  json["mlp_dim"] = c.mlp_dim;
  json["global_blocks"] = c.global_blocks;
  json["window_size"] = c.window_size;
  json["has_absolute_positions"] = c.has_absolute_positions;
  json["prompt_dim"] = c.prompt_dim;
  json["mask_prompt_channels"] = c.mask_prompt_channels;
  json["decoder_depth"] = c.decoder_depth;
  json["decoder_heads"] = c.decoder_heads;
  json["decoder_mlp_dim"] = c.decoder_mlp_dim;
  json["num_multimask"] = c.num_multimask;
  json["iou_head_depth"] = c.iou_head_depth;
  json["iou_head_dim"] = c.iou_head_dim;
  json["pixel_mean"] = c.pixel_mean;
  json["pixel_std"] = c.pixel_std;
  return json.dump(2) + "\n";
}

}  // namespace tessera::segmentation
