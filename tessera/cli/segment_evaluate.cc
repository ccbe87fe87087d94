// tessera segment evaluate: scores of a trained run on images whose masks are known.
#include <filesystem>
#include <memory>
#include <utility>

#include <c10/core/Device.h>

#include "tessera/cli/common_flags.h"
#include "tessera/cli/output_folder.h"
#include "tessera/cli/segment.h"
#include "tessera/cli/segment_baselines.h"
#include "tessera/cli/segment_data.h"
#include "tessera/cli/segment_model.h"
#include "tessera/cli/segment_run_report.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/cli/segment_selection.h"
#include "tessera/cli/settings_file.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using segmentation::Split;

struct Options {
  ModelFlags model;
  DataFlags data;
  std::string output, which = "auto";
  bool has_baselines = false, is_forced = false;
};

std::vector<Baseline> score_baselines(Console& console, const Options& options,
                                      const LoadedRun& loaded, const segmentation::Dataset& data,
                                      const std::vector<size_t>& images) {
  auto baselines = score_thresholds(data, images);
  const auto& config = loaded.model->config();
  auto sam = loaded.model->frozen_sam();
  if (!sam.sam) {
    sam = load_named_sam(!options.model.sam.empty() ? options.model.sam
                         : config.sam_path.empty()  ? kDefaultSam
                                                    : config.sam_path);
    sam.sam->to(loaded.model->device());
  }
  for (auto& baseline :
       score_sam_alone(console, sam, config.tile, loaded.model->device(), data, images))
    baselines.push_back(std::move(baseline));
  return baselines;
}

std::string method_text(const LoadedRun& loaded) {
  switch (loaded.model->config().method) {
    case segmentation::Method::kUnet:
      return "U-Net";
    case segmentation::Method::kPlainHead:
      return "Plain head";
    default:
      return loaded.options.is_fast ? "AutoSAM, g and h alone" : "AutoSAM";
  }
}

nlohmann::json summary_of(const Options& options, const LoadedRun& loaded,
                          const segmentation::Dataset& data, const Selection& selection,
                          const segmentation::ScoreSummary& scores,
                          const std::vector<Baseline>& baselines) {
  const auto json_of = [](const segmentation::ScoreSummary& summary) {
    return nlohmann::json::parse(segmentation::summary_json(summary));
  };
  nlohmann::json summary = {
      {"schema", "tessera.segmentation_evaluation/1"},
      {"tessera", {{"version", version()}, {"commit", commit()}, {"torch", torch_version()}}},
      {"run", fs::absolute(options.model.run).lexically_normal().string()},
      {"images", options.data.images},
      {"masks", options.data.masks},
      {"part", selection.name},
      {"trained_on", selection.num_trained},
      {"foreground", segmentation::foreground_rule_name(data.foreground().rule)},
      {"method", segmentation::method_name(loaded.model->config().method)},
      {"is_fast", loaded.options.is_fast},
      {"has_turns", loaded.options.has_test_time_flips},
      {"threshold", loaded.threshold},
      {"device", options.model.device},
      {"notice", kResearchOnly},
      {"scores", json_of(scores)},
      {"baselines", nlohmann::json::array()}};
  for (const auto& baseline : baselines)
    summary["baselines"].push_back(
        {{"name", baseline.name}, {"scores", json_of(baseline.summary)}});
  return summary;
}

pages::SegmentReport report_of(const Options& options, const LoadedRun& loaded,
                               const segmentation::Dataset& data, const Selection& selection,
                               const Scored& scored, const segmentation::ScoreSummary& scores,
                               const std::vector<Baseline>& baselines) {
  const auto& config = loaded.model->config();
  pages::SegmentReport report;
  report.title = concat(method_text(loaded), " on ", images_text(selection));
  report.eyebrow = "Evaluation";
  report.facts = concat(options.data.images, " · ", options.model.device);
  report.split = word_for(selection.name);
  fill_scores(report, scored, data);
  if (!baselines.empty()) {
    for (const auto& baseline : baselines)
      report.methods.push_back(method_row(baseline.name, baseline.note, baseline.summary));
    report.methods.push_back(method_row(method_text(loaded), "this run", scores, true));
  }
  report.notes = data.warnings();
  if (selection.num_trained > 0)
    report.notes.push_back(concat(selection.num_trained, " of these images were trained on."));
  report.settings = {{"run", options.model.run},
                     {"method", method_text(loaded)},
                     {"tile", config.tile == 0 ? "whole image" : concat(config.tile, " pixels")},
                     {"threshold", concat(loaded.threshold)},
                     {"foreground", data.foreground().description},
                     {"turns averaged", loaded.options.has_test_time_flips ? "8" : "1"}};
  if (loaded.model->frozen_sam().sam) {
    report.settings.push_back({"SAM", describe_sam(loaded.model->frozen_sam())});
    report.files.push_back({"SAM", config.sam_path, config.sam_digest});
  }
  report.machine = machine_facts(options.model.device);
  report.links = {{"scores.csv", "scores.csv"}, {"summary.json", "summary.json"}};
  return report;
}

