#include "tessera/media/resize.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::media {
namespace {

Frames noise(int num_frames, int height, int width) {
  Frames film = make_frames(num_frames, height, width, 16);
  Random random(3);
  for (auto& value : film.rgb) value = uint8_t(random.below(256));
  return film;
}

double kernel(UpscaleFilter filter, double x) {
  x = std::abs(x);
  if (filter == UpscaleFilter::kLanczos3) {
    if (x >= 3) return 0;
    if (x < 1e-12) return 1;
    const double angle = std::numbers::pi * x;
    return 3 * std::sin(angle) * std::sin(angle / 3) / (angle * angle);
  }
  if (x <= 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  if (x <= 2) return -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2;
  return 0;
}

// One output pixel as the definition says: a double sum over the source, in double.
double direct(const Frames& film, UpscaleFilter filter, int factor, int y, int x, int c) {
  const double at_y = (y + 0.5) / factor - 0.5, at_x = (x + 0.5) / factor - 0.5;
  double sum = 0, weights = 0;
  for (int sy = int(at_y) - 5; sy <= int(at_y) + 5; ++sy) {
    for (int sx = int(at_x) - 5; sx <= int(at_x) + 5; ++sx) {
      const double weight = kernel(filter, sy - at_y) * kernel(filter, sx - at_x);
      weights += weight;
      sum += weight *
             film.at(0, std::clamp(sy, 0, film.height - 1), std::clamp(sx, 0, film.width - 1), c);
    }
  }
  return std::clamp(sum / weights, 0.0, 255.0);
}

class Upscale : public ::testing::TestWithParam<std::tuple<UpscaleFilter, int>> {};

TEST_P(Upscale, EqualsTheDirectDoubleSum) {
  const auto [filter, factor] = GetParam();
  const Frames film = noise(1, 7, 5);
  const Frames large = upscale(film, factor, filter);
  ASSERT_EQ(large.height, 7 * factor);
  ASSERT_EQ(large.width, 5 * factor);
  for (int y = 0; y < large.height; ++y) {
    for (int x = 0; x < large.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        // Half a step of rounding, and float's error on sums of at most 36 products below 400.
        EXPECT_NEAR(large.at(0, y, x, c), direct(film, filter, factor, y, x, c), 0.5 + 1e-3)
            << y << " " << x << " " << c;
      }
    }
  }
}

TEST_P(Upscale, LeavesAConstantFilmConstant) {
  const auto [filter, factor] = GetParam();
  Frames film = make_frames(2, 3, 4, 16);
  std::fill(film.rgb.begin(), film.rgb.end(), 201);
  for (const uint8_t value : upscale(film, factor, filter).rgb) ASSERT_EQ(value, 201);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Upscale,
                         ::testing::Combine(::testing::Values(UpscaleFilter::kBicubic,
                                                              UpscaleFilter::kLanczos3),
                                            ::testing::Values(1, 2, 3, 4)));

TEST(UpscaleNearest, RepeatsPixels) {
  const Frames film = noise(2, 3, 4);
  const Frames large = upscale(film, 3, UpscaleFilter::kNearest);
  for (int y = 0; y < 9; ++y) {
    for (int x = 0; x < 12; ++x) EXPECT_EQ(large.at(1, y, x, 2), film.at(1, y / 3, x / 3, 2));
  }
}

TEST(UpscaleAny, FactorOneChangesNothing) {
  const Frames film = noise(2, 6, 5);
  for (const auto filter :
       {UpscaleFilter::kNearest, UpscaleFilter::kBicubic, UpscaleFilter::kLanczos3}) {
    EXPECT_EQ(upscale(film, 1, filter).rgb, film.rgb);
  }
}

TEST(UpscaleAny, IsTheSameOnAnyNumberOfThreads) {
  const auto pool = make_thread_pool(2);
  const Frames film = noise(5, 6, 5);
  EXPECT_EQ(upscale(film, 2, UpscaleFilter::kLanczos3, *pool).rgb,
            upscale(film, 2, UpscaleFilter::kLanczos3).rgb);
}

TEST(UpscaleAny, RefusesFactorsOutOfRange) {
  const Frames film = noise(1, 4, 4);
  EXPECT_THROW(upscale(film, 0), InvalidArgument);
  EXPECT_THROW(upscale(film, 10'000), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media
