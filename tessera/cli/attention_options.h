// The flags that say how self-attention skips tiles; shared by all commands that make films.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tessera/video/skip_attention.h"
#include "tessera/video/wan/config.h"

namespace tessera::cli {

struct AttentionOptions {
  std::string attention = "auto", policy = "mass", direction = "alternating";
  std::optional<double> threshold = {};  // max_gap
  std::optional<double> budget = {};     // mass
  std::optional<double> target_sparsity = {}, target_recall = {};
  std::string budget_growth = "linear", estimate = "row-maximum", guidance_state = "own";
  int64_t probe_period = 0;
  std::string calibration = {};
  int64_t dense_first = 0, dense_last = 0;
  std::vector<int64_t> dense_layers = {};
  std::string token_order = "hilbert", token_box = "4x4x8";
};

/// `with_mode` false leaves out --attention, for commands that run both dense and lite.
void add_attention_flags(CLI::App& command, AttentionOptions& options, bool with_mode);

/// The flags that a calibration depends on: estimate, direction and token order.
void add_calibration_flags(CLI::App& command, AttentionOptions& options);

/// Throws InvalidArgument that names the flag's rule and value, IoError for a calibration that
/// cannot be read.
video::AttentionSettings make_attention_settings(const AttentionOptions& options,
                                                 const video::VideoConfig& config);

/// "mass, budget 0.05 linear, row-maximum" and the like, for people.
std::string policy_text(const AttentionOptions& options, const video::AttentionSettings& settings);

/// Adds the settings under the names of their flags, so that reading them back does the same.
void add_attention_settings(nlohmann::json& json, const AttentionOptions& options,
                            const video::AttentionSettings& settings);

}  // namespace tessera::cli
