#include "tessera/segmentation/metrics/summary.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/segmentation/metrics/overlap.h"

namespace tessera::segmentation {
namespace {

MetricSummary summarise_metric(std::span<const ImageScore> scores, double ImageScore::*metric,
                               const BootstrapSettings& settings) {
  std::vector<double> values;
  for (const ImageScore& score : scores) values.push_back(score.*metric);
  MetricSummary summary;
  const auto count = values.size();
  const auto mean_of = [&values](size_t first_count) {
    return std::accumulate(values.begin(),
                           values.begin() + static_cast<std::ptrdiff_t>(first_count), 0.0) /
           static_cast<double>(first_count);
  };
  summary.mean = mean_of(count);
  summary.interval = bootstrap_mean(values, settings);
  const auto lowest = std::min_element(
      scores.begin(), scores.end(), [metric](const ImageScore& a, const ImageScore& b) {
        return a.*metric != b.*metric ? a.*metric < b.*metric : a.id < b.id;
      });
  summary.lowest = (*lowest).*metric;
  summary.lowest_id = lowest->id;
  std::sort(values.begin(), values.end());
  summary.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
  summary.worst_decile_mean = mean_of((count + 9) / 10);
  return summary;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) {
    if (letter == '"') quoted += '"';
    quoted += letter;
  }
  return quoted + '"';
}

nlohmann::ordered_json metric_json(const MetricSummary& metric) {
  return {{"mean", metric.mean},     {"interval", {metric.interval.low, metric.interval.high}},
          {"median", metric.median}, {"worst_decile_mean", metric.worst_decile_mean},
          {"lowest", metric.lowest}, {"lowest_id", metric.lowest_id}};
}

}  // namespace

ImageScore score_image(const std::string& id, int height, int width,
                       std::span<const uint8_t> predicted, std::span<const uint8_t> truth) {
  TESSERA_CHECK(height >= 1 && width >= 1 && truth.size() == size_t{1} * height * width,
                "[score_image] the mask must have height x width pixels, got: ", truth.size(),
                " for ", height, " x ", width);
  const Overlap both = overlap(predicted, truth);
  const auto foreground = [](std::span<const uint8_t> mask) {
    return std::count_if(mask.begin(), mask.end(), [](uint8_t value) { return value != 0; });
  };
  return {id, height, width, both.dice, both.iou, foreground(truth), foreground(predicted)};
}

ScoreSummary summarise(std::span<const ImageScore> scores, const BootstrapSettings& settings) {
  TESSERA_CHECK(!scores.empty(), "[summarise] at least one score, got: none");
  return {static_cast<int64_t>(scores.size()), settings.level,
          summarise_metric(scores, &ImageScore::dice, settings),
          summarise_metric(scores, &ImageScore::iou, settings)};
}

std::vector<size_t> worst_first(std::span<const ImageScore> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [scores](size_t a, size_t b) {
    return scores[a].dice != scores[b].dice ? scores[a].dice < scores[b].dice
                                            : scores[a].id < scores[b].id;
  });
  return order;
}

void write_scores_csv(const std::filesystem::path& path, std::span<const ImageScore> scores) {
  std::string text = "id,height,width,dice,iou,truth_pixels,predicted_pixels\n";
  for (const ImageScore& score : scores) {
    char numbers[128];
    std::snprintf(numbers, sizeof(numbers), ",%d,%d,%.6f,%.6f,%lld,%lld\n", score.height,
                  score.width, score.dice, score.iou, static_cast<long long>(score.truth_pixels),
                  static_cast<long long>(score.predicted_pixels));
    text += csv_field(score.id) + numbers;
  }
  write_file(path, text);
}

std::string summary_json(const ScoreSummary& summary) {
  const nlohmann::ordered_json json = {{"schema", "tessera.segmentation_scores/1"},
                                       {"num_images", summary.num_images},
                                       {"interval_level", summary.level},
                                       {"dice", metric_json(summary.dice)},
                                       {"iou", metric_json(summary.iou)}};
  return json.dump(2) + "\n";
}

}  // namespace tessera::segmentation
