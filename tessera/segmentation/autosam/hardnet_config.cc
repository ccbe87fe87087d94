#include "tessera/segmentation/autosam/hardnet_config.h"

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

constexpr int64_t kNumFeatures = 3;  // after the stem's: strides 4, 8 and 16

// {growth, layers, channels, halves} per stage.
const std::vector<HarDStage> kStages39 = {
    {16, 4, 96, true}, {20, 16, 320, true}, {64, 8, 640, true}, {160, 4, 1024, false}};
const std::vector<HarDStage> kStages68 = {{14, 8, 128, true},
                                          {16, 16, 256, false},
                                          {20, 16, 320, true},
                                          {40, 16, 640, true},
                                          {160, 4, 1024, false}};
const std::vector<HarDStage> kStages85 = {{24, 8, 192, true},  {24, 16, 256, false},
                                          {28, 16, 320, true}, {36, 16, 480, false},
                                          {48, 16, 720, true}, {256, 4, 1280, false}};

}  // namespace

HarDNetOrder parse_hardnet_order(const std::string& name) {
  for (const auto order :
       {HarDNetOrder::k39ds, HarDNetOrder::k68ds, HarDNetOrder::k68, HarDNetOrder::k85})
    if (name == hardnet_order_name(order)) return order;
  throw InvalidArgument(
      concat("[parse_hardnet_order] the order must be 39ds, 68ds, 68 or 85, got: \"", name, "\""));
}

std::string hardnet_order_name(HarDNetOrder order) {
  switch (order) {
    case HarDNetOrder::k39ds:
      return "39ds";
    case HarDNetOrder::k68ds:
      return "68ds";
    case HarDNetOrder::k68:
      return "68";
    case HarDNetOrder::k85:
      return "85";
  }
  throw InvalidArgument(concat("[hardnet_order_name] unknown order: ", static_cast<int>(order)));
}

HarDNetConfig hardnet_config(HarDNetOrder order) {
  switch (order) {
    case HarDNetOrder::k39ds:
      return {{24, 48}, kStages39, 1.6, true};
    case HarDNetOrder::k68ds:
      return {{32, 64}, kStages68, 1.7, true};
    case HarDNetOrder::k68:
      return {{32, 64}, kStages68, 1.7, false};
    case HarDNetOrder::k85:
      return {{48, 96}, kStages85, 1.7, false};
  }
  throw InvalidArgument(concat("[hardnet_config] unknown order: ", static_cast<int>(order)));
}

size_t HarDNetConfig::live_stages() const {
  int64_t features = 0;
  for (size_t i = 0; i < stages.size(); ++i)
    if (stages[i].halves && ++features == kNumFeatures) return i + 1;
  throw InvalidArgument(concat("[HarDNetConfig] at least ", kNumFeatures,
                               " stages must halve the extent, got: ", features));
}

std::array<int64_t, 4> HarDNetConfig::feature_channels() const {
  std::array<int64_t, 4> channels{stem[1]};
  int64_t feature = 0;
  for (size_t i = 0; i < live_stages(); ++i)
    if (stages[i].halves) channels[++feature] = stages[i].channels;
  return channels;
}

std::vector<HarDLayer> hard_block_layers(int64_t in_channels, const HarDStage& stage,
                                         double multiplier) {
  std::vector<HarDLayer> layers;
  for (int64_t layer = 1; layer <= stage.layers; ++layer) {
    HarDLayer made{{}, 0, 0};
    double width = static_cast<double>(stage.growth);
    for (int64_t step = 1; step <= layer && layer % step == 0; step *= 2) {
      const int64_t link = layer - step;
      made.links.push_back(link);
      made.in_channels += link == 0 ? in_channels : layers[link - 1].out_channels;
      if (step > 1) width *= multiplier;
    }
    // Truncated, then up to the next even number.
    made.out_channels = static_cast<int64_t>(width + 1) / 2 * 2;
    layers.push_back(std::move(made));
  }
  return layers;
}

int64_t hard_block_channels(const std::vector<HarDLayer>& layers) {
  int64_t channels = 0;
  for (size_t i = 0; i < layers.size(); ++i)
    if (is_block_output(i + 1, layers.size())) channels += layers[i].out_channels;
  return channels;
}

bool is_block_output(size_t layer, size_t num_layers) {
  return layer % 2 == 1 || layer == num_layers;
}

}  // namespace tessera::segmentation
