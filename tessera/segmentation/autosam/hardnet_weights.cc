#include "tessera/segmentation/autosam/hardnet.h"

namespace tessera::segmentation {
namespace {

void add_norm(std::vector<std::string>& keys, const std::string& prefix) {
  for (const char* name : {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"})
    keys.push_back(prefix + ".norm." + name);
}

void add_conv(std::vector<std::string>& keys, const std::string& prefix, const char* conv) {
  keys.push_back(prefix + "." + conv + ".weight");
  add_norm(keys, prefix);
}

/// PyTorch before 0.4.1 did not store this count, which nothing computes with.
void supply_batch_counts(nn::Weights& weights, const torch::nn::Module& module) {
  for (const auto& entry : module.named_buffers())
    if (entry.key().ends_with("num_batches_tracked"))
      weights.tensors.try_emplace(entry.key(), entry.value().clone());
}

}  // namespace

std::vector<std::string> unused_hardnet_keys(HarDNetOrder order, const std::string& prefix) {
  const HarDNetConfig config = hardnet_config(order);
  std::vector<std::string> keys;
  const auto base = [&](int64_t index) { return prefix + "base." + std::to_string(index); };
  int64_t index = 3;  // after the stem and its halving
  for (size_t i = 0; i < config.stages.size(); ++i) {
    const bool is_live = i < config.live_stages();
    const int64_t block = index++;
    // HarDNet-85 has a dropout between its last block and the convolution after it.
    if (order == HarDNetOrder::k85 && i + 1 == config.stages.size()) ++index;
    const int64_t conv = index++;
    if (!is_live) {
      for (int64_t j = 0; j < config.stages[i].layers; ++j) {
        const std::string layer = base(block) + ".layers." + std::to_string(j);
        add_conv(keys, config.is_depthwise ? layer + ".layer1" : layer, "conv");
        if (config.is_depthwise) add_conv(keys, layer + ".layer2", "dwconv");
      }
      add_conv(keys, base(conv), "conv");
    }
    if (!config.stages[i].halves) continue;
    if (i + 1 >= config.live_stages() && config.is_depthwise) add_conv(keys, base(index), "dwconv");
    ++index;
  }
  keys.push_back(base(index) + ".3.weight");  // the classifier
  keys.push_back(base(index) + ".3.bias");
  return keys;
}

void load_hardnet(HarDNet& backbone, HarDNetOrder order, nn::Weights weights) {
  for (const auto& key : unused_hardnet_keys(order)) weights.tensors.erase(key);
  supply_batch_counts(weights, backbone);
  nn::load_modules(weights, {{"", &backbone}});
}

}  // namespace tessera::segmentation
