// Comparison of arrays against a bound; a failure shows the worst element.
#pragma once

#include <cmath>
#include <span>

#include <gtest/gtest.h>

namespace tessera::testing {

/// Passes if |got - want| <= absolute + relative * |want| everywhere. Equal infinities are equal;
/// a NaN matches nothing.
template <typename Want>
::testing::AssertionResult close_to(std::span<const float> got, std::span<const Want> want,
                                    double absolute, double relative = 0) {
  if (got.size() != want.size()) {
    return ::testing::AssertionFailure() << got.size() << " elements, want " << want.size();
  }
  size_t worst = 0, failures = 0;
  double worst_excess = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const auto expected = static_cast<double>(want[i]);
    if (got[i] == expected) continue;
    const double bound = absolute + relative * std::abs(expected);
    const double excess = std::abs(got[i] - expected) / bound;
    if (excess <= 1) continue;
    ++failures;
    if (failures == 1 || excess > worst_excess || std::isnan(excess)) {
      worst = i;
      worst_excess = excess;
    }
  }
  if (failures == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << failures << " of " << got.size() << " elements are off; worst is [" << worst
         << "]: got " << got[worst] << ", want " << want[worst] << ", " << worst_excess
         << " times the bound " << absolute + relative * std::abs(static_cast<double>(want[worst]));
}

}  // namespace tessera::testing
