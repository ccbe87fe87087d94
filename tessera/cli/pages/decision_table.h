// Which tile-skipping decisions keep the film: results of runs, compared at equal sparsity.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tessera::cli::pages {

/// One film: a policy at one level, one prompt.
struct DecisionRun {
  std::string row;      // name of the policy and token order
  double level = 0;     // threshold, mean budget or target sparsity
  int64_t prompt = 0;   // index
  double sparsity = 0;  // tiles not computed, over steps, layers, heads and streams
  double recall = 0;    // softmax mass of the visited tiles, mean over rows and calls; 0: unknown
  double estimated_recall = 0;  // the same from what the probes saw; 0: no probes
  double psnr = 0;              // dB against the dense film of the same token order
  double ssim = 0;
  double seconds = 0;
};

/// Results kept as one JSON object a line, so that a stopped study goes on where it was. A last
/// line that was cut off is dropped. Throws IoError on anything else that is not a result.
std::vector<DecisionRun> read_runs(const std::filesystem::path& path);
void append_run(const std::filesystem::path& path, const DecisionRun& run);

/// A mean over prompts with its standard error; `count` prompts.
struct Estimate {
  double mean = 0, error = 0;
  int64_t count = 0;
};

/// PSNR, SSIM and recall of one row at one sparsity, linear between the two neighbouring levels of
/// each prompt. Prompts whose levels do not span the sparsity are left out.
struct AtSparsity {
  std::optional<Estimate> psnr, ssim, recall;
  /// PSNR minus that of the base row at the same sparsity, prompt by prompt.
  std::optional<Estimate> psnr_difference;
};
AtSparsity at_sparsity(const std::vector<DecisionRun>& runs, const std::string& row,
                       const std::string& base, double sparsity);

/// A Markdown table: a line per row, columns for each sparsity.
std::string decision_table(const std::vector<DecisionRun>& runs,
                           const std::vector<std::string>& rows, const std::string& base,
                           const std::vector<double>& sparsities);

/// A Markdown table of what was run: a line per row and level with the means over its films, the
/// least and the most that one of them skipped, and the probes' estimate beside the true recall.
std::string level_table(const std::vector<DecisionRun>& runs, const std::vector<std::string>& rows);

}  // namespace tessera::cli::pages
