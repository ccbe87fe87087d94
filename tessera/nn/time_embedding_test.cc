#include "tessera/nn/time_embedding.h"

#include <cmath>

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::nn {
namespace {

TEST(TimeEmbedding, HasCosinesThenSinesOfTheFormula) {
  constexpr int64_t kDim = 256;
  const auto got = time_embedding(at::tensor({999, 0, 41}, at::kLong), kDim);
  ASSERT_EQ(got.sizes(), (std::vector<int64_t>{3, kDim}));
  ASSERT_EQ(got.scalar_type(), at::kFloat);
  for (const auto& [row, t] : {std::pair(0, 999.0), std::pair(1, 0.0), std::pair(2, 41.0)}) {
    for (int i = 0; i < kDim / 2; ++i) {
      const double angle = t * std::pow(10000.0, -i / 128.0);
      // One rounding to fp32; an fp32 angle would be off by up to 3e-5 at t = 999.
      EXPECT_NEAR(got[row][i].item<float>(), std::cos(angle), 1e-7);
      EXPECT_NEAR(got[row][kDim / 2 + i].item<float>(), std::sin(angle), 1e-7);
    }
  }
}

TEST(TimeEmbedding, RefusesWrongShapes) {
  EXPECT_THROW(time_embedding(at::ones({2, 2}), 8), InvalidArgument);
  EXPECT_THROW(time_embedding(at::ones({2}), 7), InvalidArgument);
}

}  // namespace
}  // namespace tessera::nn
