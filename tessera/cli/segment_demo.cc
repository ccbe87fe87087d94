#include "tessera/cli/segment_demo.h"

#include <cstdio>
#include <utility>

#include <ATen/Parallel.h>

#include "tessera/cli/segment.h"
#include "tessera/cli/segment_baselines.h"
#include "tessera/cli/segment_training.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/media/overlay.h"
#include "tessera/segmentation/generated/nuclei_like_set.h"
#include "tessera/segmentation/training/run_folder.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using segmentation::Split;

/// What fits two minutes of two cores, most of it SAM's encoder.
constexpr segmentation::NucleiLikeSet kSet{.num_train = 12, .num_val = 3, .num_test = 8};
constexpr int kShownCases = 6;

TrainFlags flags_in(const fs::path& folder, const std::string& sam) {
  TrainFlags flags;
  flags.data.images = (folder / "data" / "images").string();
  flags.data.masks = (folder / "data" / "masks").string();
  flags.data.split = (folder / "data" / "split.csv").string();
  flags.output = (folder / "run").string();
  flags.sam = sam;
  resolve_order(flags);
  flags.views = 2;
  flags.epoch_views = 60;
  flags.batch = 4;
  flags.epochs = 6;
  flags.learning_rate = 0.003;
  flags.patience = 0;
  flags.surrogate_epochs = 0;
  flags.minutes = 1.5;  // on a slow machine the schedule is cut to this
  return flags;
}

segmentation::AutoSamSettings settings_for(const TrainFlags& flags) {
  auto settings = settings_of(flags);
  settings.warmup_steps = 8;
  settings.average_decay = 0.9;
  return settings;
}

/// Masks and overlays of the predictions, as `segment predict --overlay` writes them.
void write_predictions(const fs::path& folder, const segmentation::Dataset& data,
                       const Scored& scored) {
  std::error_code failure;
  fs::create_directory(folder, failure);
  if (failure) throw IoError(concat(folder.string(), ": cannot be made: ", failure.message()));
  for (size_t i = 0; i < scored.scores.size(); ++i) {
    const auto& id = scored.scores[i].id;
    const auto mask = media::decode_png_as_stored(scored.predicted_png[i], id);
    media::write_png(folder / (id + ".png"), mask);
    media::write_png(folder / (id + "_overlay.png"),
                     media::draw_overlay(data.load(scored.images[i])->image, mask.data));
  }
}

pages::DemoSection describe(const SegmentDemo& demo, const Training& training,
                            const segmentation::Dataset& data, const Scored& scored,
                            const std::vector<Baseline>& baselines) {
  const auto& run = training.finished();
  const auto summary = segmentation::summarise(scored.scores);
  pages::DemoSection section;
  section.title = "Segmentation learnt on this machine";
  section.text =
      concat("A small network learnt from ", kSet.num_train, " drawn pictures, in ",
             format_seconds(run.result.seconds),
             ", to write the prompt of a frozen SAM. Below: pictures that it never saw, with the "
             "prediction tinted and the truth outlined. The SAM is ",
             run.sam_text, ".");
  for (const auto& baseline : baselines)
    section.methods.push_back(method_row(baseline.name, baseline.note, baseline.summary));
  section.methods.push_back(method_row("AutoSAM", "this run", summary, true));
  pages::SegmentReport report;
  fill_scores(report, scored, data);
  for (auto* cases : {&report.worst, &report.typical}) {
    for (auto& shown : *cases) {
      if (section.cases.size() < kShownCases) section.cases.push_back(std::move(shown));
    }
  }
  section.links = {{"Training report", demo.link + "run/report.html"},
                   {"Predictions", demo.link + "predictions/"}};
  return section;
}

Scored predict_test(Console& console, const Training& training, const fs::path& folder,
                    const segmentation::Dataset& data) {
  auto model = segmentation::load_autosam(folder / "run" / "model", training.finished().sam);
  segmentation::PredictorOptions options;
  options.num_threads = at::get_num_threads();
  segmentation::Predictor predictor(model, options);
  return score_images(console, "test", predictor, model.config().threshold, data,
                      data.indices(Split::kTest));
}

std::optional<pages::DemoSection> train_and_predict(Console& console, const SegmentDemo& demo) {
  segmentation::write_nuclei_like_set(demo.folder / "data", kSet);
  const auto flags = flags_in(demo.folder, demo.sam);
  const auto settings = settings_for(flags);
  const auto data = open_data(flags.data, settings.seed);
  Training training(console, flags, settings, data, flags_in(demo.final_name, demo.sam));
  console.say(concat("segmentation: ", describe_split(data),
                     " drawn pictures; SAM: ", training.finished().sam_text));
  if (training.run().is_interrupted) return std::nullopt;
  training.write_results();
  const auto scored = predict_test(console, training, demo.folder, data);
  write_predictions(demo.folder / "predictions", data, scored);
  fs::remove_all(demo.folder / "run" / "cache");
  const auto baselines = score_thresholds(data, scored.images);
  const auto summary = segmentation::summarise(scored.scores);
  char others[80];
  std::snprintf(others, sizeof(others), " Otsu's threshold: Dice %.3f.",
                baselines.back().summary.dice.mean);
  console.say("segmentation: " + verdict_of(summary, "test") + others);
  return describe(demo, training, data, scored, baselines);
}

}  // namespace

std::optional<pages::DemoSection> make_segment_demo(Console& console, const SegmentDemo& demo) {
  std::error_code ignored;
  try {
    if (auto section = train_and_predict(console, demo)) return section;
  } catch (const Interrupted&) {
  }
  fs::remove_all(demo.folder, ignored);
  return std::nullopt;
}

}  // namespace tessera::cli
