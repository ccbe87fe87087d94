// The ways of linear layers and norms that only a GPU takes, against fp64 on the CPU.
#include "tessera/segmentation/layers.h"

#include <functional>
#include <vector>

#include "tessera/nn/autocast.h"
#include "tessera/segmentation/sam/fast_linear.h"
#include "tessera/segmentation/sam/sam_layers.h"

#include "gpu_testing.h"

namespace tessera::segmentation {
namespace {

using testing::worst;
class LayersOnGpu : public testing::OnGpu {};

constexpr double kRounding = 1.0 / 256;  // to bf16 at most this share: half of the last of 8 bits

struct Gradients {
  at::Tensor y, x, weight, bias;
};

Gradients through(
    const std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>& layer,
    const std::vector<at::Tensor>& inputs, const at::Tensor& direction) {
  std::vector<at::Tensor> leaves;
  for (const auto& input : inputs) leaves.push_back(input.detach().clone().requires_grad_());
  const at::Tensor y = layer(leaves[0], leaves[1], leaves[2]);
  y.backward(direction);
  return {y.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
}

TEST_F(LayersOnGpu, LinearWithSwiftBiasIsTheLinearLayer) {
  constexpr int64_t kRows = 6000, kIn = 96, kOut = 128;
  // Rounded to bf16 first, so that all that differs is the arithmetic.
  const auto bf16 = [&](at::IntArrayRef sizes, uint64_t seed) {
    return normal(sizes, seed).to(at::kBFloat16);
  };
  const std::vector<at::Tensor> inputs = {bf16({2, kRows / 2, kIn}, 1), bf16({kOut, kIn}, 2),
                                          bf16({kOut}, 3)};
  const at::Tensor direction = bf16({2, kRows / 2, kOut}, 4);
  std::vector<at::Tensor> wide, there;
  for (const auto& input : inputs) {
    wide.push_back(input.to(at::kDouble));
    there.push_back(input.to(gpu));
  }
  const auto plain = [](const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
    return at::linear(x, w, b);
  };
  const Gradients want = through(plain, wide, direction.to(at::kDouble));
  const Gradients got = through(linear_with_swift_bias, there, direction.to(gpu));

  // Sums are kept in fp32, or in bf16 between parts of a split sum: each part is rounded at most
  // once, and the result once more, all of them no larger than the sum of the absolute terms.
  const double twice = 2 * kRounding;
  const at::Tensor x = wide[0].abs().flatten(0, 1), w = wide[1].abs(), b = wide[2].abs(),
                   d = direction.to(at::kDouble).abs().flatten(0, 1);
  EXPECT_LT(worst(got.y.flatten(0, 1), want.y.flatten(0, 1), twice * (at::mm(x, w.t()) + b)), 1);
  EXPECT_LT(worst(got.x.flatten(0, 1), want.x.flatten(0, 1), twice * at::mm(d, w)), 1);
  EXPECT_LT(worst(got.weight, want.weight, twice * at::mm(d.t(), x)), 1);
  EXPECT_LT(worst(got.bias, want.bias, twice * d.sum(0)), 1);
}

TEST_F(LayersOnGpu, NarrowNormsAreLayerNorms) {
  for (const int64_t channels : {4, 16}) {
    const std::vector<at::Tensor> inputs = {normal({3, 50, channels}, 1) * 3 + 1,
                                            normal({channels}, 2), normal({channels}, 3)};
    const at::Tensor direction = normal({3, 50, channels}, 4);
    std::vector<at::Tensor> wide, there;
    for (const auto& input : inputs) {
      wide.push_back(input.to(at::kDouble));
      there.push_back(input.to(gpu));
    }
    const Gradients want =
        through([&](const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& b) { return at::layer_norm(x, {channels}, w, b, 1e-6); },
                wide, direction.to(at::kDouble));
    const Gradients got =
        through([](const at::Tensor& x, const at::Tensor& w,
                   const at::Tensor& b) { return narrow_layer_norm(x, w, b, 1e-6); },
                there, direction.to(gpu));
    // A few fp32 operations on numbers of about 1, divided by a deviation that may be small.
    const at::Tensor deviation = wide[0].std(-1, /*unbiased=*/false, /*keepdim=*/true);
    const at::Tensor few = 1e-5 * (1 + 1 / deviation.clamp_max(1)).expand_as(wide[0]);
    EXPECT_LT(worst(got.y, want.y, few), 1) << channels;
    EXPECT_LT(worst(got.x, want.x, few / deviation.clamp_max(1)), 1) << channels;
    EXPECT_LT(testing::relative_rms(got.weight, want.weight), 1e-5) << channels;
    EXPECT_LT(testing::relative_rms(got.bias, want.bias), 1e-5) << channels;
  }
}

TEST_F(LayersOnGpu, ChannelNormsAreThoseOfTheCpu) {
  for (const int64_t channels : {4, 16, 64}) {  // by plain operations up to 16
    ChannelNorm2d norm(channels);
    {
      const at::NoGradGuard no_grad;
      norm.weight.copy_(normal({channels}, 1));
      norm.bias.copy_(normal({channels}, 2));
    }
    const at::Tensor x = normal({2, channels, 9, 7}, 3);
    const at::Tensor want = norm.forward(x).detach();
    norm.to(gpu);
    EXPECT_LT(testing::relative_rms(norm.forward(x.to(gpu)).detach(), want), 1e-5) << channels;
  }
}

TEST_F(LayersOnGpu, LeanNormsRoundToBf16AndNoMore) {
  const at::Tensor x = normal({400, 256}, 1).to(at::kBFloat16), w = normal({256}, 2),
                   b = normal({256}, 3);
  const at::Tensor normed =
      at::layer_norm(x.to(at::kDouble), {256}, {}, {}, 1e-6) * w.to(at::kDouble);
  const nn::AutocastOnCuda autocast(gpu);
  const at::Tensor got = lean_layer_norm(x.to(gpu), w.to(gpu), b.to(gpu), 1e-6);
  EXPECT_EQ(got.scalar_type(), at::kBFloat16);
  // Weight and bias are rounded once, and the result; what fp32 adds is far less.
  EXPECT_LT(worst(got, normed + b, 2.02 * kRounding * (normed.abs() + b.abs())), 1);
}

}  // namespace
}  // namespace tessera::segmentation
