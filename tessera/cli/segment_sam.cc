#include "tessera/cli/segment_sam.h"

#include <cstdio>
#include <filesystem>

#include "tessera/cli/models.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

/// "ViT-B" for the layout of one of Meta's models, else nothing.
std::string meta_layout(const segmentation::SamConfig& config) {
  const std::pair<const char*, segmentation::SamConfig> known[] = {
      {"ViT-B", segmentation::sam_vit_b()},
      {"ViT-L", segmentation::sam_vit_l()},
      {"ViT-H", segmentation::sam_vit_h()}};
  for (const auto& [name, layout] : known) {
    if (config.image_size == layout.image_size && config.embed_dim == layout.embed_dim &&
        config.depth == layout.depth) {
      return name;
    }
  }
  return "";
}

}  // namespace

segmentation::FrozenSam load_named_sam(const std::string& name_or_path) {
  const auto found = find_model(name_or_path);
  auto sam = segmentation::load_frozen_sam(found);
  const bool is_name =
      name_or_path.find('/') == std::string::npos && !std::filesystem::exists(name_or_path);
  sam.path =
      is_name ? name_or_path : std::filesystem::absolute(name_or_path).lexically_normal().string();
  return sam;
}

std::string describe_sam(const segmentation::FrozenSam& sam) {
  int64_t count = 0;
  for (const auto& parameter : sam.sam->parameters()) count += parameter.numel();
  const auto& config = sam.sam->config;
  const std::string layout = meta_layout(config);
  char size[80];
  std::snprintf(size, sizeof(size), ", %lld pixels, %.1f M parameters, frozen",
                static_cast<long long>(config.image_size), static_cast<double>(count) * 1e-6);
  return sam.path + size +
         (layout.empty() ? "; a small model of our own, trained on generated images: not Meta's SAM"
                         : "; layout of Meta's SAM " + layout);
}

}  // namespace tessera::cli
