// The numbers of a Segment Anything Model: its sizes and the pixel statistics it was trained with.
//
// They stand in `config.json` in the model's folder (schema tessera.sam/1), which is read strictly:
// an unknown key, a wrong type or an impossible value is an error.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace tessera::segmentation {

/// The defaults are those of SAM ViT-B.
struct SamConfig {
  int64_t image_size = 1024, patch_size = 16;  // pixels, both squares
  int64_t embed_dim = 768, depth = 12, num_heads = 12, mlp_dim = 3072;
  std::vector<int64_t> global_blocks = {2, 5, 8, 11};  // ascending; the others attend in windows
  int64_t window_size = 14;                            // tokens along a side
  bool has_absolute_positions = true;
  int64_t prompt_dim = 256, mask_prompt_channels = 16;
  int64_t decoder_depth = 2, decoder_heads = 8, decoder_mlp_dim = 2048;
  int64_t num_multimask = 3, iou_head_depth = 3, iou_head_dim = 256;
  std::array<double, 3> pixel_mean{123.675, 116.28, 103.53}, pixel_std{58.395, 57.12, 57.375};

  int64_t grid() const { return image_size / patch_size; }  // image tokens along a side
  int64_t mask_size() const { return 4 * grid(); }          // side of a mask's logits
  int64_t head_dim() const { return embed_dim / num_heads; }
  bool operator==(const SamConfig&) const = default;
};

/// The three published sizes; the demo model has 7.1 million parameters, patches of 8 pixels and
/// the published ones' 64 x 64 grid.
SamConfig sam_vit_b();
SamConfig sam_vit_l();
SamConfig sam_vit_h();
SamConfig demo_sam_config();

/// Throws InvalidArgument that names the rule and the value unless the numbers fit each other.
void check_config(const SamConfig& config);

/// Throws IoError that names file, key, rule and value.
SamConfig read_sam_config(const std::filesystem::path& path);

/// Writes what read_sam_config reads. Throws InvalidArgument or IoError.
void write_sam_config(const std::filesystem::path& path, const SamConfig& config);

}  // namespace tessera::segmentation
