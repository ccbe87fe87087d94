// g and h against their original code, by tests/golden/autosam.safetensors.
#include <algorithm>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/autosam/golden_rule.h"
#include "tessera/segmentation/autosam/prompt_generator.h"
#include "tessera/segmentation/autosam/surrogate_decoder.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

const nn::NamedTensors& golden() {
  static const auto weights =
      nn::load_weights(std::string(TESSERA_SOURCE_DIR) + "/tests/golden/autosam.safetensors");
  return weights.tensors;
}

// The gradient of a bias before a norm is zero but for rounding; other norms here are above 1e-4.
constexpr double kNoise = 1e-6;

Tensor thinned(const Tensor& prompt) {
  return prompt.slice(1, 0, 256, 32).slice(2, 0, 64, 4).slice(3, 0, 64, 4);
}

void expect_close(const std::string& what, const Tensor& got, const Tensor& want, double bound) {
  ASSERT_EQ(got.sizes(), want.sizes());
  const double worst = (got - want).abs().max().item<double>();
  EXPECT_LE(worst, bound) << what;
  ::testing::Test::RecordProperty("max_abs_" + what, concat(worst));
}

/// Norm and product of every tensor against the stored ones, relative to the norm.
void expect_probes(const std::string& what, const std::map<std::string, Tensor>& got,
                   double bound) {
  const auto want = golden().at(what).accessor<double, 2>();
  ASSERT_EQ(static_cast<int64_t>(got.size()), want.size(0)) << what;
  double worst = 0;
  int64_t row = 0;
  for (const auto& [name, tensor] : got) {
    const auto probe = golden::probe(name, tensor);
    const double norm = want[row][0], product = want[row][1];
    const double error = std::max(std::abs(probe.norm - norm), std::abs(probe.product - product)) /
                         std::max(norm, kNoise);
    EXPECT_LE(error, bound) << what << " " << name;
    worst = std::max(worst, error);
    ++row;
  }
  ::testing::Test::RecordProperty("max_relative_" + what, concat(worst));
}

std::map<std::string, Tensor> gradients(const torch::nn::Module& module) {
  std::map<std::string, Tensor> found;
  for (const auto& entry : module.named_parameters()) found[entry.key()] = entry.value().grad();
  return found;
}

int64_t num_parameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

std::set<std::string> lines(const Tensor& text) {
  std::set<std::string> found;
  const auto* data = reinterpret_cast<const char*>(text.const_data_ptr<uint8_t>());
  std::istringstream in(std::string(data, text.numel()));
  for (std::string line; std::getline(in, line);) found.insert(line);
  return found;
}

class OriginalGenerator : public ::testing::TestWithParam<HarDNetOrder> {
 protected:
  Tensor want(const char* what) const { return golden().at(key(what)); }
  std::string key(const char* what) const { return hardnet_order_name(GetParam()) + "." + what; }
};

TEST_P(OriginalGenerator, GivesTheSamePromptAndFeaturesFromRunningStatistics) {
  const at::NoGradGuard no_grad;
  PromptGenerator generator(GetParam(), 256);
  golden::fill(generator);
  generator.eval();
  const auto image = golden::rule("image", {2, 3, 64, 64}).mul_(2);
  const auto features = generator.backbone().forward(image);
  expect_probes(key("features"),
                {{"feature0", features.stride2},
                 {"feature1", features.stride4},
                 {"feature2", features.stride8},
                 {"feature3", features.stride16}},
                1e-5);
  expect_close("eval", thinned(generator.forward(image, 64)), want("eval"), 1e-4);
}

TEST_P(OriginalGenerator, GivesTheSamePromptFromTheStatisticsOfTheBatch) {
  const at::NoGradGuard no_grad;
  PromptGenerator generator(GetParam(), 256);
  golden::fill(generator);
  const auto prompt = generator.forward(golden::rule("image", {2, 3, 64, 64}).mul_(2), 64);
  expect_close("train", thinned(prompt), want("train"), 1e-4);
  std::map<std::string, Tensor> buffers;
  for (const auto& entry : generator.named_buffers()) buffers[entry.key()] = entry.value();
  expect_probes(key("buffers"), buffers, 1e-5);
}

