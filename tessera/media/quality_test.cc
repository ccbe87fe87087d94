#include "tessera/media/quality.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::media {
namespace {

// Pictures that scikit-image was given too (see kFixtures): 0 a ramp, 1 the ramp with a ripple of
// +-15, 2 something else.
Image picture(int height, int width, int kind) {
  Image image = make_image(height, width);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        int value = (x * 7 + y * 5 + c * 60) % 256;
        if (kind == 1) value = std::clamp(value + (x * x + 3 * y * y + 11 * c) % 31 - 15, 0, 255);
        if (kind == 2) value = (x * y * 13 + c * 29 + y * 101) % 256;
        image.at(y, x, c) = uint8_t(value);
      }
    }
  }
  return image;
}

struct Fixture {
  int height, width, kind;
  double ssim, psnr;
};

// scikit-image 0.26: structural_similarity(picture 0, picture `kind`, channel_axis=2,
// gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255) and
// peak_signal_noise_ratio(data_range=255).
constexpr Fixture kFixtures[] = {{11, 11, 1, 0.8235810578790254, 29.158320434174385},
                                 {11, 11, 2, -0.009033408810090219, 8.646254960408783},
                                 {24, 37, 1, 0.8853286618709381, 29.24081672141137},
                                 {24, 37, 2, 0.01641509030574758, 7.661832287995206},
                                 {64, 48, 1, 0.8752749042594582, 29.224296658884306},
                                 {64, 48, 2, 0.011994332977950571, 7.8097332319266455}};

class ScikitImage : public ::testing::TestWithParam<Fixture> {};

TEST_P(ScikitImage, GivesTheSameFigures) {
  const Fixture& f = GetParam();
  const Image a = picture(f.height, f.width, 0), b = picture(f.height, f.width, f.kind);
  EXPECT_NEAR(ssim(a.data, b.data, f.height, f.width), f.ssim, 1e-9);
  EXPECT_NEAR(psnr(a.data, b.data), f.psnr, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Pictures, ScikitImage, ::testing::ValuesIn(kFixtures));

// The paper's formula at every position, with the two-dimensional window and moments about the
// mean: no separable sums, no E xx - E x E x.
double direct_ssim(const Image& a, const Image& b) {
  double total = 0;
  int positions = 0;
  for (int c = 0; c < 3; ++c) {
    for (int y = 5; y + 5 < a.height; ++y) {
      for (int x = 5; x + 5 < a.width; ++x, ++positions) {
        double weight_sum = 0, mean_a = 0, mean_b = 0, var_a = 0, var_b = 0, covariance = 0;
        const auto over_window = [&](const auto& visit) {
          for (int dy = -5; dy <= 5; ++dy) {
            for (int dx = -5; dx <= 5; ++dx) {
              visit(std::exp(-(dx * dx + dy * dy) / (2 * 1.5 * 1.5)), a.at(y + dy, x + dx, c),
                    b.at(y + dy, x + dx, c));
            }
          }
        };
        over_window([&](double w, double, double) { weight_sum += w; });
        over_window([&](double w, double va, double vb) {
          mean_a += w / weight_sum * va;
          mean_b += w / weight_sum * vb;
        });
        over_window([&](double w, double va, double vb) {
          var_a += w / weight_sum * (va - mean_a) * (va - mean_a);
          var_b += w / weight_sum * (vb - mean_b) * (vb - mean_b);
          covariance += w / weight_sum * (va - mean_a) * (vb - mean_b);
        });
        const double c1 = 6.5025, c2 = 58.5225;  // (0.01 * 255)^2, (0.03 * 255)^2
        total += (2 * mean_a * mean_b + c1) * (2 * covariance + c2) /
                 ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2));
      }
    }
  }
  return total / positions;
}

TEST(Ssim, EqualsTheFormulaComputedDirectly) {
  const Image a = picture(17, 23, 0), b = picture(17, 23, 1);
  EXPECT_NEAR(ssim(a.data, b.data, 17, 23), direct_ssim(a, b), 1e-10);
}

TEST(Ssim, IsOneForEqualPicturesAndSymmetric) {
  const Image a = picture(15, 20, 0), b = picture(15, 20, 2);
  EXPECT_NEAR(ssim(a.data, a.data, 15, 20), 1, 1e-12);
  EXPECT_NEAR(ssim(a.data, b.data, 15, 20), ssim(b.data, a.data, 15, 20), 1e-12);
}

TEST(Ssim, RefusesPicturesBelowTheWindow) {
  const Image a = picture(10, 20, 0);
  EXPECT_THROW(ssim(a.data, a.data, 10, 20), InvalidArgument);
}

TEST(Psnr, OfOneStepEverywhereIsTheKnownFigure) {
  const std::vector<uint8_t> a(300, 100), b(300, 101);
  EXPECT_NEAR(psnr(a, b), 20 * std::log10(255.0), 1e-12);
}

TEST(Psnr, OfEqualPicturesIsInfinite) {
  const std::vector<uint8_t> a(300, 100);
  EXPECT_TRUE(std::isinf(psnr(a, a)));
}

Frames film_of(std::vector<int> kinds) {
  Frames film = make_frames(int(kinds.size()), 16, 16, 8);
  for (int i = 0; i < film.num_frames; ++i) {
    const Image image = picture(16, 16, kinds[i]);
    std::copy(image.data.begin(), image.data.end(), film.frame(i).begin());
  }
  return film;
}

TEST(CompareFilms, PoolsTheErrorOverFrames) {
  const FilmQuality q = compare_films(film_of({0, 0}), film_of({0, 1}));
  EXPECT_TRUE(std::isinf(q.frame_psnr[0]));
  // Half the pixels carry no error: twice the second frame's ratio.
  EXPECT_NEAR(q.psnr, q.frame_psnr[1] + 10 * std::log10(2.0), 1e-9);
  EXPECT_NEAR(q.ssim, (1 + q.frame_ssim[1]) / 2, 1e-12);
}

TEST(CompareFilms, IdenticalFilmsAreInfinitelyGood) {
  const FilmQuality q = compare_films(film_of({0, 2}), film_of({0, 2}));
  EXPECT_TRUE(std::isinf(q.psnr));
  EXPECT_NEAR(q.ssim, 1, 1e-12);
}

TEST(CompareFilms, IsTheSameOnAnyNumberOfThreads) {
  const auto pool = make_thread_pool(2);
  const FilmQuality one = compare_films(film_of({0, 1, 2}), film_of({1, 2, 0}));
  const FilmQuality two = compare_films(film_of({0, 1, 2}), film_of({1, 2, 0}), *pool);
  EXPECT_EQ(one.psnr, two.psnr);
  EXPECT_EQ(one.ssim, two.ssim);
}

TEST(CompareFilms, RefusesFilmsOfDifferentLength) {
  EXPECT_THROW(compare_films(film_of({0, 1}), film_of({0})), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media
