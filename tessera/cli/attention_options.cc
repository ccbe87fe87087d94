#include "tessera/cli/attention_options.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tessera/cli/checks.h"
#include "tessera/cli/extents.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

/// Refuses, with the reason, what was measured to harm.
CLI::Validator guidance_state() {
  return {[](std::string& text) -> std::string {
            if (text == "own" || text == "shared") return "";
            if (text == "either" || text == "one") {
              return concat("must be own or shared, got: ", text,
                            " (a tile that one stream alone may drop costs the other about 3 dB)");
            }
            return concat("must be own or shared, got: ", text);
          },
          "own|shared"};
}

void add_policy_flags(CLI::App& command, AttentionOptions& options) {
  command
      .add_option("--policy", options.policy,
                  "What drops a tile. mass: it holds little of the softmax, within a budget that "
                  "grows with the step; max_gap: the rule of the LiteAttention paper")
      ->check(CLI::IsMember({"mass", "max_gap"}))
      ->capture_default_str();
  command
      .add_option("--target-sparsity", options.target_sparsity,
                  "mass: scale the budget during the run so that this share of all tiles is "
                  "skipped, such as 0.3")
      ->check(number_in(0, 0.95, true));
  command
      .add_option("--target-recall", options.target_recall,
                  "mass: scale the budget so that kept tiles hold this share of the mass; needs "
                  "--probe-period")
      ->check(number_in(0.5, 0.99999));
  command
      .add_option("--budget", options.budget,
                  "mass: share of a query's softmax that may be dropped, mean over the steps "
                  "(default 0.05)")
      ->check(number_in(0, 0.49));
  command.add_option("--budget-growth", options.budget_growth, "mass: how the budget grows")
      ->check(CLI::IsMember({"linear", "constant"}))
      ->capture_default_str();
  command
      .add_option(
          "--probe-period", options.probe_period,
          "mass: in each step, compute a random 1/N of the dropped tiles again; one that matters "
          "returns. 0: never")
      ->check(number_in(0, 1000))
      ->capture_default_str();
  command.add_option("--calibration", options.calibration,
                     "mass: budgets by layer, head and step, from tessera calibrate");
  command.add_option("--threshold", options.threshold,
                     "max_gap: natural-log units, below zero; nearer to zero drops more "
                     "(default: the model's)");
}

attention::DirectionMode direction_of(const AttentionOptions& options) {
  return options.direction == "fixed" ? attention::DirectionMode::kFixed
                                      : attention::DirectionMode::kAlternating;
}

attention::SkipPolicy max_gap_policy(const AttentionOptions& options,
                                     const video::VideoConfig& config) {
  const double threshold = options.threshold.value_or(config.defaults.threshold);
  TESSERA_CHECK(std::isfinite(threshold) && threshold < 0,
                "[--threshold] must be a finite number below zero, got: ", threshold);
  for (const bool is_set : {options.budget.has_value(), options.target_sparsity.has_value(),
                            options.target_recall.has_value(), !options.calibration.empty(),
                            options.probe_period > 0}) {
    TESSERA_CHECK(
        !is_set, "[--policy] budgets, targets, probes and calibrations go with mass, got: max_gap");
  }
  return attention::MaxGapPolicy{.threshold = static_cast<float>(threshold),
                                 .direction = direction_of(options)};
}

attention::SkipPolicy mass_policy(const AttentionOptions& options) {
  TESSERA_CHECK(!options.threshold, "[--threshold] goes with --policy max_gap, got: mass");
  TESSERA_CHECK(!options.budget || (!options.target_sparsity && !options.target_recall),
                "[--budget] a target sets the budget itself, got: --budget ",
                options.budget.value_or(0));
  TESSERA_CHECK(!options.budget || options.calibration.empty(),
                "[--budget] a calibration holds the budgets, got: --budget ",
                options.budget.value_or(0));
  return attention::MassPolicy{
      .budget = options.budget.value_or(attention::kDefaultMassBudget),
      .growth = options.budget_growth == "constant" ? attention::BudgetGrowth::kConstant
                                                    : attention::BudgetGrowth::kLinear,
      .estimate = options.estimate == "row-mean" ? attention::MassEstimate::kRowMean
                                                 : attention::MassEstimate::kRowMaximum,
      .probe_period = static_cast<int32_t>(options.probe_period),
      .direction = direction_of(options)};
}

std::optional<attention::ControlTarget> target_of(const AttentionOptions& options) {
  TESSERA_CHECK(!(options.target_sparsity && options.target_recall),
                "[--target-recall] one target at a time, got: --target-sparsity too");
  if (options.target_sparsity)
    return attention::ControlTarget{attention::ControlGoal::kSparsity, *options.target_sparsity};
  if (options.target_recall) {
    TESSERA_CHECK(options.probe_period >= 2,
                  "[--target-recall] needs --probe-period 2 or more, got: ", options.probe_period);
    return attention::ControlTarget{attention::ControlGoal::kRecall, *options.target_recall};
  }
  return std::nullopt;
}

}  // namespace

