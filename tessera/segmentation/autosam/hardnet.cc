#include "tessera/segmentation/autosam/hardnet.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu6.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {

using at::Tensor;

struct HarDNetLayer : torch::nn::Module {
  virtual Tensor forward(const Tensor& x) = 0;
};

namespace {

/// Conv-BatchNorm-ReLU6. The activation overwrites the norm's output, which nobody else needs.
struct ConvLayer : HarDNetLayer {
  ConvLayer(int64_t in_channels, int64_t out_channels, int64_t kernel, int64_t stride = 1)
      : conv(register_module(
            "conv", std::make_shared<Conv2d>(
                        in_channels, out_channels,
                        ConvOptions{.kernel = kernel, .stride = stride, .has_bias = false}))),
        norm(register_module("norm", std::make_shared<BatchNorm2d>(out_channels))) {}

  Tensor forward(const Tensor& x) override {
    auto y = norm->forward(conv->forward(x));
    return at::relu6_(y);
  }

  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<BatchNorm2d> norm;
};

/// Depthwise Conv 3x3 and BatchNorm, no activation.
struct DepthwiseLayer : HarDNetLayer {
  DepthwiseLayer(int64_t channels, int64_t stride)
      : dwconv(register_module(
            "dwconv", std::make_shared<Conv2d>(
                          channels, channels,
                          ConvOptions{.stride = stride, .groups = channels, .has_bias = false}))),
        norm(register_module("norm", std::make_shared<BatchNorm2d>(channels))) {}

  Tensor forward(const Tensor& x) override { return norm->forward(dwconv->forward(x)); }

  std::shared_ptr<Conv2d> dwconv;
  std::shared_ptr<BatchNorm2d> norm;
};

/// What a "DS" block has in place of a 3x3 convolution.
struct SeparableLayer : HarDNetLayer {
  SeparableLayer(int64_t in_channels, int64_t out_channels)
      : layer1(
            register_module("layer1", std::make_shared<ConvLayer>(in_channels, out_channels, 1))),
        layer2(register_module("layer2", std::make_shared<DepthwiseLayer>(out_channels, 1))) {}

  Tensor forward(const Tensor& x) override { return layer2->forward(layer1->forward(x)); }

  std::shared_ptr<ConvLayer> layer1;
  std::shared_ptr<DepthwiseLayer> layer2;
};

struct MaxPool : HarDNetLayer {
  explicit MaxPool(int64_t kernel) : kernel(kernel) {}

  Tensor forward(const Tensor& x) override {
    return at::max_pool2d(x, kernel, /*stride=*/2, /*padding=*/(kernel - 1) / 2);
  }

  int64_t kernel;
};

struct HarDBlock : HarDNetLayer {
  HarDBlock(std::vector<HarDLayer> plan, bool is_depthwise) : plan(std::move(plan)) {
    const auto container = register_module("layers", std::make_shared<torch::nn::Module>());
    for (const auto& layer : this->plan) {
      std::shared_ptr<HarDNetLayer> made;
      if (is_depthwise)
        made = std::make_shared<SeparableLayer>(layer.in_channels, layer.out_channels);
      else
        made = std::make_shared<ConvLayer>(layer.in_channels, layer.out_channels, 3);
      layers.push_back(container->register_module(std::to_string(layers.size()), made));
    }
  }

  Tensor forward(const Tensor& x) override {
    std::vector<Tensor> outputs{x};
    std::vector<Tensor> kept;
    for (size_t i = 0; i < layers.size(); ++i) {
      std::vector<Tensor> inputs;
      for (const int64_t link : plan[i].links) inputs.push_back(outputs[link]);
      outputs.push_back(layers[i]->forward(inputs.size() == 1 ? inputs[0] : at::cat(inputs, 1)));
      if (is_block_output(i + 1, layers.size())) kept.push_back(outputs.back());
    }
    return at::cat(kept, 1);
  }

  std::vector<HarDLayer> plan;
  std::vector<std::shared_ptr<HarDNetLayer>> layers;
};

std::shared_ptr<HarDNetLayer> halving(const HarDNetConfig& config, int64_t channels,
                                      int64_t pool_kernel) {
  if (config.is_depthwise) return std::make_shared<DepthwiseLayer>(channels, 2);
  return std::make_shared<MaxPool>(pool_kernel);
}

}  // namespace

HarDNet::HarDNet(HarDNetOrder order) : HarDNet(hardnet_config(order)) {}

HarDNet::HarDNet(const HarDNetConfig& config) : config_(config) {
  const auto base = register_module("base", std::make_shared<torch::nn::Module>());
  const auto add = [&](std::shared_ptr<HarDNetLayer> layer) {
    layers_.push_back(base->register_module(std::to_string(layers_.size()), std::move(layer)));
  };
  const auto [first, second] = config.stem;
  add(std::make_shared<ConvLayer>(3, first, 3, 2));
  add(std::make_shared<ConvLayer>(first, second, config.is_depthwise ? 1 : 3));
  feature_layers_.push_back(layers_.size() - 1);
  add(halving(config, second, 3));
  int64_t channels = second;
  for (size_t i = 0; i < config.live_stages(); ++i) {
    const auto& stage = config.stages[i];
    const auto plan = hard_block_layers(channels, stage, config.multiplier);
    add(std::make_shared<HarDBlock>(plan, config.is_depthwise));
    add(std::make_shared<ConvLayer>(hard_block_channels(plan), stage.channels, 1));
    channels = stage.channels;
    if (!stage.halves) continue;
    feature_layers_.push_back(layers_.size() - 1);
    if (i + 1 < config.live_stages()) add(halving(config, channels, 2));
  }
}

HarDNet::Features HarDNet::forward(const Tensor& image) {
  TESSERA_CHECK(image.dim() == 4 && image.size(1) == 3 && image.size(2) % 16 == 0 &&
                    image.size(3) % 16 == 0 && image.numel() > 0,
                "[HarDNet] the image must be [B, 3, Y, X] with Y and X multiples of 16, got: ",
                image.sizes());
  std::vector<Tensor> features;
  Tensor x = image;
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->forward(x);
    if (i == feature_layers_[features.size()]) features.push_back(x);
  }
  return {features[0], features[1], features[2], features[3]};
}

}  // namespace tessera::segmentation
