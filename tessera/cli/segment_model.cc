#include "tessera/cli/segment_model.h"

#include <ATen/Parallel.h>
#include <c10/core/Device.h>

#include "tessera/cli/checks.h"
#include "tessera/cli/segment_data.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/core/error.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/training/run_folder.h"

namespace tessera::cli {

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  command.add_option("RUN", flags.run, "Folder of a training run, or of its model");
  command.add_option("--sam", flags.sam, "Where the run's SAM is now (default: where it was)");
  command.add_option("--device", flags.device, "cpu, cuda or cuda:N")->capture_default_str();
  command.add_flag("--fast", flags.is_fast, "Without SAM: the prompt network and its own decoder");
  command.add_flag("--tta", flags.has_turns,
                   "Average over the eight flips and quarter turns: better, eight times as long");
  command
      .add_option("--threshold", flags.threshold,
                  "Probability above which a pixel is foreground (default: the model's)")
      ->check(number_in(0, 1, true));
  command.add_option("--threads", flags.threads, "CPU threads (default: all)")->check(positive());
}

LoadedRun load_run(const ModelFlags& flags) {
  TESSERA_CHECK(!flags.run.empty(), "[RUN] needs the folder of a training run, got: nothing");
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  const auto device = nn::open_device(flags.device);
  const auto folder = segmentation::find_model_folder(flags.run);
  const auto config = segmentation::read_autosam_config(folder);
  TESSERA_CHECK(
      !flags.is_fast || config.has_surrogate || config.method != segmentation::Method::kAutoSam,
      "[--fast] needs a run with a fast decoder (--surrogate-epochs), got: ", flags.run);
  segmentation::FrozenSam sam;
  if (config.method == segmentation::Method::kAutoSam && !flags.is_fast)
    sam = load_named_sam(flags.sam.empty() ? config.sam_path : flags.sam);
  LoadedRun loaded;
  loaded.model = std::make_unique<segmentation::AutoSamModel>(
      segmentation::load_autosam(folder, std::move(sam)));
  loaded.model->to(device);
  loaded.threshold = flags.threshold > 0 ? flags.threshold : config.threshold;
  loaded.options.is_fast = flags.is_fast && config.method == segmentation::Method::kAutoSam;
  loaded.options.has_test_time_flips = flags.has_turns;
  loaded.options.num_threads = at::get_num_threads();
  return loaded;
}

void describe_run(Console& console, const ModelFlags& flags, const LoadedRun& loaded) {
  const auto& config = loaded.model->config();
  say_fact(console, "model",
           concat(flags.run, ": ", segmentation::method_name(config.method),
                  loaded.options.is_fast ? " without SAM (--fast)" : "", ", ",
                  config.tile == 0 ? "whole images" : concat("tiles of ", config.tile, " pixels"),
                  flags.has_turns ? ", eight turns" : ""));
  if (loaded.model->frozen_sam().sam)
    say_fact(console, "SAM", describe_sam(loaded.model->frozen_sam()));
  say_fact(console, "device", flags.device);
}

}  // namespace tessera::cli
