// Enlarging small films by whole factors.
#pragma once

#include "tessera/core/executor.h"
#include "tessera/media/frames.h"

namespace tessera::media {

enum class UpscaleFilter {
  kNearest,   ///< repeats pixels
  kBicubic,   ///< Keys 1981, a = -0.5 (Catmull-Rom)
  kLanczos3,  ///< sinc windowed by sinc, 3 lobes
};

/// Enlarges each frame `factor` times (>= 1). Pixel centres correspond, (x + 0.5) / factor - 0.5;
/// beyond an edge its last pixel repeats; weights are normalised per position; along x first, then
/// y in float, rounded once to nearest and clamped. The average of a constant film is unchanged.
/// Throws InvalidArgument for a factor below 1 or a result over 32767 pixels a side.
Frames upscale(const Frames& frames, int factor, UpscaleFilter filter = UpscaleFilter::kLanczos3,
               Executor& executor = serial_executor());

}  // namespace tessera::media
