#include "tessera/segmentation/autosam/plain_unet.h"

#include <string>

#include <ATen/ops/cat.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

constexpr int64_t kWidth = 32;
constexpr int64_t kDownsamplings = 4;

}  // namespace

struct UnetLevel : torch::nn::Module {
  UnetLevel(int64_t in_channels, int64_t out_channels)
      : conv1(add_conv("conv1", in_channels, out_channels)),
        conv2(add_conv("conv2", out_channels, out_channels)),
        norm1(register_module("norm1", std::make_shared<BatchNorm2d>(out_channels))),
        norm2(register_module("norm2", std::make_shared<BatchNorm2d>(out_channels))) {}

  at::Tensor forward(const at::Tensor& x) {
    auto y = norm1->forward(conv1->forward(x));
    auto z = norm2->forward(conv2->forward(at::relu_(y)));
    return at::relu_(z);
  }

  std::shared_ptr<Conv2d> conv1, conv2;
  std::shared_ptr<BatchNorm2d> norm1, norm2;

 private:
  std::shared_ptr<Conv2d> add_conv(const char* name, int64_t in_channels, int64_t out_channels) {
    return register_module(
        name, std::make_shared<Conv2d>(in_channels, out_channels, ConvOptions{.has_bias = false}));
  }
};

PlainUnet::PlainUnet() {
  int64_t channels = 3;
  for (int64_t level = 0; level <= kDownsamplings; ++level) {
    const int64_t width = kWidth << level;
    down_.push_back(register_module("down" + std::to_string(level),
                                    std::make_shared<UnetLevel>(channels, width)));
    channels = width;
  }
  for (int64_t level = kDownsamplings - 1; level >= 0; --level) {
    const int64_t width = kWidth << level;
    const std::string suffix = std::to_string(level);
    rise_.push_back(
        register_module("rise" + suffix, std::make_shared<DoublingConv2d>(2 * width, width, 2)));
    up_.push_back(register_module("up" + suffix, std::make_shared<UnetLevel>(2 * width, width)));
  }
  head_ = register_module("head", std::make_shared<Conv2d>(kWidth, 1, ConvOptions{.kernel = 1}));
}

at::Tensor PlainUnet::forward(const at::Tensor& image) {
  constexpr int64_t kMultiple = 1 << kDownsamplings;
  TESSERA_CHECK(image.dim() == 4 && image.size(1) == 3 && image.size(2) % kMultiple == 0 &&
                    image.size(3) % kMultiple == 0 && image.numel() > 0,
                "[PlainUnet] the image must be [B, 3, Y, X] with Y and X multiples of ", kMultiple,
                ", got: ", image.sizes());
  std::vector<at::Tensor> skips;
  at::Tensor x = image;
  for (size_t i = 0; i < down_.size(); ++i) {
    if (i > 0) x = at::max_pool2d(x, 2);
    x = down_[i]->forward(x);
    skips.push_back(x);
  }
  skips.pop_back();
  for (size_t i = 0; i < up_.size(); ++i) {
    x = up_[i]->forward(at::cat({skips.back(), rise_[i]->forward(x)}, 1));
    skips.pop_back();
  }
  return head_->forward(x).to(at::kFloat);
}

}  // namespace tessera::segmentation
