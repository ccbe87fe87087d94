#include "tessera/segmentation/autosam/prompt_generator.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

/// Twice the extent, the skip beside it, two convolutions with nothing between, norm, leaky ReLU.
struct UpBlock : torch::nn::Module {
  UpBlock(int64_t in_channels, int64_t out_channels)
      : conv1(register_module("conv1", std::make_shared<Conv2d>(in_channels, out_channels))),
        conv2(register_module("conv2", std::make_shared<Conv2d>(out_channels, out_channels))),
        norm(register_module("BN", std::make_shared<BatchNorm2d>(out_channels))) {}

  Tensor forward(const Tensor& x, const Tensor& skip) {
    const auto risen = at::upsample_bilinear2d(x, {x.size(2) * 2, x.size(3) * 2},
                                               /*align_corners=*/false);
    auto y = norm->forward(conv2->forward(conv1->forward(at::cat({risen, skip}, 1))));
    return at::leaky_relu_(y, 0.01);
  }

  std::shared_ptr<Conv2d> conv1, conv2;
  std::shared_ptr<BatchNorm2d> norm;
};

struct Head : torch::nn::Module {
  Head(int64_t in_channels, int64_t hidden, int64_t prompt_dim)
      : conv1(register_module("conv1", std::make_shared<Conv2d>(in_channels, hidden))),
        conv2(register_module("conv2", std::make_shared<Conv2d>(hidden, prompt_dim))),
        norm(register_module("BN1", std::make_shared<BatchNorm2d>(hidden))) {}

  Tensor forward(const Tensor& x, int64_t stride) {
    auto y = norm->forward(conv1->forward(x));
    return conv2->forward(at::relu_(y), stride);
  }

  std::shared_ptr<Conv2d> conv1, conv2;
  std::shared_ptr<BatchNorm2d> norm;
};

/// Stride 2 -> 4 without loss: two by two neighbours into channels, projected; which together is a
/// convolution with kernel and stride 2.
struct StemSkip : torch::nn::Module {
  StemSkip(int64_t in_channels, int64_t out_channels)
      : conv(register_module(
            "conv",
            std::make_shared<Conv2d>(in_channels, out_channels,
                                     ConvOptions{.kernel = 2, .stride = 2, .has_bias = false}))),
        norm(register_module("norm", std::make_shared<BatchNorm2d>(out_channels))) {}

  Tensor forward(const Tensor& x) { return norm->forward(conv->forward(x)); }

  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<BatchNorm2d> norm;
};

}  // namespace

struct PromptDecoder : torch::nn::Module {
  PromptDecoder(const std::array<int64_t, 4>& channels, int64_t prompt_dim,
                const PromptGeneratorOptions& options) {
    TESSERA_CHECK(options.decoder_width >= 0 && prompt_dim > 0,
                  "[PromptGenerator] decoder_width must be >= 0 and prompt_dim > 0, got: ",
                  options.decoder_width, " and ", prompt_dim);
    const auto width = [&](int64_t upstream) {
      return options.decoder_width > 0 ? options.decoder_width : upstream;
    };
    const int64_t first = width(channels[2]), second = width(channels[1]);
    up1 = register_module("up1", std::make_shared<UpBlock>(channels[3] + channels[2], first));
    up2 = register_module("up2", std::make_shared<UpBlock>(first + channels[1], second));
    final = register_module("final", std::make_shared<Head>(second, width(prompt_dim), prompt_dim));
    if (options.has_stem_skip)
      stem = register_module("stem", std::make_shared<StemSkip>(channels[0], second));
  }

  /// -> [B, prompt_dim, Y / stride, X / stride] of the map at stride 4, before tanh.
  Tensor forward(const HarDNet::Features& features, int64_t stride) {
    auto y = up2->forward(up1->forward(features.stride16, features.stride8), features.stride4);
    if (stem) y = y + stem->forward(features.stride2);
    return final->forward(y, stride);
  }

  std::shared_ptr<UpBlock> up1, up2;
  std::shared_ptr<Head> final;
  std::shared_ptr<StemSkip> stem;
};

PromptGenerator::PromptGenerator(HarDNetOrder order, int64_t prompt_dim,
                                 const PromptGeneratorOptions& options)
    : order_(order),
      options_(options),
      backbone_(register_module("backbone", std::make_shared<HarDNet>(order))),
      decoder_(register_module(
          "decoder", std::make_shared<PromptDecoder>(backbone_->config().feature_channels(),
                                                     prompt_dim, options))) {}

Tensor PromptGenerator::forward(const Tensor& image, int64_t grid) {
  TESSERA_CHECK(grid > 0, "[PromptGenerator] the grid must be positive, got: ", grid);
  const auto features = backbone_->forward(image);
  const bool is_twice_the_grid =
      features.stride4.size(2) == 2 * grid && features.stride4.size(3) == 2 * grid;
  const bool steps = options_.has_strided_head && is_twice_the_grid;
  auto prompt = decoder_->forward(features, steps ? 2 : 1).to(at::kFloat);
  if (!options_.is_unbounded) prompt = at::tanh(prompt);
  if (prompt.size(2) == grid && prompt.size(3) == grid) return prompt;
  return at::upsample_bilinear2d(prompt, {grid, grid}, /*align_corners=*/true);
}

void load_prompt_generator(PromptGenerator& generator, nn::Weights weights) {
  auto unused = unused_hardnet_keys(generator.order(), "backbone.");
  for (const char* name : {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"})
    unused.push_back(std::string("decoder.final.BN2.") + name);
  for (const auto& key : unused) weights.tensors.erase(key);
  nn::load_modules(weights, {{"", &generator}});
}

}  // namespace tessera::segmentation
