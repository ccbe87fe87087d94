#include "tessera/nn/rope.h"

#include <cmath>
#include <complex>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::nn {
namespace {

/// One head's rotation written out for one token: (frames, rows, columns) own `pairs` pairs each.
std::vector<double> rotate(const float* x, const int64_t (&position)[3], const int (&pairs)[3]) {
  std::vector<double> turned;
  for (int axis = 0; axis < 3; ++axis) {
    for (int j = 0; j < pairs[axis]; ++j, x += 2) {
      const double angle = position[axis] / std::pow(10000.0, 2.0 * j / (2 * pairs[axis]));
      const auto z = std::complex<double>(x[0], x[1]) * std::polar(1.0, angle);
      turned.insert(turned.end(), {z.real(), z.imag()});
    }
  }
  return turned;
}

class RopeSplit : public ::testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(RopeSplit, AgreesWithTheFormulaInDoublePrecision) {
  const auto [head_dim, frame_pairs, side_pairs] = GetParam();
  const TokenGrid grid{3, 4, 5};
  const auto x = at::randn({2, grid.num_tokens(), 2, head_dim});
  const auto got =
      apply_rope(x, rope_table(grid, head_dim, at::kComplexDouble, at::kCPU)).contiguous();
  double worst = 0;
  for (int64_t token = 0; token < grid.num_tokens(); ++token) {
    const int64_t position[] = {token / 20, token / 5 % 4, token % 5};
    const int64_t offset = ((grid.num_tokens() + token) * 2 + 1) * head_dim;  // batch 1, head 1
    const auto want =
        rotate(x.const_data_ptr<float>() + offset, position, {frame_pairs, side_pairs, side_pairs});
    for (int i = 0; i < head_dim; ++i)
      worst = std::max(worst, std::abs(want[i] - got.const_data_ptr<float>()[offset + i]));
  }
  EXPECT_LT(worst, 5e-7);  // one rounding to fp32 of values below 8
}

// Head dim, pairs of frames, pairs of rows and of columns; 128 is Wan's 22 / 21 / 21.
INSTANTIATE_TEST_SUITE_P(HeadDims, RopeSplit,
                         ::testing::Values(std::tuple(128, 22, 21), std::tuple(64, 12, 10),
                                           std::tuple(16, 4, 2), std::tuple(6, 1, 1)));

TEST(Rope, LeavesTheFirstTokenAndEveryLengthAsTheyAre) {
  const auto x = at::randn({1, 8, 1, 16});
  const auto y = apply_rope(x, rope_table({2, 2, 2}, 16, at::kComplexDouble, at::kCPU));
  EXPECT_TRUE(at::equal(y.select(1, 0), x.select(1, 0)));
  EXPECT_LT((y.square().sum(-1) - x.square().sum(-1)).abs().max().item<float>(), 1e-5);
}

TEST(Rope, InSinglePrecisionDiffersByRoundingOnly) {
  const auto x = at::randn({1, 60, 2, 64});
  const auto exact = apply_rope(x, rope_table({3, 4, 5}, 64, at::kComplexDouble, at::kCPU));
  const auto fast = apply_rope(x, rope_table({3, 4, 5}, 64, at::kComplexFloat, at::kCPU));
  EXPECT_LT((exact - fast).abs().max().item<float>(), 2e-6);
}

TEST(Rope, RefusesAHeadThatCannotBeSplit) {
  for (const int64_t head_dim : {4, 7})
    EXPECT_THROW(rope_table({1, 1, 1}, head_dim, at::kComplexDouble, at::kCPU), InvalidArgument);
  const auto table = rope_table({1, 2, 2}, 16, at::kComplexDouble, at::kCPU);
  EXPECT_THROW(apply_rope(at::ones({1, 5, 1, 16}), table), InvalidArgument);
}

}  // namespace
}  // namespace tessera::nn
