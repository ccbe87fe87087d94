#include "tessera/cli/pages/decision_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

/// Runs of one row and prompt, by rising sparsity.
using Curves = std::map<int64_t, std::vector<DecisionRun>>;

Curves curves_of(const std::vector<DecisionRun>& runs, const std::string& row) {
  Curves curves;
  for (const auto& run : runs) {
    if (run.row == row) curves[run.prompt].push_back(run);
  }
  for (auto& [prompt, curve] : curves) {
    std::sort(curve.begin(), curve.end(),
              [](const auto& a, const auto& b) { return a.sparsity < b.sparsity; });
  }
  return curves;
}

std::optional<DecisionRun> interpolate(const std::vector<DecisionRun>& curve, double sparsity) {
  for (size_t i = 1; i < curve.size(); ++i) {
    const auto &low = curve[i - 1], &high = curve[i];
    if (low.sparsity > sparsity || high.sparsity < sparsity) continue;
    const double span = high.sparsity - low.sparsity;
    const double part = span > 0 ? (sparsity - low.sparsity) / span : 0;
    DecisionRun run = low;
    run.sparsity = sparsity;
    run.psnr += (high.psnr - low.psnr) * part;
    run.ssim += (high.ssim - low.ssim) * part;
    run.recall += (high.recall - low.recall) * part;
    return run;
  }
  return std::nullopt;
}

/// What a killed program left behind its last whole line.
void drop_cut_off_line(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t whole = text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1;
  if (whole < text.size()) std::filesystem::resize_file(path, whole);
}

std::optional<Estimate> estimate(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  Estimate result{.count = static_cast<int64_t>(values.size())};
  const auto count = static_cast<double>(values.size());
  for (const double value : values) result.mean += value / count;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.error = std::sqrt(squares / (count - 1) / count);
  return result;
}

std::string known(double share) {
  char text[16];
  std::snprintf(text, sizeof(text), "%.4f", share);
  return share > 0 ? text : "-";
}

std::string cell(const std::optional<Estimate>& value, int digits, bool with_error) {
  if (!value) return "-";
  char text[64];
  if (with_error && value->count > 1) {
    std::snprintf(text, sizeof(text), "%+.*f ± %.*f", digits, value->mean, digits, value->error);
  } else {
    std::snprintf(text, sizeof(text), "%.*f", digits, value->mean);
  }
  return text;
}

}  // namespace

std::vector<DecisionRun> read_runs(const std::filesystem::path& path) {
  std::vector<DecisionRun> runs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() && file.eof()) break;  // cut off while it was written
    try {
      runs.push_back({.row = json.at("row").get<std::string>(),
                      .level = json.at("level"),
                      .prompt = json.at("prompt"),
                      .sparsity = json.at("sparsity"),
                      .recall = json.at("recall"),
                      .estimated_recall = json.value("estimated_recall", 0.0),
                      .psnr = json.at("psnr"),
                      .ssim = json.at("ssim"),
                      .seconds = json.at("seconds")});
    } catch (const nlohmann::json::exception&) {
      throw IoError(
          concat(path.string(), ": line ", runs.size() + 1, " is no result, got: ", line));
    }
  }
  return runs;
}

void append_run(const std::filesystem::path& path, const DecisionRun& run) {
  drop_cut_off_line(path);
  std::ofstream file(path, std::ios::app);
  file << nlohmann::json{{"row", run.row},
                         {"level", run.level},
                         {"prompt", run.prompt},
                         {"sparsity", run.sparsity},
                         {"recall", run.recall},
                         {"psnr", run.psnr},
                         {"ssim", run.ssim},
                         {"seconds", run.seconds},
                         {"estimated_recall", run.estimated_recall}}
              .dump()
       << "\n";
  file.flush();
  if (!file) throw IoError(concat(path.string(), ": cannot be written"));
}

AtSparsity at_sparsity(const std::vector<DecisionRun>& runs, const std::string& row,
                       const std::string& base, double sparsity) {
  const Curves curves = curves_of(runs, row), base_curves = curves_of(runs, base);
  std::vector<double> psnr, ssim, recall, difference;
  for (const auto& [prompt, curve] : curves) {
    const auto here = interpolate(curve, sparsity);
    if (!here) continue;
    psnr.push_back(here->psnr);
    ssim.push_back(here->ssim);
    if (here->recall > 0) recall.push_back(here->recall);
    const auto found = base_curves.find(prompt);
    if (found == base_curves.end()) continue;
    const auto there = interpolate(found->second, sparsity);
    if (there) difference.push_back(here->psnr - there->psnr);
  }
  return {.psnr = estimate(psnr),
          .ssim = estimate(ssim),
          .recall = estimate(recall),
          .psnr_difference = estimate(difference)};
}

std::string decision_table(const std::vector<DecisionRun>& runs,
                           const std::vector<std::string>& rows, const std::string& base,
                           const std::vector<double>& sparsities) {
  std::string header = "| policy, token order |", rule = "|---|";
  for (const double sparsity : sparsities) {
    char text[96];
    std::snprintf(text, sizeof(text), " PSNR at %.0f %% | against the base | SSIM | recall |",
                  100 * sparsity);
    header += text;
    rule += "---|---|---|---|";
  }
  std::string table = header + "\n" + rule + "\n";
  for (const auto& row : rows) {
    table += "| " + row + " |";
    for (const double sparsity : sparsities) {
      const auto at = at_sparsity(runs, row, base, sparsity);
      const auto count = at.psnr ? concat(" (", at.psnr->count, ")") : std::string();
      table += concat(" ", cell(at.psnr, 1, false), count, " | ",
                      row == base ? "base" : cell(at.psnr_difference, 1, true), " | ",
                      cell(at.ssim, 3, false), " | ", cell(at.recall, 3, false), " |");
    }
    table += "\n";
  }
  return table;
}

std::string level_table(const std::vector<DecisionRun>& runs,
                        const std::vector<std::string>& rows) {
  std::string table =
      "| policy, token order | level | films | skipped | least to most | PSNR | SSIM | recall | "
      "estimated |\n|---|---|---|---|---|---|---|---|---|\n";
  for (const auto& row : rows) {
    std::map<double, std::vector<DecisionRun>> levels;
    for (const auto& run : runs) {
      if (run.row == row) levels[run.level].push_back(run);
    }
    for (const auto& [level, films] : levels) {
      const auto mean = [&](double DecisionRun::*field) {
        double sum = 0;
        for (const auto& film : films) sum += film.*field;
        return sum / static_cast<double>(films.size());
      };
      const auto [least, most] =
          std::minmax_element(films.begin(), films.end(),
                              [](const auto& a, const auto& b) { return a.sparsity < b.sparsity; });
      char text[160];
      std::snprintf(text, sizeof(text),
                    " | %g | %zu | %.1f %% | %.1f to %.1f %% | %.1f | %.3f | %s | %s |\n", level,
                    films.size(), 100 * mean(&DecisionRun::sparsity), 100 * least->sparsity,
                    100 * most->sparsity, mean(&DecisionRun::psnr), mean(&DecisionRun::ssim),
                    known(mean(&DecisionRun::recall)).c_str(),
                    known(mean(&DecisionRun::estimated_recall)).c_str());
      table += "| " + row + text;
    }
  }
  return table;
}

}  // namespace tessera::cli::pages
