#include "tessera/segmentation/sam/sam.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/einsum.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/segmentation/layers.h"
#include "tessera/segmentation/sam/fast_linear.h"
#include "tessera/segmentation/sam/padded_sam_testing.h"
#include "tessera/segmentation/sam/position_attention.h"
#include "tessera/segmentation/sam/sam_layers.h"

namespace tessera::segmentation {
namespace {

template <typename Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_IN(part, text) \
  EXPECT_NE((text).find(part), std::string::npos) << "in: \"" << (text) << "\""

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// Random weights of every parameter, relative positions too.
Sam random_sam(const SamConfig& config = padded_sam_config()) {
  Sam sam(config);
  sam.initialise(7);
  const at::NoGradGuard no_grad;
  for (const auto& entry : sam.named_parameters()) {
    at::Tensor value = entry.value();
    if (entry.key().find("rel_pos") != std::string::npos) value.normal_(0, 0.5);
  }
  return sam;
}

int64_t count(const std::vector<at::Tensor>& parameters) {
  int64_t sum = 0;
  for (const auto& parameter : parameters) sum += parameter.numel();
  return sum;
}

TEST(Sam, VitBHasTheOfficialKeysAndSizes) {
  const Sam sam(sam_vit_b());
  EXPECT_EQ(sam.named_parameters().size() + sam.named_buffers().size(), 314u);
  const auto parts = sam.named_children();
  EXPECT_EQ(count(parts["image_encoder"]->parameters()), 89'670'912);
  EXPECT_EQ(count(parts["prompt_encoder"]->parameters()), 6'220);
  EXPECT_EQ(count(parts["mask_decoder"]->parameters()), 4'058'340);
  EXPECT_EQ(sam.named_parameters()["image_encoder.blocks.2.attn.rel_pos_h"].sizes(),
            (std::vector<int64_t>{127, 64}));
  EXPECT_EQ(sam.named_parameters()["image_encoder.blocks.3.attn.rel_pos_w"].sizes(),
            (std::vector<int64_t>{27, 64}));
}

TEST(Sam, DemoModelKeepsTheOfficialGeometry) {
  const SamConfig config = demo_sam_config();
  EXPECT_EQ(config.grid(), sam_vit_b().grid());
  EXPECT_EQ(config.mask_size(), 256);
  EXPECT_NEAR(static_cast<double>(count(Sam(config).parameters())), 7.1e6, 0.1e6);
}

TEST(Sam, SameSeedSameWeights) {
  Sam a(padded_sam_config()), b(padded_sam_config()), c(padded_sam_config());
  a.initialise(1), b.initialise(1), c.initialise(2);
  EXPECT_TRUE(at::equal(a.parameters()[3], b.parameters()[3]));
  EXPECT_TRUE(at::equal(a.buffers()[0], b.buffers()[0]));
  EXPECT_FALSE(at::equal(a.buffers()[0], c.buffers()[0]));
}

TEST(Sam, ManyPromptsOfAnImageAreAsEachAlone) {
  const at::NoGradGuard no_grad;
  const Sam sam = random_sam();
  const auto embeddings = at::randn({2, 32, 5, 5});
  Sam::Prompts all;
  all.points = at::rand({6, 2, 2}) * 40;
  all.labels = at::ones({6, 2}, at::kLong);
  for (const bool has_masks : {false, true}) {
    if (has_masks) all.masks = at::randn({6, 1, 20, 20});
    const auto together = sam.decode(embeddings, all, true);
    for (int64_t i = 0; i < 6; ++i) {
      Sam::Prompts one{all.points.slice(0, i, i + 1), all.labels.slice(0, i, i + 1), {}, {}};
      if (has_masks) one.masks = all.masks.slice(0, i, i + 1);
      const auto alone = sam.decode(embeddings.slice(0, i / 3, i / 3 + 1), one, true);
      EXPECT_LT(largest_difference(alone.logits, together.logits.slice(0, i, i + 1)), 1e-4) << i;
      EXPECT_LT(largest_difference(alone.iou, together.iou.slice(0, i, i + 1)), 1e-4) << i;
    }
  }
}

TEST(Sam, GradientsOfManyPromptsReachTheirImage) {
  const Sam sam = random_sam();
  auto embeddings = at::randn({2, 32, 5, 5}).requires_grad_();
  Sam::Prompts prompts;
  prompts.boxes = at::rand({4, 4}) * 40;
  sam.decode(embeddings, prompts, true).logits.slice(0, 0, 2).sum().backward();
  EXPECT_GT(embeddings.grad()[0].abs().max().item<double>(), 0);
  EXPECT_EQ(embeddings.grad()[1].abs().max().item<double>(), 0);
}

TEST(Sam, NoMaskAsDensePromptIsNoPrompt) {
  const at::NoGradGuard no_grad;
  const Sam sam = random_sam();
  const auto embeddings = at::randn({3, 32, 5, 5});
  const auto none = sam.decode(embeddings, {}, false);
  const auto dense = sam.decode_dense(embeddings, sam.no_mask_dense(3));
  EXPECT_EQ(none.logits.sizes(), (std::vector<int64_t>{3, 1, 20, 20}));
  EXPECT_LT(largest_difference(none.logits, dense.logits), 1e-5);
}

TEST(Sam, RunsInHalfThePrecisionUnderAutocast) {
  const Sam sam = random_sam();
  const auto images = at::randn({1, 3, 40, 40});
  Sam::Prompts prompts;
  prompts.boxes = at::rand({2, 4}) * 40;
  const auto run = [&] { return sam.decode(sam.encode_image(images), prompts, true); };
  const auto want = run();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const auto got = run();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_EQ(got.logits.scalar_type(), at::kFloat);
  EXPECT_EQ(got.iou.scalar_type(), at::kFloat);
  const double scale = want.logits.abs().max().item<double>();
  EXPECT_GT(largest_difference(got.logits, want.logits), 1e-5 * scale);  // it was on
  EXPECT_LT(largest_difference(got.logits, want.logits), 0.1 * scale);
  got.logits.sum().backward();
}

TEST(Sam, RefusesShapesThatDoNotFit) {
  const Sam sam(padded_sam_config());
  const auto decode = [&](const Sam::Prompts& prompts, int64_t images = 1) {
    return refusal([&] { sam.decode(at::zeros({images, 32, 5, 5}), prompts, false); });
  };
  EXPECT_IN("[Sam::normalise] images must be [B, 3, Y, X], got: [3, 4, 4]", refusal([&] {
              sam.normalise(at::zeros({3, 4, 4}));
            }));
  EXPECT_IN("must fit 40 x 40, got: 41 x 8", refusal([&] {
              sam.normalise(at::zeros({1, 3, 41, 8}));
            }));
  EXPECT_IN("images must be [B, 3, 40, 40]", refusal([&] {
              sam.encode_image(at::zeros({1, 3, 40, 32}));
            }));
  EXPECT_IN("embeddings must be [B, 32, 5, 5], got: [1, 32, 5, 6]", refusal([&] {
              sam.decode(at::zeros({1, 32, 5, 6}), {}, false);
            }));
  EXPECT_IN("must come together, got: points alone", decode({at::zeros({1, 2, 2}), {}, {}, {}}));
  EXPECT_IN("labels must be [1, 2] (-1: any), got: [1, 3]",
            decode({at::zeros({1, 2, 2}), at::zeros({1, 3}, at::kLong), {}, {}}));
  EXPECT_IN("masks must be [2, 1, 20, 20] (-1: any)",
            decode({{}, {}, at::zeros({2, 4}), at::zeros({1, 1, 20, 20})}));
  EXPECT_IN("a multiple of the images, got: 3 prompts for 2 images",
            decode({{}, {}, at::zeros({3, 4}), {}}, 2));
  SamConfig config = padded_sam_config();
  config.num_heads = 3;
  EXPECT_IN("embed_dim must be a multiple of num_heads", refusal([&] { Sam sam(config); }));
}

/// The definition, written out, in fp64.
at::Tensor reference_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& rel_pos_h, const at::Tensor& rel_pos_w,
                               int64_t height, int64_t width) {
  const auto y = at::arange(height).repeat_interleave(width),
             x = at::arange(width).repeat({height});
  const auto offset = [](const at::Tensor& place, int64_t side) {  // [N, N]
    return place.unsqueeze(1) - place.unsqueeze(0) + (side - 1);
  };
  const auto rows = rel_pos_h.index({offset(y, height)}),
             columns = rel_pos_w.index({offset(x, width)});
  const auto bias = at::einsum("bhqd,qkd->bhqk", {q, rows + columns});
  const auto logits =
      q.matmul(k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3))) + bias;
  return logits.softmax(3).matmul(v);
}