// In fp64: the norms over 2 x 4 x 4 values at stride 16 enlarge what fp32 rounds, to some 1e-3 of
// the gradients, in the original as here. What is left is the fp32 at the prompt.
TEST_P(OriginalGenerator, GivesEveryParameterTheSameGradient) {
  PromptGenerator generator(GetParam(), 256);
  golden::fill(generator);
  generator.to(at::kDouble);
  const auto image = golden::rule("image", {2, 3, 64, 64}).mul_(2).to(at::kDouble);
  const auto prompt = generator.forward(image, 64);
  prompt.mul(golden::rule("loss", prompt.sizes())).mean().backward();
  expect_probes(key("gradients"), gradients(generator), 1e-6);
}

TEST_P(OriginalGenerator, HasTheLiveParameters) {
  const auto counts = want("parameters");
  EXPECT_EQ(num_parameters(PromptGenerator(GetParam(), 256)), counts[0].item<int64_t>());
}

TEST_P(OriginalGenerator, BuildsTheOriginalKeysExceptThoseItSaysItDoesNot) {
  std::set<std::string> keys;
  for (const auto& key : unused_hardnet_keys(GetParam())) EXPECT_TRUE(keys.insert(key).second);
  HarDNet backbone(GetParam());
  for (const auto& [key, _] : nn::module_tensors({{"", &backbone}}))
    EXPECT_TRUE(keys.insert(key).second) << key;
  EXPECT_EQ(keys, lines(want("hardnet_keys")));
}

INSTANTIATE_TEST_SUITE_P(Orders, OriginalGenerator,
                         ::testing::Values(HarDNetOrder::k39ds, HarDNetOrder::k68ds,
                                           HarDNetOrder::k68, HarDNetOrder::k85),
                         [](const auto& info) { return hardnet_order_name(info.param); });

TEST(OriginalWeights, LoadIntoTheGeneratorWithoutItsUnusedPart) {
  PromptGenerator source(HarDNetOrder::k39ds, 256), target(HarDNetOrder::k39ds, 256);
  initialise_weights(source, 5);
  nn::Weights file{"original", nn::module_tensors({{"", &source}}), {}};
  for (const auto& key : lines(golden().at("39ds.decoder_keys")))
    file.tensors.try_emplace("decoder." + key, at::empty({1}));  // final.BN2, never looked at
  EXPECT_TRUE(file.tensors.contains("decoder.final.BN2.running_mean"));
  load_prompt_generator(target, file);
  EXPECT_TRUE(target.named_parameters()["decoder.up1.conv1.weight"].equal(
      source.named_parameters()["decoder.up1.conv1.weight"]));

  file.tensors["decoder.final.BN3.weight"] = at::empty({1});
  EXPECT_THROW(load_prompt_generator(target, file), IoError);
}

TEST(OriginalWeights, OfImageNetLoadIntoTheBackbone) {
  HarDNet source(HarDNetOrder::k39ds), target(HarDNetOrder::k39ds);
  initialise_weights(source, 5);
  nn::Weights file{"hardnet39ds.safetensors", nn::module_tensors({{"", &source}}), {}};
  for (const auto& key : lines(golden().at("39ds.hardnet_keys")))
    file.tensors.try_emplace(key, at::empty({1}));
  file.tensors.erase("base.0.norm.num_batches_tracked");  // as old files lack it
  load_hardnet(target, HarDNetOrder::k39ds, file);
  EXPECT_TRUE(target.named_parameters()["base.10.conv.weight"].equal(
      source.named_parameters()["base.10.conv.weight"]));

  auto larger = file;
  larger.tensors["base.11.conv.weight"] = at::empty({1});  // a key of the plain network
  EXPECT_THROW(load_hardnet(target, HarDNetOrder::k39ds, larger), IoError);
  file.tensors.erase("base.10.conv.weight");
  EXPECT_THROW(load_hardnet(target, HarDNetOrder::k39ds, file), IoError);
}

TEST(OriginalSurrogateDecoder, GivesTheSameLogitsAndGradients) {
  SurrogateDecoder decoder(256);
  EXPECT_EQ(num_parameters(decoder), golden().at("h.parameters")[0].item<int64_t>());
  golden::fill(decoder);
  const auto logits = decoder.forward(golden::rule("prompt", {1, 256, 64, 64}));
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{1, 1, 256, 256}));
  expect_close("h", logits.detach().slice(2, 0, 256, 4).slice(3, 0, 256, 4),
               golden().at("h.output"), 1e-4);
  logits.mul(golden::rule("loss", logits.sizes())).mean().backward();
  expect_probes("h.gradients", gradients(decoder), 1e-4);
}

}  // namespace
}  // namespace tessera::segmentation
