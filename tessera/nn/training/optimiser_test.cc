#include "tessera/nn/training/optimiser.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace tessera::nn {
namespace {

bool is_of_a_block(const std::string& name) { return name.starts_with("blocks."); }

ParameterList small_parameters() {
  at::manual_seed(1);
  return {{"blocks.0.ffn.0.bias", at::randn({6})},
          {"blocks.0.ffn.0.weight", at::randn({6, 4})},
          {"blocks.0.modulation", at::randn({1, 6, 4})},
          {"blocks.0.self_attn.q.weight", at::randn({4, 4})},
          {"blocks.0.self_attn.k.weight", at::randn({4, 4})},
          {"head.head.weight", at::randn({3, 4})}};
}

TEST(FlatParameters, GroupsBlockMatricesByShapeAndLeavesTheModelItsViews) {
  auto parameters = small_parameters();
  FlatParameters flat(parameters, at::kCPU, is_of_a_block);
  ASSERT_EQ(flat.matrix_groups().size(), 2u);
  EXPECT_EQ(flat.matrix_groups()[0].count, 2);  // q and k, 4 x 4
  EXPECT_EQ(flat.matrix_groups()[1].rows, 6);
  EXPECT_EQ(flat.tables().size(), 12);
  EXPECT_EQ(flat.vectors().size(), 6 + 24);
  EXPECT_EQ(flat.vectors().end, flat.values().numel());
  at::Tensor values = flat.values();
  values.fill_(2);
  for (const auto& [name, tensor] : parameters)
    EXPECT_TRUE((tensor == 2).all().item<bool>()) << name;
}

TEST(FlatParameters, TakesGradientsOnceAndCountsMissingOnesAsZero) {
  auto parameters = small_parameters();
  FlatParameters flat(parameters, at::kCPU, is_of_a_block);
  (parameters[5].second * 3).sum().backward();
  const auto gradients = flat.take_gradients();
  EXPECT_EQ(gradients.sum().item<float>(), 3 * 12);
  EXPECT_FALSE(parameters[5].second.grad().defined());
  EXPECT_EQ(flat.take_gradients().abs().sum().item<float>(), 0);
}

TEST(Orthogonalise, BringsSingularValuesNearOneAndKeepsTheSides) {
  at::manual_seed(2);
  for (const auto& sizes : {std::vector<int64_t>{3, 8, 8}, {2, 16, 5}, {2, 5, 16}}) {
    const auto matrices = at::randn(sizes);
    const auto result = orthogonalise(matrices);
    const auto singular = at::linalg_svdvals(result);
    EXPECT_GT(singular.min().item<float>(), 0.5f);
    EXPECT_LT(singular.max().item<float>(), 1.3f);
    // U V^T of the same singular vectors: the product with the input's transpose is symmetric.
    const auto product = at::bmm(result.transpose(1, 2), matrices);
    EXPECT_LT((product - product.transpose(1, 2)).abs().max().item<float>(),
              1e-3f * product.abs().max().item<float>());
  }
}

TEST(Optimiser, StepsVectorsAsAdamWDoes) {
  ParameterList parameters = {{"a.bias", at::tensor({1.0f, -2.0f})}};
  FlatParameters flat(parameters, at::kCPU, is_of_a_block);
  OptimiserSettings settings;
  settings.max_gradient_norm = 1e9;
  Optimiser optimiser(flat, settings);
  const double g1[] = {0.5, -1.0}, g2[] = {0.25, 2.0};
  double m[2] = {}, v[2] = {}, x[2] = {1, -2};
  for (int step = 1; step <= 2; ++step) {
    const double* g = step == 1 ? g1 : g2;
    optimiser.step(at::tensor({g[0], g[1]}).to(at::kFloat), 0.1);
    for (int i = 0; i < 2; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.97 * v[i] + 0.03 * g[i] * g[i];
      x[i] -= 0.1 * (m[i] / (1 - std::pow(0.9, step))) /
              (std::sqrt(v[i] / (1 - std::pow(0.97, step))) + 1e-8);
      EXPECT_NEAR(flat.values()[i].item<double>(), x[i], 1e-6);
    }
  }
}

TEST(Optimiser, MovesBlockMatricesByTheSizeThatTheRateSays) {
  at::manual_seed(3);
  ParameterList parameters = {{"blocks.0.q.weight", at::zeros({32, 32})}};
  FlatParameters flat(parameters, at::kCPU, is_of_a_block);
  OptimiserSettings settings;
  Optimiser optimiser(flat, settings);
  optimiser.step(at::randn({32 * 32}) * 100, 1e-2);
  const double size = std::sqrt(flat.values().square().mean().item<double>());
  EXPECT_NEAR(size, settings.muon_scale * 1e-2, 0.25 * settings.muon_scale * 1e-2);
}

TEST(Optimiser, ShortensLongGradientsAndReportsTheirLength) {
  ParameterList parameters = {{"a.bias", at::zeros({2})}};
  FlatParameters flat(parameters, at::kCPU, is_of_a_block);
  Optimiser optimiser(flat, {});
  auto gradients = at::tensor({30.0f, 40.0f});
  EXPECT_FLOAT_EQ(optimiser.step(gradients, 0).item<float>(), 50);
  EXPECT_NEAR(gradients.norm().item<float>(), 1, 1e-5);
}

}  // namespace
}  // namespace tessera::nn