int run_evaluate(Console& console, const Options& options) {
  // Not by the parser, since --config may give it.
  TESSERA_CHECK(!options.output.empty(),
                "[--output] scores need a folder (-o FOLDER), got: nothing");
  check_output_folder(options.output, options.is_forced);
  auto loaded = load_run(options.model);
  const auto data = open_data_to_score(options.data);
  const auto selection = select_images(data, options.data, options.which, options.model.run);
  describe_data(console, options.data, data);
  describe_run(console, options.model, loaded);
  say_fact(console, "scored", images_text(selection));
  if (selection.num_trained > 0 && selection.name != "train")
    console.warn(concat(selection.num_trained,
                        " of these images were trained on: their scores "
                        "say little about new ones"));

  OutputFolder folder(options.output, options.is_forced);
  segmentation::Predictor predictor(*loaded.model, loaded.options);
  const auto scored =
      score_images(console, "evaluate", predictor, loaded.threshold, data, selection.images);
  const auto baselines = options.has_baselines
                             ? score_baselines(console, options, loaded, data, selection.images)
                             : std::vector<Baseline>{};
  const auto scores = segmentation::summarise(scored.scores);
  const auto& place = folder.temporary_path();
  segmentation::write_scores_csv(place / "scores.csv", scored.scores);
  write_file(place / "summary.json",
             summary_of(options, loaded, data, selection, scores, baselines).dump(2) + "\n");
  write_file(place / "report.html",
             pages::segment_report(
                 report_of(options, loaded, data, selection, scored, scores, baselines)));
  folder.commit();

  console.say(verdict_of(scores, word_for(selection.name)));
  for (const auto& baseline : baselines) {
    char text[120];
    std::snprintf(text, sizeof(text), "Dice %.3f, IoU %.3f", baseline.summary.dice.mean,
                  baseline.summary.iou.mean);
    console.say(concat("  beside it: ", baseline.name, ": ", text));
  }
  say_fact(console, "report", (fs::path(options.output) / "report.html").string());
  console.say(kResearchOnly);
  console.event({{"event", "scores"},
                 {"path", options.output},
                 {"dice", scores.dice.mean},
                 {"iou", scores.iou.mean},
                 {"images", scores.num_images}});
  return kOk;
}

/// Where the run's data are, for flags that were not given.
void take_data_of_run(CLI::App& command, const Options& options) {
  const auto file = command_path(options.model.run);
  std::error_code ignored;
  if (!options.data.images.empty() || options.model.run.empty() || !fs::exists(file, ignored))
    return;
  Settings known;
  for (const auto& setting : read_sidecar_settings(file, kCommandSchema)) {
    for (const char* name : {"images", "masks", "split", "foreground"}) {
      if (setting.first == name) known.push_back(setting);
    }
  }
  apply_settings(command, known, file.string());
}

}  // namespace

void add_segment_evaluate(CLI::App& group, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = group.add_subcommand(
      "evaluate",
      "Score a run on images with masks: Dice and IoU of each at full size, with a report.\n\n"
      "  tessera segment evaluate run --images photos --masks masks -o scores --baselines\n"
      "  tessera segment evaluate run --images photos --masks masks --split split.csv --which test "
      "-o scores\n"
      "  tessera segment evaluate run -o scores          (the data that the run was trained with)");
  add_model_flags(*command, options->model);
  add_data_flags(*command, options->data);
  add_output_flag(*command, options->output, "Folder for scores.csv, summary.json, report.html");
  command
      ->add_option("--which", options->which,
                   "Part to score: test, val, train, all; without --split, test are images that "
                   "the run never saw; auto: test, or val where there is none")
      ->check(CLI::IsMember({"auto", "test", "val", "train", "all"}))
      ->capture_default_str();
  command->add_flag("--baselines", options->has_baselines,
                    "Also score: all foreground, Otsu's threshold, SAM without a prompt, SAM with "
                    "true boxes");
  add_force_flag(*command, options->is_forced);
  command->footer(kResearchOnly);
  finish_command(*command, console, chosen, [&console, command, options] {
    take_data_of_run(*command, *options);
    return run_evaluate(console, *options);
  });
}

}  // namespace tessera::cli
