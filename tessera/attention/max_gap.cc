#include "tessera/attention/max_gap.h"

#include <cmath>
#include <limits>

#include "tessera/core/error.h"

namespace tessera::attention {

MaxGapCut max_gap_cut(float threshold, double scale) {
  TESSERA_CHECK(std::isfinite(threshold) && threshold < 0,
                "[attention_forward] threshold must be finite and negative (natural-log units), "
                "got: ",
                threshold);
  const double cut = static_cast<double>(threshold) / scale;
  // Clamped, so that a huge cut stays a number: no finite fp32 gap lies below the lowest float.
  constexpr double kLowest = std::numeric_limits<float>::lowest();
  if (cut <= kLowest) return {.fp64 = cut, .fp32 = std::numeric_limits<float>::lowest()};
  float below = static_cast<float>(cut);
  if (below > cut) below = std::nextafter(below, -std::numeric_limits<float>::infinity());
  return {.fp64 = cut, .fp32 = below};
}

}  // namespace tessera::attention
