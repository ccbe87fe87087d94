#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/autosam/golden_rule.h"
#include "tessera/segmentation/autosam/plain_unet.h"
#include "tessera/segmentation/autosam/prompt_generator.h"
#include "tessera/segmentation/autosam/surrogate_decoder.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

Tensor image(int64_t batch, int64_t side) { return golden::rule("image", {batch, 3, side, side}); }

int64_t num_parameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

TEST(HarDBlock, HasTheWidthsOfTheOriginal) {
  const auto layers = hard_block_layers(96, {24, 8, 192, true}, 1.7);  // the first of HarDNet-85
  const std::vector<int64_t> in{96, 120, 40, 160, 70, 94, 40, 230};
  const std::vector<int64_t> out{24, 40, 24, 70, 24, 40, 24, 118};
  for (size_t i = 0; i < layers.size(); ++i) {
    EXPECT_EQ(layers[i].in_channels, in[i]);
    EXPECT_EQ(layers[i].out_channels, out[i]);
  }
  EXPECT_EQ(hard_block_channels(layers), 214);
  EXPECT_EQ(layers[7].links, (std::vector<int64_t>{7, 6, 4, 0}));
}

TEST(HarDNetOrder, IsReadFromItsName) {
  EXPECT_EQ(parse_hardnet_order("39ds"), HarDNetOrder::k39ds);
  EXPECT_EQ(hardnet_order_name(parse_hardnet_order("85")), "85");
  EXPECT_THROW(parse_hardnet_order("39"), InvalidArgument);
}

TEST(HarDNet, TakesFeaturesAtStrides2To16) {
  HarDNet backbone(HarDNetOrder::k39ds);
  const auto features = backbone.forward(image(1, 48));
  EXPECT_EQ(features.stride2.sizes(), (std::vector<int64_t>{1, 48, 24, 24}));
  EXPECT_EQ(features.stride4.sizes(), (std::vector<int64_t>{1, 96, 12, 12}));
  EXPECT_EQ(features.stride8.sizes(), (std::vector<int64_t>{1, 320, 6, 6}));
  EXPECT_EQ(features.stride16.sizes(), (std::vector<int64_t>{1, 640, 3, 3}));
  EXPECT_THROW(backbone.forward(image(1, 40)), InvalidArgument);
  EXPECT_THROW(backbone.forward(at::ones({1, 1, 32, 32})), InvalidArgument);
}

TEST(PromptGenerator, HasNoDropoutSoTrainingRepeats) {
  PromptGenerator a(HarDNetOrder::k39ds, 32), b(HarDNetOrder::k39ds, 32);
  initialise_weights(a, 3);
  initialise_weights(b, 3);
  EXPECT_TRUE(at::equal(a.forward(image(2, 32), 8), b.forward(image(2, 32), 8)));
}

TEST(PromptGenerator, StartsOtherwiseFromAnotherSeed) {
  PromptGenerator a(HarDNetOrder::k39ds, 32), b(HarDNetOrder::k39ds, 32);
  initialise_weights(a, 3);
  initialise_weights(b, 4);
  EXPECT_FALSE(at::equal(a.forward(image(2, 32), 8), b.forward(image(2, 32), 8)));
}

TEST(PromptGenerator, StridedHeadIsTheHeadAtEveryOtherPlace) {
  const at::NoGradGuard no_grad;
  PromptGenerator plain(HarDNetOrder::k39ds, 32);
  PromptGenerator strided(HarDNetOrder::k39ds, 32, {.has_strided_head = true});
  initialise_weights(plain, 3);
  initialise_weights(strided, 3);
  const auto map = plain.forward(image(2, 64), 16);  // stride 4, no resize
  const auto prompt = strided.forward(image(2, 64), 8);
  EXPECT_EQ(prompt.sizes(), (std::vector<int64_t>{2, 32, 8, 8}));
  EXPECT_LT((prompt - map.slice(2, 0, 16, 2).slice(3, 0, 16, 2)).abs().max().item<float>(), 1e-5);
  EXPECT_TRUE(at::equal(strided.forward(image(2, 64), 16), plain.forward(image(2, 64), 16)));
}

TEST(PromptGenerator, ResizesTheMapToTheGridBetweenCorners) {
  const at::NoGradGuard no_grad;
  PromptGenerator generator(HarDNetOrder::k39ds, 32);
  initialise_weights(generator, 3);
  generator.eval();
  const auto map = generator.forward(image(1, 64), 16);
  const auto prompt = generator.forward(image(1, 64), 10);
  EXPECT_TRUE(at::equal(prompt, at::upsample_bilinear2d(map, {10, 10}, true)));
}