struct Grid {
  int64_t height, width;
};

class PositionAttention : public ::testing::TestWithParam<Grid> {};

TEST_P(PositionAttention, EveryWayIsTheDefinition) {
  const auto [height, width] = GetParam();
  const int64_t tokens = height * width, d = 4, heads = tokens < 1000 ? 2 : 1;
  std::vector<at::Tensor> in;
  for (int i = 0; i < 3; ++i) in.push_back(at::randn({heads, heads, tokens, d}));
  in.push_back(at::randn({2 * height - 1, d}));
  in.push_back(at::randn({2 * width - 1, d}));
  const auto run = [&](const auto& function, at::ScalarType type) {
    std::vector<at::Tensor> x;
    for (const auto& tensor : in) x.push_back(tensor.to(type).detach().requires_grad_());
    auto out = function(x[0], x[1], x[2], x[3], x[4], height, width);
    if (out.requires_grad()) out.sin().sum().backward();
    std::vector<at::Tensor> results = {out.detach()};
    for (const auto& tensor : x) results.push_back(tensor.grad());
    return results;
  };
  const auto want = run(reference_attention, at::kDouble);
  const auto got = run(position_attention, at::kFloat);
  for (size_t i = 0; i < want.size(); ++i) {
    const double scale = std::max(1.0, want[i].abs().max().item<double>());
    EXPECT_LT(largest_difference(got[i], want[i]), 2e-5 * scale) << "result " << i;
  }
  const at::NoGradGuard no_grad;
  EXPECT_LT(largest_difference(run(position_attention, at::kFloat)[0], want[0]), 2e-5);
}

