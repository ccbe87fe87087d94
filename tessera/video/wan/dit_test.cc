#include "tessera/video/wan/dit.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/nn/time_embedding.h"
#include "tessera/nn/weight_files.h"

namespace tessera::video {
namespace {

// The sizes that tests/golden/make_wan_golden.py uses.
WanConfig tiny_config() {
  WanConfig config;
  config.dim = 40;
  config.num_heads = 2;
  config.num_layers = 2;
  config.ffn_dim = 48;
  config.in_channels = 3;
  config.out_channels = 5;
  config.freq_dim = 32;
  config.text_dim = 20;
  config.text_len = 6;
  config.patch = {1, 2, 4};
  config.eps = 1e-3;
  return config;
}

/// diffusers' model and what it computed; loaded once.
struct Golden {
  WanModel model{tiny_config()};
  nn::NamedTensors values;

  Golden() {
    const std::string path =
        std::string(TESSERA_SOURCE_DIR) + "/tests/golden/wan_dit_tiny.safetensors";
    auto weights = nn::load_weights(path);
    for (auto entry = weights.tensors.begin(); entry != weights.tensors.end();) {
      if (!entry->first.starts_with("golden.")) {
        ++entry;
        continue;
      }
      values[entry->first.substr(7)] = entry->second;
      entry = weights.tensors.erase(entry);
    }
    nn::load_modules(weights, {{"", &model}});
  }
  const at::Tensor& operator[](const char* name) const { return values.at(name); }
};

Golden& golden() {
  static Golden loaded;
  return loaded;
}

/// `products` matrix products of at most 48 terms in a row: each term's rounding, fp32's 6e-8 of
/// the largest value, adds up like the square root of their number; factor 4 for what stands
/// between the products (norms, softmax, activations).
double tolerance(const at::Tensor& want, int products) {
  const double rounding = 6e-8 * want.abs().max().item<double>();
  return 4 * rounding * std::sqrt(48.0) * products;
}

void expect_close(const std::string& name, const at::Tensor& got, const at::Tensor& want,
                  int products) {
  const double worst = (got - want).abs().max().item<double>();
  EXPECT_LE(worst, tolerance(want, products)) << name;
  ::testing::Test::RecordProperty("max_abs_" + name, concat(worst));
}

TEST(WanModelParity, EmbeddingsAreThoseOfDiffusers) {
  auto& g = golden();
  expect_close("patches", g.model.embed_patches(g["x"]), g["patches"], 1);
  expect_close("text", g.model.embed_text(g["context"]), g["text"], 2);
  const auto time = g.model.embed_time(g["t"]);
  expect_close("e", time.e, g["e"], 2);
  expect_close("e0", time.e0, g["e0"], 3);
}

TEST(WanModelParity, TimeFeaturesAreTheOriginalsAndNearThoseOfDiffusers) {
  const auto got = nn::time_embedding(golden()["t"], 32);
  EXPECT_LT((got - golden()["time_features"]).abs().max().item<float>(), 1e-7);
  // diffusers computes angle and frequency in fp32: at t = 937 it is off by 937 * 5e-7.
  EXPECT_LT((got - golden()["time_features_diffusers"]).abs().max().item<float>(), 5e-4);
}

TEST(WanModelParity, EachBlockIsThatOfDiffusersOnItsInput) {
  auto& g = golden();
  const auto& rope = g.model.rope(g.model.grid_of(g["x"]), at::kCPU);
  const auto attention = torch_self_attention();
  const auto first = g.model.block(0).forward(g["patches"], g["e0"], g["text"], rope, attention);
  expect_close("block.0", first, g["block.0"], 7);
  const auto second = g.model.block(1).forward(g["block.0"], g["e0"], g["text"], rope, attention);
  expect_close("block.1", second, g["block.1"], 7);
}

TEST(WanModelParity, WholeModelIsThatOfDiffusers) {
  auto& g = golden();
  const auto got = g.model.forward(g["x"], g["t"], g["context"], torch_self_attention());
  EXPECT_EQ(got.sizes(), g["output"].sizes());
  expect_close("output", got, g["output"], 20);
}

TEST(WanModelParity, EveryGradientIsThatOfDiffusers) {
  auto& g = golden();
  g.model.zero_grad();
  const auto output = g.model.forward(g["x"], g["t"], g["context"], torch_self_attention());
  (output * g["loss_weights"]).mean().backward();
  double worst = 0;
  for (const auto& entry : g.model.named_parameters()) {
    const auto& want = g.values.at("gradient." + entry.key());
    const double error = (entry.value().grad() - want).abs().max().item<double>();
    // There and back: twice the products of the forward pass, and a sum over 72 tokens.
    EXPECT_LE(error, tolerance(want, 42)) << entry.key();
    worst = std::max(worst, error / want.abs().max().item<double>());
  }
  RecordProperty("max_relative_gradient", concat(worst));
}

/// Over the golden input's 36 tokens, far from raster order.
TokenLayout golden_layout(attention::TokenOrderKind kind) {
  const auto grid = golden().model.grid_of(golden()["x"]);
  return make_token_layout(
      {.kind = kind, .grid = {grid.frames, grid.rows, grid.columns}, .box = {2, 2, 2}}, at::kCPU);
}

TEST(WanModelParity, TokenOrderChangesNothingButRounding) {
  auto& g = golden();
  for (const auto kind : {attention::TokenOrderKind::kHilbert, attention::TokenOrderKind::kBoxes}) {
    const auto got =
        g.model.forward(g["x"], g["t"], g["context"], torch_self_attention(), golden_layout(kind));
    expect_close("output", got, g["output"], 20);
  }
}

TEST(WanModel, ThePluggedInFunctionSeesTheTokensLaidOut) {
  auto& g = golden();
  const auto queries_of_layer_0 = [&](const TokenLayout& layout) {
    at::Tensor queries;
    g.model.forward(
        g["x"], g["t"], g["context"],
        [&](int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
          if (layer == 0) queries = q;
          return torch_attention(q, k, v);
        },
        layout);
    return queries;
  };
  const auto layout = golden_layout(attention::TokenOrderKind::kHilbert);
  const auto raster = queries_of_layer_0({}), laid_out = queries_of_layer_0(layout);
  EXPECT_FALSE(at::equal(raster, laid_out));
  expect_close("queries", laid_out, layout.lay_out(raster, 1), 2);
  EXPECT_TRUE(at::equal(layout.put_back(layout.lay_out(raster, 1), 1), raster));
}

TEST(WanModel, EntriesOfABatchDoNotMix) {
  auto& g = golden();
  const auto attention = torch_self_attention();
  const auto both = g.model.forward(g["x"], g["t"], g["context"], attention);
  const auto second =
      g.model.forward(g["x"].slice(0, 1), g["t"].slice(0, 1), g["context"].slice(0, 1), attention);
  expect_close("second", second, both.slice(0, 1), 20);
}

TEST(WanModel, AsksThePluggedInFunctionOnceALayerWithHeadsApart) {
  auto& g = golden();
  std::vector<int64_t> layers;
  g.model.forward(g["x"], g["t"], g["context"],
                  [&](int64_t layer, const at::Tensor& q, const at::Tensor&, const at::Tensor& v) {
                    layers.push_back(layer);
                    EXPECT_EQ(q.sizes(), (std::vector<int64_t>{2, 36, 2, 20}));
                    return v;
                  });
  EXPECT_EQ(layers, (std::vector<int64_t>{0, 1}));
}

TEST(WanModel, EveryParameterGetsAGradient) {
  WanModel model(tiny_config());
  initialise_weights(model, 3);
  const auto y = model.forward(at::randn({2, 3, 2, 4, 8}), at::tensor({900.0, 20.0}),
                               at::randn({2, 6, 20}), torch_self_attention());
  (y * at::randn(y.sizes())).sum().backward();
  for (const auto& entry : model.named_parameters())
    EXPECT_TRUE(entry.value().grad().defined()) << entry.key();
  // The head starts at zero, so it alone learns in the first step; that is Wan's initialisation.
  EXPECT_GT(model.named_parameters()["head.head.weight"].grad().abs().sum().item<float>(), 0);
}

TEST(WanModel, SameSeedGivesTheSameWeights) {
  WanModel a(tiny_config()), b(tiny_config()), c(tiny_config());
  initialise_weights(a, 3);
  initialise_weights(b, 3);
  initialise_weights(c, 4);
  const auto weight = [](WanModel& model) {
    return model.named_parameters()["blocks.1.ffn.0.weight"];
  };
  EXPECT_TRUE(at::equal(weight(a), weight(b)));
  EXPECT_FALSE(at::equal(weight(a), weight(c)));
}

TEST(WanModel, AutocastLeavesTimeHeadAndResidualStreamInFp32) {
  auto& g = golden();
  const auto before = g.model.embed_time(g["t"]);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto during = g.model.embed_time(g["t"]);
  const auto patches = g.model.embed_patches(g["x"]);
  at::ScalarType type_of_q = at::kDouble;
  const auto y =
      g.model.forward(g["x"], g["t"], g["context"],
                      [&](int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
                        type_of_q = q.scalar_type();
                        return torch_attention(q, k, v);
                      });
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_TRUE(at::equal(before.e0, during.e0));
  EXPECT_EQ(patches.scalar_type(), at::kBFloat16);
  EXPECT_EQ(type_of_q, at::kBFloat16);
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  // bf16 keeps 8 bits: 20 products of values up to 13 that are off by 1/256 at most.
  EXPECT_LT((y - g["output"]).abs().max().item<float>(), 13.0 * std::sqrt(20.0) / 256 * 4);
}

TEST(WanModel, RefusesInputsThatDoNotFit) {
  auto& g = golden();
  const auto attention = torch_self_attention();
  const auto run = [&](const at::Tensor& x, const at::Tensor& t, const at::Tensor& context) {
    g.model.forward(x, t, context, attention);
  };
  EXPECT_THROW(run(g["x"].slice(4, 0, 10), g["t"], g["context"]), InvalidArgument);
  EXPECT_THROW(run(g["x"].slice(1, 0, 2), g["t"], g["context"]), InvalidArgument);
  EXPECT_THROW(run(g["x"], g["t"].slice(0, 1), g["context"]), InvalidArgument);
  EXPECT_THROW(run(g["x"], g["t"], g["context"].slice(1, 1)), InvalidArgument);
  const auto foreign = make_token_layout({.grid = {2, 3, 4}}, at::kCPU);
  EXPECT_THROW(g.model.forward(g["x"], g["t"], g["context"], attention, foreign), InvalidArgument);
}

}  // namespace
}  // namespace tessera::video