TEST(PromptGenerator, StemSkipAddsItsKeysAndReachesEveryParameter) {
  PromptGenerator plain(HarDNetOrder::k39ds, 32);
  PromptGenerator skipping(HarDNetOrder::k39ds, 32, {.has_stem_skip = true});
  EXPECT_EQ(num_parameters(skipping) - num_parameters(plain), 96 * 48 * 4 + 2 * 96);
  initialise_weights(skipping, 3);
  const auto prompt = skipping.forward(image(2, 32), 8);
  prompt.mul(golden::rule("loss", prompt.sizes())).mean().backward();
  for (const auto& entry : skipping.named_parameters())
    EXPECT_TRUE(entry.value().grad().defined()) << entry.key();
  EXPECT_GT(skipping.named_parameters()["decoder.stem.conv.weight"].grad().norm().item<float>(), 0);
}

TEST(PromptGenerator, UnboundedLeavesOutTheTanhAlone) {
  const at::NoGradGuard no_grad;
  PromptGenerator plain(HarDNetOrder::k39ds, 32);
  PromptGenerator unbounded(HarDNetOrder::k39ds, 32, {.is_unbounded = true});
  for (PromptGenerator* generator : {&plain, &unbounded}) {
    initialise_weights(*generator, 3);
    generator->named_parameters()["decoder.final.conv2.weight"].mul_(1000);
    generator->eval();
  }
  const auto prompt = unbounded.forward(image(1, 64), 16);
  EXPECT_GT(prompt.abs().max().item<float>(), 1);
  EXPECT_TRUE(at::equal(plain.forward(image(1, 64), 16), prompt.tanh()));
}

TEST(PromptGenerator, NarrowDecoderKeepsTheKeysAndTheOutput) {
  PromptGenerator plain(HarDNetOrder::k39ds, 256);
  PromptGenerator narrow(HarDNetOrder::k39ds, 256, {.has_stem_skip = true, .decoder_width = 16});
  initialise_weights(narrow, 3);
  EXPECT_EQ(narrow.named_parameters()["decoder.up1.conv1.weight"].sizes(),
            (std::vector<int64_t>{16, 640 + 320, 3, 3}));
  for (const auto& key : plain.named_parameters().keys())
    EXPECT_TRUE(narrow.named_parameters().contains(key)) << key;
  EXPECT_EQ(narrow.forward(image(2, 32), 8).sizes(), (std::vector<int64_t>{2, 256, 8, 8}));
  EXPECT_THROW(PromptGenerator(HarDNetOrder::k39ds, 256, {.decoder_width = -1}), InvalidArgument);
}

TEST(PromptGenerator, UnderAutocastIsNearFp32AndReturnsIt) {
  const at::NoGradGuard no_grad;
  PromptGenerator generator(HarDNetOrder::k39ds, 32);
  initialise_weights(generator, 3);
  const auto want = generator.forward(image(2, 64), 16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto got = generator.forward(image(2, 64), 16);
  const auto features = generator.backbone().forward(image(2, 64));
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(features.stride16.scalar_type(), at::kBFloat16);
  EXPECT_EQ(got.scalar_type(), at::kFloat);
  EXPECT_LT((got - want).norm().item<float>(), 0.1 * want.norm().item<float>());
}

TEST(BatchNorm2d, MovesItsRunningStatisticsOnlyInTraining) {
  BatchNorm2d norm(3);
  const auto x = golden::rule("x", {4, 3, 5, 5}).mul(2).add(1);
  norm.eval();
  EXPECT_LT((norm.forward(x) - x).abs().max().item<float>(), 1e-4);  // mean 0, variance 1 so far
  norm.train();
  const auto y = norm.forward(x);
  EXPECT_LT(y.mean().abs().item<float>(), 1e-5);
  const auto mean = x.mean(at::IntArrayRef{0, 2, 3});
  EXPECT_LT((norm.running_mean - 0.1 * mean).abs().max().item<float>(), 1e-6);
  EXPECT_EQ(norm.num_batches_tracked.item<int64_t>(), 1);
}

TEST(SurrogateDecoder, FollowsThePromptsExtent) {
  SurrogateDecoder decoder(32);
  initialise_weights(decoder, 3);
  EXPECT_EQ(decoder.forward(at::ones({2, 32, 6, 5})).sizes(), (std::vector<int64_t>{2, 1, 24, 20}));
  EXPECT_THROW(decoder.forward(at::ones({2, 31, 6, 6})), InvalidArgument);
}

TEST(PlainUnet, HasTheSizeOfTheAnchorAndGivesLogitsOfTheImagesExtent) {
  PlainUnet unet;
  initialise_weights(unet, 3);
  EXPECT_NEAR(static_cast<double>(num_parameters(unet)), 7.8e6, 0.05e6);
  const auto logits = unet.forward(image(2, 32));
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{2, 1, 32, 32}));
  logits.mul(golden::rule("loss", logits.sizes())).mean().backward();
  for (const auto& entry : unet.named_parameters())
    EXPECT_GT(entry.value().grad().norm().item<float>(), 0) << entry.key();
  EXPECT_THROW(unet.forward(image(1, 40)), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
