#include "tessera/cli/segment_run_report.h"

#include <ATen/Parallel.h>

#include "tessera/cli/film_run.h"
#include "tessera/cli/segment.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/segmentation/training/run_folder.h"

namespace tessera::cli {
namespace {

using segmentation::EpochRecord;
using segmentation::Split;
using segmentation::Stage;

/// One value of each epoch of the main stage.
std::vector<double> values_of(const segmentation::AutoSamResult& result,
                              double EpochRecord::*value) {
  std::vector<double> values;
  for (const auto& epoch : result.history) {
    if (epoch.stage == Stage::kMain) values.push_back(epoch.*value);
  }
  return values;
}

int count_epochs(const segmentation::AutoSamResult& result) {
  return static_cast<int>(values_of(result, &EpochRecord::loss).size());
}

std::string tile_fact(int tile) {
  return tile == 0 ? "whole image" : concat(tile, " source pixels");
}

std::vector<pages::NamedValue> setting_facts(const FinishedRun& run, const TrainFlags& flags) {
  std::vector<pages::NamedValue> facts;
  for (const auto& [name, value] : command_json(flags)["settings"].items()) {
    facts.push_back({"--" + name, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  facts.push_back({"tile", tile_fact(run.result.tile)});
  if (!run.sam_text.empty()) facts.push_back({"SAM", run.sam_text});
  return facts;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"") == text.npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? "\"\"" : std::string(1, letter);
  return quoted + '"';
}

std::string title_of(const FinishedRun& run, const TrainFlags& flags) {
  const std::string method = run.settings.method == segmentation::Method::kAutoSam ? "AutoSAM"
                             : run.settings.method == segmentation::Method::kUnet  ? "U-Net"
                                                                                   : "Plain head";
  auto images = std::filesystem::path(flags.data.images);
  if (!images.has_filename()) images = images.parent_path();
  const auto name = images.filename() == "images" && images.has_parent_path()
                        ? std::filesystem::absolute(images).parent_path().filename()
                        : images.filename();
  return concat(method, " on ", name.string());
}

}  // namespace

nlohmann::json run_summary(const FinishedRun& run, const segmentation::Dataset& data,
                           const Scored& scored) {
  const auto& result = run.result;
  nlohmann::json summary = {
      {"schema", "tessera.segmentation_run/1"},
      {"tessera", {{"version", version()}, {"commit", commit()}, {"torch", torch_version()}}},
      {"machine",
       {{"name", machine_name()},
        {"threads", at::get_num_threads()},
        {"device", run.settings.device}}},
      {"method", segmentation::method_name(run.settings.method)},
      {"is_complete", !result.is_interrupted},
      {"stop_reason", result.stop_reason},
      {"epochs", count_epochs(result)},
      {"best_epoch", result.best_epoch},
      {"val_dice", result.best_dice},
      {"val_iou", result.best_iou},
      {"val_threshold", result.val_threshold},
      {"val_threshold_dice", result.val_threshold_dice},
      {"tile", result.tile},
      {"seconds", result.seconds},
      {"data",
       {{"train", data.indices(Split::kTrain).size()},
        {"val", data.indices(Split::kVal).size()},
        {"test", data.indices(Split::kTest).size()},
        {"foreground", segmentation::foreground_rule_name(data.foreground().rule)},
        {"digest", data.content_digest()}}}};
  if (result.fast_dice > 0) summary["fast_val_dice"] = result.fast_dice;
  if (run.sam.sam) summary["sam"] = {{"path", run.sam.path}, {"digest", run.sam.digest}};
  if (!scored.scores.empty()) {
    summary["validation"] =
        nlohmann::json::parse(segmentation::summary_json(segmentation::summarise(scored.scores)));
  }
  return summary;
}

pages::SegmentReport run_report(const FinishedRun& run, const TrainFlags& flags,
                                const segmentation::Dataset& data, const Scored& scored) {
  const auto& result = run.result;
  pages::SegmentReport report;
  report.title = title_of(run, flags);
  report.eyebrow = "Training run";
  report.facts = concat(run.data_text, " · ", run.settings.device);
  report.split = "validation";
  report.epochs = count_epochs(result);
  report.best_epoch = result.best_epoch;
  report.train_seconds = result.seconds;
  report.stop_reason = result.stop_reason;
  pages::CurveChart loss;
  loss.title = "Loss";
  loss.hint = "BCE + Dice, mean over the epoch";
  loss.y_axis = "loss";
  loss.curves = {{"training", values_of(result, &EpochRecord::loss)}};
  pages::CurveChart dice;
  dice.title = "Validation";
  dice.hint = "mean over the validation images at full resolution";
  dice.y_axis = "score";
  dice.y_high = 1;
  dice.curves = {{"Dice", values_of(result, &EpochRecord::val_dice)},
                 {"IoU", values_of(result, &EpochRecord::val_iou), 1}};
  report.charts = {loss, dice};
  if (!scored.scores.empty()) fill_scores(report, scored, data);
  report.notes = data.warnings();
  report.settings = setting_facts(run, flags);
  if (run.sam.sam) report.files.push_back({"SAM", run.sam.path, run.sam.digest});
  report.machine = machine_facts(run.settings.device);
  report.links = {{"history.csv", "history.csv"}, {"summary.json", "summary.json"}};
  return report;
}

std::string split_csv(const segmentation::Dataset& data) {
  std::string text = "id,split,sha256\n";
  for (size_t i = 0; i < data.size(); ++i) {
    text += concat(csv_field(data.sample(i).id), ",", segmentation::split_name(data.split(i)), ",",
                   data.digest(i), "\n");
  }
  return text;
}

std::vector<pages::NamedValue> machine_facts(const std::string& device) {
  return {{"device", device},
          {"threads", std::to_string(at::get_num_threads())},
          {"processor", machine_name()},
          {"tessera", concat(version(), " (", commit(), ")")},
          {"torch", torch_version()}};
}

}  // namespace tessera::cli
