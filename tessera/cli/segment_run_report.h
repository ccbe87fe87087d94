// What a training run leaves for people and programs: report.html, summary.json, split.csv.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "tessera/cli/pages/segment_report.h"
#include "tessera/cli/segment_scoring.h"
#include "tessera/cli/segment_settings.h"
#include "tessera/segmentation/training/trainer.h"

namespace tessera::cli {

/// A finished (or stopped) run with what it was made from.
struct FinishedRun {
  std::filesystem::path folder;
  segmentation::AutoSamSettings settings;
  std::string data_text;  // "461 train, 68 val", for people
  std::string sam_text;   // from describe_sam, empty without SAM
  segmentation::FrozenSam sam;
  segmentation::AutoSamResult result;
};

/// Schema tessera.segmentation_run/1.
nlohmann::json run_summary(const FinishedRun& run, const segmentation::Dataset& data,
                           const Scored& scored);

/// The page of the run; `scored` are its validation images.
pages::SegmentReport run_report(const FinishedRun& run, const TrainFlags& flags,
                                const segmentation::Dataset& data, const Scored& scored);

/// Header id,split,sha256: what was trained on and what was not.
std::string split_csv(const segmentation::Dataset& data);

/// Device, threads, processor and versions, for the foot of a page.
std::vector<pages::NamedValue> machine_facts(const std::string& device);

}  // namespace tessera::cli
