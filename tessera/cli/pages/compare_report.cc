#include "tessera/cli/pages/compare_report.h"

#include <cmath>

#include "tessera/cli/pages/html.h"
#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

double share(int64_t kept, int64_t total) {
  return total > 0 ? 1 - double(kept) / double(total) : 0;
}

bool is_identical(const CompareReport& report) { return std::isinf(report.psnr); }

std::string speed_words(const CompareReport& report) {
  const double ratio = speed_up(report), skipped = skipped_share(report.tiles);
  const std::string tiles = "Skipping " + percent(skipped) + " of the attention tiles";
  if (skipped == 0) return "No attention tile was skipped";
  if (ratio == 0) return tiles + " was tried without measuring its speed";
  if (ratio >= 1.02) return tiles + " made this film " + fixed(ratio, 2) + "× faster";
  if (ratio > 0.98) return tiles + " left the time as it was";
  return tiles + " did not pay here: this film took " + fixed(1 / ratio, 2) + "× as long";
}

std::string quality_words(const CompareReport& report) {
  if (is_identical(report)) return "the two films are identical, bit for bit";
  if (report.ssim >= 0.98) return "the two films are hard to tell apart";
  if (report.ssim >= 0.90) return "the two films show the same scene with small differences";
  if (report.ssim >= 0.70) return "the two films show the same scene, but details differ visibly";
  return "the two films differ: skipping changed what is shown";
}

}  // namespace

double speed_up(const CompareReport& report) {
  const double dense = report.dense.total_seconds, lite = report.lite.total_seconds;
  return dense > 0 && lite > 0 ? dense / lite : 0;
}

double skipped_share(const TileCounts& tiles, int step, int layer, int stream) {
  const size_t index = tiles.index(step, layer, stream);
  return share(tiles.kept.at(index), tiles.total.at(index));
}

double skipped_share(const TileCounts& tiles, int step) {
  int64_t kept = 0, total = 0;
  const size_t begin = tiles.index(step, 0, 0), end = tiles.index(step + 1, 0, 0);
  for (size_t i = begin; i < end; ++i) {
    kept += tiles.kept.at(i);
    total += tiles.total.at(i);
  }
  return share(kept, total);
}

double skipped_share(const TileCounts& tiles) {
  int64_t kept = 0, total = 0;
  for (const int64_t count : tiles.kept) kept += count;
  for (const int64_t count : tiles.total) total += count;
  return share(kept, total);
}

std::string verdict(const CompareReport& report) {
  const double ratio = speed_up(report);
  const bool is_good_news = ratio >= 1.02 && (is_identical(report) || report.ssim >= 0.90);
  return speed_words(report) + (is_good_news ? ", and " : "; ") + quality_words(report) + ".";
}

}  // namespace tessera::cli::pages
