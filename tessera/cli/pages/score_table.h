// Methods side by side by their scores: for the segmentation report and the demo's index.
#pragma once

#include <string>
#include <vector>

namespace tessera::cli::pages {

/// One score over a set of images. All in [0, 1]; NaN where unknown (then a dash is shown).
struct ScoreSummary {
  std::string name;  // "Dice", "IoU"
  double mean = 0;
  double low = 0, high = 0;  // bootstrap interval of the mean
  double median = 0;
  double worst_decile = 0;  // mean of the worst tenth of the images
};

/// One method: its mean scores, with the interval of the Dice score if known (low < high).
struct MethodScore {
  std::string name;
  double dice = 0, iou = 0;
  double dice_low = 0, dice_high = 0;
  std::string note{};      // such as "no training", "7.8 M parameters, 110 s"
  bool is_accent = false;  // the method the page is about
};

/// A bar as long as the score, for table cells. The result is HTML.
std::string score_bar(double score);

/// A table with a bar for each Dice score; empty without methods. The result is HTML.
std::string method_table(const std::vector<MethodScore>& methods);

}  // namespace tessera::cli::pages
