#include "tessera/cli/decision_rows.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

void set_threshold(AttentionOptions& options, double level) { options.threshold = level; }
void set_budget(AttentionOptions& options, double level) { options.budget = level; }
void set_sparsity(AttentionOptions& options, double level) { options.target_sparsity = level; }

const std::vector<double> kBudgets = {0.06, 0.15, 0.4};
const std::vector<double> kTargets = {0.16, 0.24, 0.34};

void add_orders(std::vector<DecisionRow>& rows, const std::string& order) {
  AttentionOptions gap{.policy = "max_gap", .token_order = order};
  gap.direction = "fixed";
  rows.push_back({"max_gap, fixed direction, " + order, gap, {-2.5, -1.5, -0.8}, set_threshold});
  gap.direction = "alternating";
  rows.push_back({"max_gap, alternating, " + order, gap, {-3.0, -2.0, -1.0}, set_threshold});
  AttentionOptions mass{.token_order = order};
  mass.budget_growth = "constant";
  rows.push_back({"mass, constant budget, " + order, mass, kBudgets, set_budget});
  mass.budget_growth = "linear";
  rows.push_back({"mass, growing budget, " + order, mass, kBudgets, set_budget});
}

std::vector<DecisionRow> all_rows(const std::string& calibration) {
  std::vector<DecisionRow> rows;
  add_orders(rows, "raster");
  add_orders(rows, "hilbert");
  AttentionOptions mass;
  mass.token_order = "boxes";
  rows.push_back({"mass, growing budget, boxes", mass, kBudgets, set_budget});
  mass = {};
  mass.estimate = "row-mean";
  rows.push_back({"mass, growing budget, row mean, hilbert", mass, {0.02, 0.06, 0.15}, set_budget});
  mass = {};
  mass.guidance_state = "shared";
  rows.push_back({"mass, growing budget, shared by both passes, hilbert",
                  mass,
                  {0.15, 0.3, 0.49},
                  set_budget});
  mass = {};
  mass.probe_period = 16;
  rows.push_back({"mass, growing budget, probes 1/16, hilbert", mass, kBudgets, set_budget});
  mass = {};
  rows.push_back({"mass, target sparsity, hilbert", mass, kTargets, set_sparsity});
  if (!calibration.empty()) {
    mass.calibration = calibration;
    rows.push_back({"mass, target sparsity, calibrated, hilbert", mass, kTargets, set_sparsity});
  }
  return rows;
}

}  // namespace

std::vector<DecisionRow> decision_rows(const std::vector<std::string>& names,
                                       const std::string& calibration) {
  auto rows = all_rows(calibration);
  if (names.empty()) return rows;
  std::vector<DecisionRow> chosen;
  for (const auto& name : names) {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
    std::string known;
    for (const auto& row : rows) known += "\n  " + row.name;
    TESSERA_CHECK(found != rows.end(), "[--row] must be one of", known, "\ngot: ", name);
    chosen.push_back(*found);
  }
  return chosen;
}

}  // namespace tessera::cli
