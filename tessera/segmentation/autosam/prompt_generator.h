// AutoSAM's trainable network g: an image in, the dense prompt of the frozen SAM out.
//
// HarDNet's features at strides 16, 8 and 4 go through two up-blocks with skips and a head to
// prompt_dim channels at stride 4; tanh; bilinear resize to SAM's grid.
// Source: AutoSAM, commit 3959d72, models/model_single.py (ModelEmb), models/base.py. Keys are its
// own: backbone.base.I..., decoder.{up1,up2,final}...; final.BN2, declared there and never used, is
// not built.
#pragma once

#include <memory>

#include "tessera/segmentation/autosam/hardnet.h"

namespace tessera::segmentation {

/// Where g may differ from upstream: the first two keep more of the image's detail, the third its
/// range, the fourth saves time. docs/segmentation/networks.md has costs.
struct PromptGeneratorOptions {
  /// Where the map is twice the grid (an image of 8 * grid), the head's last 3x3 convolution steps
  /// by two instead of the resize, which at align_corners takes little more than every other value.
  /// The same keys and shapes.
  bool has_strided_head = false;

  /// Adds the features at stride 2, folded two by two into channels and projected, to the head's
  /// input: a grid cell stands for 4 x 4 mask pixels, and stride 4 comes after a halving.
  /// More keys: decoder.stem.{conv,norm}.*
  bool has_stem_skip = false;

  /// Leaves the prompt as the head gives it, without tanh: SAM's own mask prompts have a third of
  /// their numbers beyond 1, up to 5, which a bounded prompt cannot write. The same keys.
  bool is_unbounded = false;

  /// Channels of both up-blocks and of the head's first convolution; 0: as upstream, those of the
  /// skips and prompt_dim. The decoder is 95 % of the products of g on HarDNet-39DS; at 64 it is a
  /// fifth of itself. The same keys, other shapes.
  int64_t decoder_width = 0;
};

/// Up-block, up-block, head.
class PromptDecoder;

class PromptGenerator : public torch::nn::Module {
 public:
  PromptGenerator(HarDNetOrder order, int64_t prompt_dim,
                  const PromptGeneratorOptions& options = {});

  /// image fp32 [B, 3, Y, X], normalised, extents multiples of 16 (else InvalidArgument)
  /// -> fp32 [B, prompt_dim, grid, grid], in [-1, 1] unless unbounded.
  at::Tensor forward(const at::Tensor& image, int64_t grid);

  HarDNetOrder order() const { return order_; }
  const PromptGeneratorOptions& options() const { return options_; }
  HarDNet& backbone() { return *backbone_; }

 private:
  HarDNetOrder order_;
  PromptGeneratorOptions options_;
  std::shared_ptr<HarDNet> backbone_;
  std::shared_ptr<PromptDecoder> decoder_;
};

/// Loads the weights of an original g. Ignores exactly the parts that are not built here (see
/// hardnet.h and above); throws IoError that lists everything else that does not fit.
void load_prompt_generator(PromptGenerator& generator, nn::Weights weights);

}  // namespace tessera::segmentation
