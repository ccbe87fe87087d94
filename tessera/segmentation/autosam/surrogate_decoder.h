// AutoSAM's surrogate decoder h: the dense prompt that g wrote in, a mask out, without SAM.
//
// Roughly SAM's mask down-scaling reversed: two transposed convolutions with norms over channels
// and exact GELU, then a 1x1 convolution. 151,809 parameters at prompt_dim 256. Source: AutoSAM,
// commit 3959d72, models/model_single.py (ModelH). Keys are its own.
#pragma once

#include <memory>

#include "tessera/segmentation/layers.h"

namespace tessera::segmentation {

class SurrogateDecoder : public torch::nn::Module {
 public:
  explicit SurrogateDecoder(int64_t prompt_dim);

  /// prompt [B, prompt_dim, g, g] -> logits fp32 [B, 1, 4g, 4g].
  at::Tensor forward(const at::Tensor& prompt) const;

 private:
  std::shared_ptr<DoublingConv2d> conv1_, conv2_;
  std::shared_ptr<ChannelNorm2d> norm1_, norm2_;
  std::shared_ptr<Conv2d> conv3_;
};

}  // namespace tessera::segmentation
