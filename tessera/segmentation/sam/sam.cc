#include "tessera/segmentation/sam/sam.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <ATen/TensorOperators.h>
#include <ATen/core/Generator.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/tensor.h>
#include <c10/core/Device.h>

#include "tessera/core/error.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/sam/image_encoder.h"
#include "tessera/segmentation/sam/mask_decoder.h"
#include "tessera/segmentation/sam/prompt_encoder.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

const SamConfig& checked(const SamConfig& config) {
  check_sam_config(config);
  return config;
}

/// Learned vectors that are looked up, not multiplied by.
bool is_table(const std::string& name) {
  constexpr const char* kTables[] = {"pos_embed",      "point_embeddings.", "not_a_point_embed.",
                                     "no_mask_embed.", ".iou_token.",       ".mask_tokens."};
  return std::any_of(std::begin(kTables), std::end(kTables),
                     [&](const char* table) { return name.find(table) != std::string::npos; });
}

/// -1 for any extent above zero.
bool is_like(const Tensor& x, at::IntArrayRef sizes) {
  if (x.dim() != static_cast<int64_t>(sizes.size())) return false;
  for (int64_t i = 0; i < x.dim(); ++i)
    if (sizes[i] == -1 ? x.size(i) < 1 : x.size(i) != sizes[i]) return false;
  return true;
}

void check_prompts(const Sam::Prompts& prompts, const SamConfig& config) {
  const auto& [points, labels, boxes, masks] = prompts;
  TESSERA_CHECK(points.defined() == labels.defined(),
                "[Sam::decode] points and labels must come together, got: ",
                points.defined() ? "points" : "labels", " alone");
  int64_t batch = -1;
  const auto check = [&](const Tensor& x, const char* name, std::vector<int64_t> sizes) {
    if (!x.defined()) return;
    if (batch != -1) sizes[0] = batch;
    TESSERA_CHECK(is_like(x, sizes), "[Sam::decode] ", name, " must be ", at::IntArrayRef(sizes),
                  " (-1: any), got: ", x.sizes());
    batch = x.size(0);
  };
  const int64_t size = config.mask_size();
  check(points, "points", {-1, -1, 2});
  check(labels, "labels", {-1, points.defined() ? points.size(1) : -1});
  check(boxes, "boxes", {-1, 4});
  check(masks, "masks", {-1, 1, size, size});
}

}  // namespace

Sam::Sam(const SamConfig& config)
    : config(checked(config)),
      image_encoder_(register_module("image_encoder", std::make_shared<ImageEncoder>(config))),
      prompt_encoder_(register_module("prompt_encoder", std::make_shared<PromptEncoder>(config))),
      mask_decoder_(register_module("mask_decoder", std::make_shared<MaskDecoder>(config))) {}

Tensor Sam::normalise(const Tensor& images) const {
  TESSERA_CHECK(is_like(images, {-1, 3, -1, -1}),
                "[Sam::normalise] images must be [B, 3, Y, X], got: ", images.sizes());
  const int64_t height = images.size(2), width = images.size(3), size = config.image_size;
  TESSERA_CHECK(height <= size && width <= size, "[Sam::normalise] images must fit ", size, " x ",
                size, ", got: ", height, " x ", width);
  const auto channel_values = [&](const std::array<double, 3>& values) {
    return at::tensor(at::ArrayRef<double>(values.data(), values.size()))
        .to(images.device(), at::kFloat)
        .view({1, 3, 1, 1});
  };
  const Tensor normalised = (images.to(at::kFloat) - channel_values(config.pixel_mean)) /
                            channel_values(config.pixel_std);
  return at::constant_pad_nd(normalised, {0, size - width, 0, size - height});
}

Tensor Sam::encode_image(const Tensor& normalised) const {
  const int64_t size = config.image_size;
  TESSERA_CHECK(is_like(normalised, {-1, 3, size, size}),
                "[Sam::encode_image] images must be [B, 3, ", size, ", ", size,
                "], got: ", normalised.sizes());
  return image_encoder_->forward(normalised);
}

Sam::Masks Sam::decode(const Tensor& embeddings, const Prompts& prompts, bool multimask) const {
  check_embeddings(embeddings);
  check_prompts(prompts, config);
  Tensor sparse = prompt_encoder_->sparse(prompts);
  const bool is_without_prompts =
      !prompts.points.defined() && !prompts.boxes.defined() && !prompts.masks.defined();
  if (is_without_prompts) sparse = sparse.expand({embeddings.size(0), -1, -1});
  const Tensor dense =
      prompts.masks.defined() ? prompt_encoder_->dense(prompts.masks) : prompt_encoder_->no_mask(1);
  return mask_decoder_->forward(embeddings, prompt_encoder_->grid_positions(), sparse, dense,
                                multimask);
}

Sam::Masks Sam::decode_dense(const Tensor& embeddings, const Tensor& dense, bool multimask) const {
  check_embeddings(embeddings);
  const int64_t grid = config.grid();
  TESSERA_CHECK(is_like(dense, {-1, config.prompt_dim, grid, grid}),
                "[Sam::decode_dense] dense must be [P, ", config.prompt_dim, ", ", grid, ", ", grid,
                "], got: ", dense.sizes());
  const Tensor none = dense.new_empty({dense.size(0), 0, config.prompt_dim});
  return mask_decoder_->forward(embeddings, prompt_encoder_->grid_positions(), none, dense,
                                multimask);
}

void Sam::check_embeddings(const Tensor& embeddings) const {
  const int64_t grid = config.grid();
  TESSERA_CHECK(is_like(embeddings, {-1, config.prompt_dim, grid, grid}),
                "[Sam::decode] embeddings must be [B, ", config.prompt_dim, ", ", grid, ", ", grid,
                "], got: ", embeddings.sizes());
}

Tensor Sam::no_mask_dense(int64_t batch) const { return prompt_encoder_->no_mask(batch); }

void Sam::initialise(uint64_t seed) {
  const at::NoGradGuard no_grad;
  auto generator = nn::make_generator(at::kCPU, seed);
  for (auto& entry : named_parameters()) {
    Tensor& value = entry.value();
    const std::string& name = entry.key();
    if (name.ends_with("bias")) {
      value.zero_();
    } else if (value.dim() == 1) {
      value.fill_(1);  // norms
    } else if (name.find("rel_pos") != std::string::npos) {
      value.zero_();
    } else if (value.dim() == 4 && !name.ends_with("pos_embed")) {  // convolutions
      const double fan_in = static_cast<double>(value[0].numel());
      value.normal_(0, std::sqrt(1 / fan_in), generator);
    } else if (is_table(name)) {
      value.normal_(0, name.ends_with("pos_embed") ? 0.02 : 1.0, generator);
    } else {  // linear layers
      const double fan_in = static_cast<double>(value.size(-1));
      value.normal_(0, std::sqrt(1 / (3 * fan_in)), generator);
    }
  }
  for (auto& entry : named_buffers()) entry.value().normal_(0, 1, generator);
}

}  // namespace tessera::segmentation