void add_calibration_flags(CLI::App& command, AttentionOptions& options) {
  command
      .add_option("--estimate", options.estimate,
                  "mass: a tile holds what it holds of its neediest query (certified), or of the "
                  "mean query")
      ->check(CLI::IsMember({"row-maximum", "row-mean"}))
      ->capture_default_str();
  command
      .add_option("--direction", options.direction,
                  "Order in which tiles are visited from step to step")
      ->check(CLI::IsMember({"alternating", "fixed"}))
      ->capture_default_str();
  command
      .add_option("--token-order", options.token_order,
                  "How tokens are laid out for attention: along a Hilbert curve, box by box, or "
                  "row by row; compact tiles lose less when skipped")
      ->check(CLI::IsMember({"hilbert", "boxes", "raster"}))
      ->capture_default_str();
  command
      .add_option("--token-box", options.token_box,
                  "Of --token-order boxes: FRAMESxROWSxCOLUMNS in tokens")
      ->capture_default_str();
}

void add_attention_flags(CLI::App& command, AttentionOptions& options, bool with_mode) {
  if (with_mode) {
    command
        .add_option(
            "--attention", options.attention,
            "dense: every tile; lite: skip tiles, or fail; auto: lite where there is a back end")
        ->check(CLI::IsMember({"dense", "lite", "auto"}))
        ->capture_default_str();
  }
  add_policy_flags(command, options);
  command
      .add_option("--guidance-state", options.guidance_state,
                  "own: the passes with and without the prompt remember apart; shared: a tile is "
                  "dropped only if both can do without it")
      ->check(guidance_state())
      ->capture_default_str();
  add_calibration_flags(command, options);
  command
      .add_option("--dense-first", options.dense_first,
                  "So many first steps keep all tiles and drop none")
      ->check(not_negative())
      ->capture_default_str();
  command.add_option("--dense-last", options.dense_last, "So many last steps keep all tiles")
      ->check(not_negative())
      ->capture_default_str();
  command
      .add_option("--dense-layers", options.dense_layers,
                  "Layers that always keep all tiles, counted from 0")
      ->multi_option_policy(CLI::MultiOptionPolicy::Throw)
      ->delimiter(',');
}

video::AttentionSettings make_attention_settings(const AttentionOptions& options,
                                                 const video::VideoConfig& config) {
  video::AttentionSettings settings;
  settings.mode =
      options.attention == "dense" ? video::AttentionMode::kDense : video::AttentionMode::kLite;
  settings.policy =
      options.policy == "max_gap" ? max_gap_policy(options, config) : mass_policy(options);
  settings.target = target_of(options);
  if (!options.calibration.empty()) {
    settings.calibration =
        std::make_shared<attention::Calibration>(attention::Calibration::load(options.calibration));
  }
  settings.guidance = options.guidance_state == "shared" ? video::GuidanceState::kShared
                                                         : video::GuidanceState::kOwn;
  settings.dense_first_steps = options.dense_first;
  settings.dense_last_steps = options.dense_last;
  settings.dense_layers = options.dense_layers;
  settings.token_order = attention::token_order_kind(options.token_order);
  settings.token_box = parse_box(options.token_box);
  return settings;
}

std::string policy_text(const AttentionOptions& options, const video::AttentionSettings& settings) {
  if (const auto* gap = std::get_if<attention::MaxGapPolicy>(&settings.policy))
    return concat("max_gap, threshold ", gap->threshold, " (natural log)");
  const auto& mass = std::get<attention::MassPolicy>(settings.policy);
  std::string text = "mass, ";
  if (options.target_sparsity) {
    text += concat("target sparsity ", *options.target_sparsity);
  } else if (options.target_recall) {
    text += concat("target recall ", *options.target_recall);
  } else {
    text += concat("budget ", mass.budget);
  }
  text += concat(" (", options.budget_growth, " growth), ", options.estimate);
  if (mass.probe_period > 0) text += concat(", probes 1/", mass.probe_period);
  if (!options.calibration.empty()) text += ", calibrated";
  if (options.guidance_state == "shared") text += ", shared by both passes";
  return text;
}

void add_attention_settings(nlohmann::json& json, const AttentionOptions& options,
                            const video::AttentionSettings& settings) {
  json["attention"] = settings.mode == video::AttentionMode::kDense ? "dense" : "lite";
  json["policy"] = options.policy;
  if (const auto* gap = std::get_if<attention::MaxGapPolicy>(&settings.policy)) {
    json["threshold"] = static_cast<double>(gap->threshold);
  } else {
    // A target or a calibration sets the budgets itself.
    if (!settings.target && settings.calibration == nullptr)
      json["budget"] = std::get<attention::MassPolicy>(settings.policy).budget;
    json["budget-growth"] = options.budget_growth;
    json["estimate"] = options.estimate;
    json["probe-period"] = options.probe_period;
    if (options.target_sparsity) json["target-sparsity"] = *options.target_sparsity;
    if (options.target_recall) json["target-recall"] = *options.target_recall;
    if (!options.calibration.empty()) json["calibration"] = options.calibration;
  }
  json["guidance-state"] = options.guidance_state;
  json["direction"] = options.direction;
  json["dense-first"] = settings.dense_first_steps;
  json["dense-last"] = settings.dense_last_steps;
  json["dense-layers"] = settings.dense_layers;
  json["token-order"] = options.token_order;
  json["token-box"] = options.token_box;
}

}  // namespace tessera::cli
