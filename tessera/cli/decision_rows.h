// The rows of `tessera bench decisions`: policies, and the levels at which each is tried.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/attention_options.h"

namespace tessera::cli {

struct DecisionRow {
  std::string name;
  AttentionOptions attention;
  std::vector<double> levels;
  void (*set_level)(AttentionOptions& options, double level);
};

/// The row that the others are compared with.
inline constexpr const char* kBaseDecisionRow = "mass, growing budget, hilbert";

/// Every row, or those of these names. The levels span 20 to 30 % on the demo model. The calibrated
/// row is there if `calibration` names a file. Throws InvalidArgument for a name that is none's.
std::vector<DecisionRow> decision_rows(const std::vector<std::string>& names,
                                       const std::string& calibration);

}  // namespace tessera::cli
