// A histogram of scores as inline SVG.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/pages/svg_chart.h"

namespace tessera::cli::pages {

/// Counts of scores in bins of equal width up to 1, the mean marked. The y axis's name is what is
/// counted ("images").
struct Histogram {
  ChartLabels labels;          // first_x is not used
  std::vector<double> values;  // in [0, 1]; others are left out
};

/// The axis starts at the tenth below the least value, at 0.8 at the latest. Empty without values.
std::string histogram(const Histogram& histogram);

}  // namespace tessera::cli::pages
