// HarDNet up to stride 16: the convolutional backbone of AutoSAM's prompt generator.
//
// Layers carry the original keys, base.I..., with the original numbers. Of the original network
// only what AutoSAM uses is built: the last stage (base.15..18 of HarDNet-85, which holds the only
// dropout) and the classifier feed nothing.
// Source: as in hardnet_config.h.
#pragma once

#include <memory>
#include <vector>

#include "tessera/nn/weight_files.h"
#include "tessera/segmentation/autosam/hardnet_config.h"
#include "tessera/segmentation/layers.h"

namespace tessera::segmentation {

struct HarDNetLayer;  // one entry of `base`

class HarDNet : public torch::nn::Module {
 public:
  explicit HarDNet(HarDNetOrder order);
  explicit HarDNet(const HarDNetConfig& config);

  /// Features at strides 2, 4, 8 and 16 of an image of S x S; channels:
  /// config().feature_channels().
  struct Features {
    at::Tensor stride2, stride4, stride8, stride16;  // [B, C, S / stride, S / stride]
  };

  /// image fp32 [B, 3, Y, X], normalised, extents multiples of 16 (else InvalidArgument).
  Features forward(const at::Tensor& image);

  const HarDNetConfig& config() const { return config_; }

 private:
  HarDNetConfig config_;
  std::vector<std::shared_ptr<HarDNetLayer>> layers_;
  std::vector<size_t> feature_layers_;  // the entries of `base` whose outputs are features
};

/// The keys of the original network that are not built: its last stage and its classifier, under
/// `prefix` ("" or "backbone.").
std::vector<std::string> unused_hardnet_keys(HarDNetOrder order, const std::string& prefix = "");

/// Loads an original ImageNet file (keys base.I...). Ignores exactly unused_hardnet_keys(); throws
/// IoError that lists everything else that is missing, unexpected or misshapen.
void load_hardnet(HarDNet& backbone, HarDNetOrder order, nn::Weights weights);

}  // namespace tessera::segmentation