// Small ones, and one above the size at which a CPU goes by chunks, with lines left over.
INSTANTIATE_TEST_SUITE_P(Grids, PositionAttention,
                         ::testing::Values(Grid{1, 1}, Grid{3, 5}, Grid{14, 14}, Grid{37, 29}));

TEST(PositionAttentionTables, AreInterpolatedForAnotherSide) {
  // A table that is linear in the offset stays so.
  const auto q = at::randn({1, 1, 9, 4}), k = at::randn({1, 1, 9, 4}), v = at::randn({1, 1, 9, 4});
  const auto long_table = at::ones({9, 4}), short_table = at::ones({5, 4});
  const auto a = position_attention(q, k, v, long_table, short_table, 3, 3);
  EXPECT_LT(largest_difference(a, position_attention(q, k, v, short_table, short_table, 3, 3)),
            1e-6);
}

TEST(LinearWithSwiftBias, HasTheGradientsOfTorchs) {
  at::manual_seed(1);
  for (const bool needs_x : {true, false}) {
    const auto x = at::randn({2, 5, 3}, at::kDouble).requires_grad_(needs_x);
    const auto weight = at::randn({4, 3}, at::kDouble).requires_grad_();
    const auto bias = at::randn({4}, at::kDouble).requires_grad_();
    const auto scale = at::randn({2, 5, 4}, at::kDouble);
    std::vector<at::Tensor> leaves{x, weight, bias}, expected;
    const auto plain = at::linear(x, weight, bias);
    (plain * scale).sum().backward();
    for (auto& leaf : leaves) {
      expected.push_back(leaf.grad());
      leaf.mutable_grad().reset();
    }
    const auto swift = linear_with_swift_bias(x, weight, bias);
    EXPECT_TRUE(at::allclose(swift, plain));
    // As the transposed gradient of a transposed output comes.
    (swift.transpose(0, 1) * scale.transpose(0, 1)).sum().backward();
    for (size_t i = 0; i < leaves.size(); ++i) {
      ASSERT_EQ(leaves[i].grad().defined(), expected[i].defined());
      if (!expected[i].defined()) continue;
      EXPECT_TRUE(at::allclose(leaves[i].grad(), expected[i]));
    }
  }
}

TEST(NarrowLayerNorm, IsTorchsWithItsGradients) {
  at::manual_seed(2);
  for (const int64_t channels : {1, 4, 16}) {
    const auto x = (at::randn({3, 5, channels}, at::kDouble) * 4 + 2).requires_grad_();
    const auto weight = at::randn({channels}, at::kDouble),
               bias = at::randn({channels}, at::kDouble);
    const auto scale = at::randn({3, 5, channels}, at::kDouble);
    const auto expected = at::layer_norm(x, {channels}, weight, bias, 1e-6);
    (expected * scale).sum().backward();
    const auto gradient = x.grad().clone();
    x.mutable_grad().reset();
    const auto found = narrow_layer_norm(x, weight, bias, 1e-6);
    (found * scale).sum().backward();
    EXPECT_TRUE(at::allclose(found, expected, 1e-9, 1e-9));
    EXPECT_TRUE(at::allclose(x.grad(), gradient, 1e-6, 1e-9));
  }
}

TEST(MlpBlock, LargeHiddenLayersComeInSlices) {
  MlpBlock mlp(4, 1000, MlpBlock::Activation::kGelu);
  const auto x = at::randn({1, 70, 91, 4});  // 6.4 million hidden values
  for (const auto& parameter : mlp.parameters()) {
    const at::NoGradGuard no_grad;
    at::Tensor(parameter).normal_(0, 0.1);
  }
  const auto want = mlp.forward(x).detach();
  const at::NoGradGuard no_grad;
  EXPECT_LT(largest_difference(mlp.forward(x), want), 1e-5);
}

}  // namespace
}  // namespace tessera::segmentation
