// Predicting images whose truth is known, scoring them at full resolution, choosing what to show.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tessera/cli/console.h"
#include "tessera/cli/pages/score_table.h"
#include "tessera/cli/pages/segment_report.h"
#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/metrics/summary.h"
#include "tessera/segmentation/training/predictor.h"

namespace tessera::cli {

struct Scored {
  std::vector<size_t> images;                         // of the data set
  std::vector<segmentation::ImageScore> scores;       // in the same order
  std::vector<std::vector<std::byte>> predicted_png;  // the masks as PNG files, likewise
};

/// Predicts and scores `images` with a line of progress each. Throws Interrupted.
Scored score_images(Console& console, const std::string& title, segmentation::Predictor& predictor,
                    double threshold, const segmentation::Dataset& data,
                    const std::vector<size_t>& images);

/// Fills scores, images, worst and typical cases of a report page.
void fill_scores(pages::SegmentReport& report, const Scored& scored,
                 const segmentation::Dataset& data);

/// The two rows (Dice, IoU) of a report.
std::vector<pages::ScoreSummary> score_rows(const segmentation::ScoreSummary& summary);

/// A row of the table of methods.
pages::MethodScore method_row(const std::string& name, const std::string& note,
                              const segmentation::ScoreSummary& summary, bool is_accent = false);

/// "Mean Dice 0.903 (...) and IoU ... over 135 test images.", without a page.
std::string verdict_of(const segmentation::ScoreSummary& summary, const std::string& split);

}  // namespace tessera::cli
