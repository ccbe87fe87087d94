// The baseline: a plain U-Net from scratch, four downsamplings, 32 channels at full resolution.
//
// Each level is twice Conv 3x3, BatchNorm, ReLU; max-pool down, transposed convolution up, skips
// concatenated; a 1x1 convolution at the end. 7.8 million parameters.
// Source: Ronneberger et al., arXiv:1505.04597, with padded convolutions and BatchNorm.
#pragma once

#include <memory>
#include <vector>

#include "tessera/segmentation/layers.h"

namespace tessera::segmentation {

struct UnetLevel;  // twice Conv 3x3, BatchNorm, ReLU

class PlainUnet : public torch::nn::Module {
 public:
  PlainUnet();

  /// image fp32 [B, 3, Y, X], normalised, extents multiples of 16 (else InvalidArgument)
  /// -> logits fp32 [B, 1, Y, X].
  at::Tensor forward(const at::Tensor& image);

 private:
  std::vector<std::shared_ptr<UnetLevel>> down_, up_;
  std::vector<std::shared_ptr<DoublingConv2d>> rise_;
  std::shared_ptr<Conv2d> head_;
};

}  // namespace tessera::segmentation
