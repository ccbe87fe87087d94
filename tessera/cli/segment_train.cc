// tessera segment train: AutoSAM learns from a folder of images and a folder of masks.
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include <ATen/Parallel.h>
#include <c10/core/Device.h>

#include "tessera/cli/common_flags.h"
#include "tessera/cli/models.h"
#include "tessera/cli/segment.h"
#include "tessera/cli/segment_run_report.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/cli/segment_settings.h"
#include "tessera/cli/segment_training.h"
#include "tessera/cli/settings_file.h"
#include "tessera/core/error.h"
#include "tessera/media/video_writer.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/training/run_folder.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

/// Whether a folder holds nothing but what a run leaves that was killed before its first
/// checkpoint; such a run may start over, with the embeddings that are there.
bool is_abandoned(const fs::path& folder) {
  std::error_code failure;
  const auto command = command_path(folder).filename();
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const auto name = entry.path().filename();
    if (name != command && name != "split.csv" && name != "settings.json" && name != "cache")
      return false;
  }
  return !failure;
}

/// Before anything is read: a new run's folder must be free, an old one's must hold a run.
void check_run_folder(const TrainFlags& flags) {
  // Not by the parser, since --config may give it.
  TESSERA_CHECK(!flags.output.empty(), "[--output] a run needs a folder (-o FOLDER), got: nothing");
  std::error_code ignored;
  const bool has_run = fs::exists(segmentation::RunFolder{flags.output}.checkpoint(), ignored);
  if (flags.is_resumed) {
    if (has_run) return;
    throw IoError(concat(flags.output, ": holds no run to resume (no checkpoint.safetensors)"));
  }
  if (has_run) throw IoError(concat(flags.output, ": holds a run already; --resume continues it"));
  if (!fs::exists(flags.output, ignored)) return media::check_parent_folder(flags.output);
  if (!is_abandoned(flags.output))
    throw IoError(concat(flags.output, ": must be a new or an empty folder"));
}

int run_train(Console& console, TrainFlags flags) {
  resolve_order(flags);
  const auto settings = settings_of(flags);
  nn::open_device(flags.device);
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  check_run_folder(flags);
  check_data_flags(flags.data);
  if (settings.method == segmentation::Method::kAutoSam) find_model(flags.sam);  // before the data
  const auto data = open_data(flags.data, settings.seed);
  Training training(console, flags, settings, data);
  training.announce();
  const auto end = training.run();
  training.write_results();
  training.say_end();
  return end.is_interrupted ? kInterrupted : kOk;
}

}  // namespace

void add_segment_train(CLI::App& group, Console& console, Run& chosen) {
  auto flags = std::make_shared<TrainFlags>();
  auto* command = group.add_subcommand(
      "train",
      "Train on images with masks of the same names and sizes. Everything is checked first.\n\n"
      "  tessera segment train --images photos --masks masks -o run\n"
      "  tessera segment train --images photos --masks masks --split split.csv --minutes 30 -o "
      "run\n"
      "  tessera segment train --images photos --masks masks --sam sam_vit_b_01ec64.pth --device "
      "cuda -o run\n"
      "  tessera segment train -o run --resume");
  add_train_flags(*command, *flags);
  command->footer(kResearchOnly);
  finish_command(*command, console, chosen, [&console, command, flags] {
    const auto command_file = command_path(flags->output);
    std::error_code ignored;
    if (flags->is_resumed && !flags->output.empty() && fs::exists(command_file, ignored))
      apply_settings(*command, read_sidecar_settings(command_file, kCommandSchema),
                     command_file.string());
    return run_train(console, *flags);
  });
}

}  // namespace tessera::cli
