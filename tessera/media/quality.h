// How close two films are: PSNR and SSIM.
//
// Both compare 8-bit sRGB values, all three channels alike: a wrong hue at the right brightness
// must count, and the published figures for video models are computed so.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/executor.h"
#include "tessera/media/frames.h"

namespace tessera::media {

/// Identical frames have a PSNR of +infinity; reports write null for it (JSON has no infinity).
struct FilmQuality {
  /// In decibels, from the squared error pooled over all frames: one bad frame shows, and one
  /// identical frame does not make the figure infinite. Infinite only if all frames are identical.
  double psnr = 0;
  /// Mean over the frames, in [-1, 1].
  double ssim = 0;
  std::vector<double> frame_psnr;
  std::vector<double> frame_ssim;
};

/// 10 log10(255^2 / mean squared error) of two frames of equal size.
double psnr(std::span<const uint8_t> a, std::span<const uint8_t> b);

/// The least side that SSIM's window fits into.
inline constexpr int kMinSsimSide = 11;

/// Structural similarity of two (height, width, 3) pictures: mean over the three channels and all
/// positions where the 11x11 Gaussian window (sigma 1.5) fits; K1 = 0.01, K2 = 0.03, L = 255,
/// population covariance. Source: Wang, Bovik, Sheikh, Simoncelli 2004, section III.B-C; equals
/// scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5,
/// use_sample_covariance=False). Throws InvalidArgument when a side is below 11.
double ssim(std::span<const uint8_t> a, std::span<const uint8_t> b, int height, int width);

/// Both, per frame and together. Throws InvalidArgument when the films differ in size or number
/// of frames, or a side is below 11.
FilmQuality compare_films(const Frames& a, const Frames& b, Executor& executor = serial_executor());

}  // namespace tessera::media
