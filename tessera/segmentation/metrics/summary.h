// Scores of a set of images: one row an image, and what a report says about all of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tessera/segmentation/metrics/bootstrap.h"

namespace tessera::segmentation {

/// One image, compared at its full resolution.
struct ImageScore {
  std::string id;
  int height = 0, width = 0;
  double dice = 0, iou = 0;
  int64_t truth_pixels = 0, predicted_pixels = 0;
};

/// Scores a mask pair, (height, width), nonzero is foreground.
ImageScore score_image(const std::string& id, int height, int width,
                       std::span<const uint8_t> predicted, std::span<const uint8_t> truth);

struct MetricSummary {
  double mean = 0;
  Interval interval;  ///< of the mean, 95 % unless settings say otherwise
  double median = 0;
  /// Mean over the lowest tenth of the images, rounded up to at least one.
  double worst_decile_mean = 0;
  double lowest = 0;
  std::string lowest_id;
};

struct ScoreSummary {
  int64_t num_images = 0;
  double level = 0.95;
  MetricSummary dice, iou;
};

/// Throws InvalidArgument for no scores.
ScoreSummary summarise(std::span<const ImageScore> scores, const BootstrapSettings& settings = {});

/// Indices by Dice, lowest first; equal scores by id.
std::vector<size_t> worst_first(std::span<const ImageScore> scores);

/// Header `id,height,width,dice,iou,truth_pixels,predicted_pixels`; scores with six decimals; ids
/// quoted where CSV needs it. Written in one step.
void write_scores_csv(const std::filesystem::path& path, std::span<const ImageScore> scores);

/// JSON text of schema `tessera.segmentation_scores/1`.
std::string summary_json(const ScoreSummary& summary);

}  // namespace tessera::segmentation
