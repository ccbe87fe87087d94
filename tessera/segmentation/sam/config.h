// The sizes of a Segment Anything Model.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tessera::segmentation {

/// Defaults: ViT-B, as in Meta's sam_vit_b.
struct SamConfig {
  int64_t image_size = 1024;  // side of the square input, pixels
  int64_t patch_size = 16;    // side of a token, pixels; divides image_size

  int64_t embed_dim = 768;  // image encoder
  int64_t depth = 12;
  int64_t num_heads = 12;
  int64_t mlp_dim = 3072;
  std::vector<int64_t> global_blocks = {2, 5, 8, 11};  // the others attend in windows
  int64_t window_size = 14;                            // tokens
  bool has_absolute_positions = true;

  int64_t prompt_dim = 256;           // of image embedding and prompts
  int64_t mask_prompt_channels = 16;  // inside the mask prompt's network

  int64_t decoder_depth = 2;
  int64_t decoder_heads = 8;
  int64_t decoder_mlp_dim = 2048;
  int64_t num_multimask = 3;  // masks for an ambiguous prompt, besides the single one
  int64_t iou_head_depth = 3;
  int64_t iou_head_dim = 256;

  std::array<double, 3> pixel_mean = {123.675, 116.28, 103.53};  // RGB, 0 to 255
  std::array<double, 3> pixel_std = {58.395, 57.12, 57.375};

  /// Tokens along a side: the image embedding is [prompt_dim, grid, grid].
  int64_t grid() const { return image_size / patch_size; }

  /// Pixels along a side of a mask, given or predicted.
  int64_t mask_size() const { return 4 * grid(); }

  friend bool operator==(const SamConfig&, const SamConfig&) = default;
};

SamConfig sam_vit_b();
SamConfig sam_vit_l();
SamConfig sam_vit_h();

/// The small model that ships with the program: SAM's geometry (64 x 64 tokens, 256 x 256 masks) on
/// 512-pixel input, about 7 M parameters.
SamConfig demo_sam_config();

/// Throws InvalidArgument unless every size is in range and they fit each other.
void check_sam_config(const SamConfig& config);

/// Strict JSON, schema "tessera.sam/1". Throws IoError: file, key, rule, value.
SamConfig read_sam_config(const std::filesystem::path& path);
std::string sam_config_json(const SamConfig& config);

}  // namespace tessera::segmentation
