#include "tessera/cli/segment_scoring.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "tessera/cli/pages/segment_pictures.h"
#include "tessera/core/error.h"
#include "tessera/media/image_io.h"
#include "tessera/media/label_image.h"

namespace tessera::cli {
namespace {

constexpr size_t kWorstCases = 8, kTypicalCases = 4;

pages::ReportCase show_case(const Scored& scored, const segmentation::Dataset& data, size_t row) {
  const auto& score = scored.scores[row];
  const auto sample = data.load(scored.images[row]);
  const auto predicted = media::decode_png_as_stored(scored.predicted_png[row], score.id);
  auto shown = pages::case_pictures(sample->image, predicted.data, sample->mask);
  shown.id = score.id;
  shown.dice = score.dice;
  shown.iou = score.iou;
  shown.note =
      concat(score.width, " x ", score.height, score.truth_pixels == 0 ? ", empty mask" : "");
  return shown;
}

pages::ScoreSummary score_row(const std::string& name, const segmentation::MetricSummary& metric) {
  return {name,
          metric.mean,
          metric.interval.low,
          metric.interval.high,
          metric.median,
          metric.worst_decile_mean};
}

}  // namespace

Scored score_images(Console& console, const std::string& title, segmentation::Predictor& predictor,
                    double threshold, const segmentation::Dataset& data,
                    const std::vector<size_t>& images) {
  Scored scored;
  scored.images = images;
  Progress progress(console, title, static_cast<int64_t>(images.size()));
  predictor.predict_all(
      images.size(), [&](size_t row) { return data.load(images[row]); },
      [&](size_t row, const segmentation::LoadedSample& sample,
          const segmentation::Prediction& prediction) {
        if (is_interrupted()) throw Interrupted(concat("[", title, "] stopped before its end"));
        const auto mask = prediction.mask(threshold);
        scored.scores.push_back(segmentation::score_image(sample.id, prediction.height,
                                                          prediction.width, mask, sample.mask));
        scored.predicted_png.push_back(
            media::encode_png(media::mask_image(prediction.height, prediction.width, mask)));
        char detail[40];
        std::snprintf(detail, sizeof(detail), "Dice %.3f  ", scored.scores.back().dice);
        progress.update(static_cast<int64_t>(row) + 1, detail + sample.id);
      });
  return scored;
}

void fill_scores(pages::SegmentReport& report, const Scored& scored,
                 const segmentation::Dataset& data) {
  report.scores = score_rows(segmentation::summarise(scored.scores));
  for (const auto& score : scored.scores) {
    const double pixels = static_cast<double>(score.height) * score.width;
    report.images.push_back({score.id, score.dice, score.iou, score.height, score.width,
                             static_cast<double>(score.truth_pixels) / pixels,
                             static_cast<double>(score.predicted_pixels) / pixels});
  }
  const auto order = segmentation::worst_first(scored.scores);
  const size_t num_worst = std::min(kWorstCases, order.size());
  for (size_t i = 0; i < num_worst; ++i) report.worst.push_back(show_case(scored, data, order[i]));
  // Typical: the middle of what is left.
  const size_t num_left = order.size() - num_worst;
  const size_t num_typical = std::min(kTypicalCases, num_left);
  const size_t first = num_worst + (num_left - num_typical) / 2;
  for (size_t i = 0; i < num_typical; ++i)
    report.typical.push_back(show_case(scored, data, order[first + i]));
}

std::vector<pages::ScoreSummary> score_rows(const segmentation::ScoreSummary& summary) {
  return {score_row("Dice", summary.dice), score_row("IoU", summary.iou)};
}

pages::MethodScore method_row(const std::string& name, const std::string& note,
                              const segmentation::ScoreSummary& summary, bool is_accent) {
  return {name,
          summary.dice.mean,
          summary.iou.mean,
          summary.dice.interval.low,
          summary.dice.interval.high,
          note,
          is_accent};
}

std::string verdict_of(const segmentation::ScoreSummary& summary, const std::string& split) {
  pages::SegmentReport report;
  report.split = split;
  report.scores = score_rows(summary);
  report.images.resize(static_cast<size_t>(summary.num_images));
  return pages::verdict(report);
}

}  // namespace tessera::cli
