// The HarDNet family as a table, and the rule that gives a block's widths and links.
//
// Source: Pytorch-HarDNet, commit de9662f, hardnet.py; AutoSAM, commit 3959d72, models/hardnet.py
// (which features are taken).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace tessera::segmentation {

/// "ds": depthwise separable blocks and downsampling.
enum class HarDNetOrder { k39ds, k68ds, k68, k85 };

/// "39ds", "68ds", "68", "85". Throws InvalidArgument that lists them.
HarDNetOrder parse_hardnet_order(const std::string& name);
std::string hardnet_order_name(HarDNetOrder order);

/// A HarDBlock, the 1x1 convolution after it and whether the extent is halved after that.
struct HarDStage {
  int64_t growth;  // k: channels of a layer with one link
  int64_t layers;
  int64_t channels;  // of the 1x1 convolution
  bool halves;
};

struct HarDNetConfig {
  std::array<int64_t, 2> stem;  // channels of the first two convolutions
  std::vector<HarDStage> stages;
  double multiplier;  // m: a layer is this much wider for each link beyond the first
  bool is_depthwise;
  /// How many stages lead to the last feature that AutoSAM uses (stride 16). The rest of the
  /// original network, 17.5 of 85's 35.4 million parameters, feeds nothing and is not built.
  /// Throws InvalidArgument if the stages halve the extent less than three times.
  size_t live_stages() const;

  /// Channels of the features at strides 2, 4, 8 and 16: the stem's, and each time the last 1x1
  /// convolution before the next halving.
  std::array<int64_t, 4> feature_channels() const;
};

HarDNetConfig hardnet_config(HarDNetOrder order);

/// Layer `layer` (from 1; 0 is the block's input) of a HarDBlock.
struct HarDLayer {
  std::vector<int64_t> links;  // the layers it reads: layer - 1, layer - 2, layer - 4, ...
  int64_t in_channels, out_channels;
};

/// The layers of a block, in order; entry i is layer i + 1.
std::vector<HarDLayer> hard_block_layers(int64_t in_channels, const HarDStage& stage,
                                         double multiplier);

/// Channels of a block's output: its odd layers and the last one, concatenated.
int64_t hard_block_channels(const std::vector<HarDLayer>& layers);
bool is_block_output(size_t layer, size_t num_layers);  // layer from 1

}  // namespace tessera::segmentation
