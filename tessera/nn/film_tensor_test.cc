#include "tessera/nn/film_tensor.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::nn {
namespace {

TEST(FilmTensor, KeepsEveryByteBothWays) {
  auto film = media::make_frames(2, 3, 4, 8);
  for (size_t i = 0; i < film.rgb.size(); ++i) film.rgb[i] = static_cast<uint8_t>(3 * i);
  const auto tensor = film_to_tensor(film);
  EXPECT_EQ(tensor.sizes(), (std::vector<int64_t>{2, 3, 4, 3}));
  EXPECT_EQ(tensor_to_film(tensor, 8).rgb, film.rgb);
  EXPECT_EQ(tensor[1][2][3][1].item<uint8_t>(), film.at(1, 2, 3, 1));
}

TEST(FilmTensor, RangeOfTheNetworksGoesBackToTheSameBytes) {
  const auto bytes = at::arange(256, at::kInt).to(at::kByte).reshape({1, 16, 16, 1});
  const auto film = bytes.expand({1, 16, 16, 3}).contiguous();
  const auto sample = to_signed_unit(film);
  EXPECT_EQ(sample.sizes(), (std::vector<int64_t>{3, 1, 16, 16}));
  // Cut off, not rounded: a value that fell below its byte comes back one lower, never more.
  const auto loss = film.to(at::kInt) - to_bytes(sample).to(at::kInt);
  EXPECT_GE(loss.min().item<int>(), 0);
  EXPECT_LE(loss.max().item<int>(), 1);
}

TEST(FilmTensor, ClampsCutsOffAndTurnsNanToBlack) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto sample = at::tensor({-1.5f, 0.0f, 0.999f, 7.0f, nan, 1.0f}).reshape({3, 1, 1, 2});
  const auto got = to_bytes(sample);  // [1, 1, 2, 3]
  const auto want = at::tensor({0, 254, 0, 127, 255, 255}, at::kByte).reshape({1, 1, 2, 3});
  EXPECT_TRUE(at::equal(got, want)) << got;
}

TEST(FilmTensor, RefusesOtherTensors) {
  EXPECT_THROW(tensor_to_film(at::ones({2, 3, 4, 3}), 8), InvalidArgument);
  EXPECT_THROW(tensor_to_film(at::ones({2, 3, 4, 1}, at::kByte), 8), InvalidArgument);
}

}  // namespace
}  // namespace tessera::nn
