#include "tessera/segmentation/autosam/surrogate_decoder.h"

#include <ATen/ops/gelu.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

constexpr int64_t kWidth1 = 64, kWidth2 = 16;

}  // namespace

SurrogateDecoder::SurrogateDecoder(int64_t prompt_dim)
    : conv1_(register_module("conv1", std::make_shared<DoublingConv2d>(prompt_dim, kWidth1, 3))),
      conv2_(register_module("conv2", std::make_shared<DoublingConv2d>(kWidth1, kWidth2, 2))),
      norm1_(register_module("norm1", std::make_shared<ChannelNorm2d>(kWidth1))),
      norm2_(register_module("norm2", std::make_shared<ChannelNorm2d>(kWidth2))),
      conv3_(register_module("conv3",
                             std::make_shared<Conv2d>(kWidth2, 1, ConvOptions{.kernel = 1}))) {}

at::Tensor SurrogateDecoder::forward(const at::Tensor& prompt) const {
  TESSERA_CHECK(prompt.dim() == 4 && prompt.size(1) == conv1_->weight.size(0),
                "[SurrogateDecoder] the prompt must be [B, ", conv1_->weight.size(0),
                ", g, g], got: ", prompt.sizes());
  const auto y = at::gelu(norm1_->forward(conv1_->forward(prompt)));
  const auto z = at::gelu(norm2_->forward(conv2_->forward(y)));
  return conv3_->forward(z).to(at::kFloat);
}

}  // namespace tessera::segmentation
