#include "tessera/segmentation/training/autosam_model.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include "tessera/core/error.h"
#include "tessera/nn/autocast.h"

namespace tessera::segmentation {

using at::Tensor;

/// SAM's decoder speaks in the logits of its own training; the map lets g choose their steepness
/// and balance without bending its prompt for it. Both are stored as tenths: under AdamW, whose
/// steps have one size, two numbers that all pixels share thus move ten times as fast as weights.
struct AutoSamModel::Affine : torch::nn::Module {
  Affine()
      : scale(register_parameter("scale", at::full({1}, 0.1))),
        offset(register_parameter("offset", at::full({1}, 0.0))) {}
  Tensor forward(const Tensor& logits) const { return logits * (10 * scale) + 10 * offset; }
  Tensor scale, offset;
};

AutoSamConfig autosam_config(const AutoSamSettings& settings, const FrozenSam& sam, int tile) {
  AutoSamConfig config;
  config.method = settings.method;
  config.order = settings.order;
  config.generator = settings.generator;
  config.g_size = settings.g_size;
  config.tile = tile;
  config.has_surrogate = settings.method == Method::kPlainHead;
  if (sam.sam) {
    const SamConfig& of_sam = sam.sam->config;
    config.prompt_dim = of_sam.prompt_dim;
    config.grid = of_sam.grid();
    config.picture_size = static_cast<int>(of_sam.image_size);
  }
  if (settings.method == Method::kAutoSam) {
    config.sam_path = sam.path;
    config.sam_digest = sam.digest;
  }
  return config;
}

AutoSamModel::AutoSamModel(const AutoSamConfig& config, FrozenSam sam, uint64_t seed)
    : config_(config), sam_(std::move(sam)) {
  if (config_.method != Method::kAutoSam) sam_ = {};
  if (sam_.sam) {
    const SamConfig& of_sam = sam_.sam->config;
    TESSERA_CHECK(of_sam.prompt_dim == config_.prompt_dim && of_sam.grid() == config_.grid &&
                      of_sam.image_size == config_.picture_size,
                  "[autosam] SAM must have pictures of ", config_.picture_size, ", a grid of ",
                  config_.grid, " and ", config_.prompt_dim, " channels, got: ", of_sam.image_size,
                  ", ", of_sam.grid(), " and ", of_sam.prompt_dim);
  }
  // SAM's numbers, 0..255, for every method: none sees another input.
  const SamConfig numbers;
  mean_ = at::tensor(at::ArrayRef<double>(numbers.pixel_mean), at::kFloat).view({1, 3, 1, 1});
  deviation_ = at::tensor(at::ArrayRef<double>(numbers.pixel_std), at::kFloat).view({1, 3, 1, 1});
  if (config_.method == Method::kUnet) {
    unet_ = std::make_shared<PlainUnet>();
  } else {
    g_ = std::make_shared<PromptGenerator>(config_.order, config_.prompt_dim, config_.generator);
  }
  if (config_.method == Method::kAutoSam) affine_ = std::make_shared<Affine>();
  for (const auto& part : parts())
    if (part.prefix != "affine.") initialise_weights(*part.module, seed);
  if (config_.has_surrogate) add_surrogate(seed + 1);
}

void AutoSamModel::add_surrogate(uint64_t seed) {
  TESSERA_CHECK(g_ != nullptr, "[autosam] an h needs a g, got: method unet");
  h_ = std::make_shared<SurrogateDecoder>(config_.prompt_dim);
  initialise_weights(*h_, seed);
  h_->to(device_);
  config_.has_surrogate = true;
}

Tensor AutoSamModel::normalise(const Tensor& pictures) const {
  // Channels last: convolutions then spare themselves copies, forth and back 8 % on a CPU.
  return ((pictures.to(at::kFloat) - mean_) / deviation_)
      .contiguous(at::MemoryFormat::ChannelsLast);
}

Tensor AutoSamModel::prompt(const Tensor& prompt_pictures) {
  TESSERA_CHECK(g_ != nullptr, "[autosam] a prompt needs a g, got: method unet");
  const auto normalised = normalise(prompt_pictures);
  const nn::AutocastOnCuda autocast(device_);
  return g_->forward(normalised, config_.grid).to(at::kFloat);
}

Tensor AutoSamModel::decode(const Tensor& prompt, const Tensor& embeddings) {
  TESSERA_CHECK(sam_.sam != nullptr && embeddings.defined(),
                "[autosam] the full path needs a SAM and its embeddings, got: none");
  Tensor logits;
  {
    const nn::AutocastOnCuda autocast(device_);
    logits = sam_.sam->decode_dense(embeddings.to(at::kFloat), prompt).logits;
  }
  return affine_->forward(logits.to(at::kFloat));
}

Tensor AutoSamModel::forward(const Tensor& prompt_pictures, const Tensor& embeddings) {
  if (config_.method == Method::kAutoSam) return decode(prompt(prompt_pictures), embeddings);
  if (config_.method == Method::kPlainHead) return forward_fast(prompt_pictures);
  const auto normalised = normalise(prompt_pictures);
  Tensor logits;
  {
    const nn::AutocastOnCuda autocast(device_);
    logits = unet_->forward(normalised).to(at::kFloat);
  }
  const int64_t side = config_.mask_size();
  if (logits.size(2) == side) return logits;
  return at::upsample_bilinear2d(logits, {side, side}, /*align_corners=*/false);
}

Tensor AutoSamModel::read_prompt(const Tensor& prompt) {
  TESSERA_CHECK(h_ != nullptr,
                "[autosam] the fast path needs the surrogate decoder h, got: a model "
                "that was trained without it");
  const nn::AutocastOnCuda autocast(device_);
  return h_->forward(prompt).to(at::kFloat);
}

Tensor AutoSamModel::forward_fast(const Tensor& prompt_pictures) {
  return read_prompt(prompt(prompt_pictures));
}

std::vector<nn::ModulePart> AutoSamModel::parts() const {
  std::vector<nn::ModulePart> parts;
  if (g_) parts.push_back({"g.", g_.get()});
  if (h_) parts.push_back({"h.", h_.get()});
  if (affine_) parts.push_back({"affine.", affine_.get()});
  if (unet_) parts.push_back({"unet.", unet_.get()});
  return parts;
}

void AutoSamModel::to(at::Device device) {
  device_ = device;
  mean_ = mean_.to(device);
  deviation_ = deviation_.to(device);
  for (const auto& part : parts()) part.module->to(device);
  if (sam_.sam) sam_.sam->to(device);
}

void AutoSamModel::train(bool is_training) {
  for (const auto& part : parts()) part.module->train(is_training);
}

}  // namespace tessera::segmentation
