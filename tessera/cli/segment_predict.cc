// tessera segment predict: masks for one image or a folder of images.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "tessera/cli/common_flags.h"
#include "tessera/cli/output_folder.h"
#include "tessera/cli/segment.h"
#include "tessera/cli/segment_data.h"
#include "tessera/cli/segment_model.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/media/label_image.h"
#include "tessera/media/overlay.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelFlags model;
  std::string input, output;
  bool has_overlay = false, has_probability = false, is_forced = false;
};

/// The files that an image gives, by their ending.
std::vector<std::string> endings_of(const Options& options) {
  std::vector<std::string> endings{".png"};
  if (options.has_overlay) endings.emplace_back("_overlay.png");
  if (options.has_probability) endings.emplace_back("_probability.png");
  return endings;
}

/// "a_overlay.jpg" beside "a.jpg" would give two files of one name.
void check_names(const Options& options, const std::vector<segmentation::Sample>& samples) {
  std::map<std::string, std::string> owners;
  for (const auto& sample : samples) {
    for (const auto& ending : endings_of(options)) {
      const auto [owner, is_new] = owners.try_emplace(sample.id + ending, sample.image.string());
      if (!is_new) {
        throw IoError(concat(sample.image.string(), ": must not share the output ", sample.id,
                             ending, " with another image, got: ", owner->second));
      }
    }
  }
}

/// A folder that gives way to new masks must not hold the images they are made from.
void check_apart(const Options& options) {
  std::error_code ignored;
  const auto output = fs::weakly_canonical(options.output, ignored) / "";
  const auto input = fs::weakly_canonical(options.input, ignored) / "";
  if (input.string().starts_with(output.string())) {
    throw IoError(concat(options.output, ": must not hold the images, got INPUT: ", options.input));
  }
}

/// Writes one image's files into `folder` and returns its entry of summary.json.
nlohmann::json write_prediction(const Options& options, double threshold, const fs::path& folder,
                                const segmentation::LoadedSample& sample,
                                const segmentation::Prediction& prediction) {
  const int height = prediction.height, width = prediction.width;
  const auto mask = prediction.mask(threshold);
  media::write_png(folder / (sample.id + ".png"), media::mask_image(height, width, mask));
  if (options.has_overlay)
    media::write_png(folder / (sample.id + "_overlay.png"),
                     media::draw_overlay(sample.image, mask));
  if (options.has_probability)
    media::write_png(folder / (sample.id + "_probability.png"),
                     media::probability_image(height, width, prediction.probabilities));
  const auto area = std::count(mask.begin(), mask.end(), uint8_t{1});
  return {{"id", sample.id},
          {"width", width},
          {"height", height},
          {"area_share", static_cast<double>(area) / (static_cast<double>(height) * width)},
          {"max_probability",
           *std::max_element(prediction.probabilities.begin(), prediction.probabilities.end())},
          {"is_present", area > 0},
          {"sha256", sample.digest}};
}

nlohmann::json summary_of(const Options& options, const LoadedRun& loaded, nlohmann::json images) {
  const auto& config = loaded.model->config();
  return {{"schema", "tessera.segmentation_prediction/1"},
          {"tessera", {{"version", version()}, {"commit", commit()}, {"torch", torch_version()}}},
          {"run", fs::absolute(options.model.run).lexically_normal().string()},
          {"method", segmentation::method_name(config.method)},
          {"is_fast", loaded.options.is_fast},
          {"has_turns", loaded.options.has_test_time_flips},
          {"threshold", loaded.threshold},
          {"tile", config.tile},
          {"sam_digest", loaded.options.is_fast ? "" : config.sam_digest},
          {"device", options.model.device},
          {"notice", kResearchOnly},
          {"images", std::move(images)}};
}

/// Leaves predict_all early; what was written stays.
struct Stopped {};

/// The entries of the images that were done before the end or Ctrl-C.
nlohmann::json predict_images(Console& console, const Options& options, LoadedRun& loaded,
                              const std::vector<segmentation::Sample>& samples,
                              const fs::path& folder) {
  nlohmann::json entries = nlohmann::json::array();
  segmentation::Predictor predictor(*loaded.model, loaded.options);
  Progress progress(console, "predict", static_cast<int64_t>(samples.size()));
  const segmentation::ForegroundRule unused{segmentation::ForegroundRule::Kind::kNonzero};
  try {
    predictor.predict_all(
        samples.size(),
        [&](size_t index) {
          return std::make_shared<const segmentation::LoadedSample>(
              segmentation::load_sample(samples[index], unused));
        },
        [&](size_t index, const segmentation::LoadedSample& sample,
            const segmentation::Prediction& prediction) {
          if (is_interrupted()) throw Stopped{};
          entries.push_back(
              write_prediction(options, loaded.threshold, folder, sample, prediction));
          char detail[40];
          std::snprintf(detail, sizeof(detail), "%.1f %% foreground  ",
                        100 * entries.back()["area_share"].get<double>());
          progress.update(static_cast<int64_t>(index) + 1, detail + sample.id);
        });
  } catch (const Stopped&) {
  }
  return entries;
}

int run_predict(Console& console, const Options& options) {
  // Not by the parser, since --config may give them.
  TESSERA_CHECK(!options.model.run.empty(),
                "[RUN] needs the folder of a training run, got: nothing");
  TESSERA_CHECK(!options.input.empty(), "[INPUT] needs an image or a folder, got: nothing");
  TESSERA_CHECK(!options.output.empty(),
                "[--output] masks need a folder (-o FOLDER), got: nothing");
  check_output_folder(options.output, options.is_forced);
  check_apart(options);
  const auto samples = segmentation::list_images(options.input);
  check_names(options, samples);
  auto loaded = load_run(options.model);
  segmentation::check_images(samples, torch_ops::torch_executor());
  say_fact(console, "images", concat(samples.size(), " in ", options.input));
  describe_run(console, options.model, loaded);

  OutputFolder folder(options.output, options.is_forced);
  auto entries = predict_images(console, options, loaded, samples, folder.temporary_path());
  const size_t num_done = entries.size();
  if (num_done == 0) throw Interrupted("[predict] stopped before the first mask; nothing written");
  write_file(folder.temporary_path() / "summary.json",
             summary_of(options, loaded, std::move(entries)).dump(2) + "\n");
  folder.commit();
  console.say(concat(num_done, num_done == 1 ? " mask" : " masks", " in ", options.output,
                     " (0 and 255, in the images' own sizes)"));
  console.say(kResearchOnly);
  console.event({{"event", "masks"}, {"path", options.output}, {"count", num_done}});
  if (num_done == samples.size()) return kOk;
  console.warn(concat("stopped after ", num_done, " of ", samples.size(), " images"));
  return kInterrupted;
}

}  // namespace

void add_segment_predict(CLI::App& group, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = group.add_subcommand(
      "predict",
      "Write a mask for one image, or for each image of a folder. The images are not changed.\n\n"
      "  tessera segment predict run cell.png -o out\n"
      "  tessera segment predict run new_photos -o out --overlay --probability\n"
      "  tessera segment predict run new_photos -o out --fast");
  add_model_flags(*command, options->model);
  command->add_option("INPUT", options->input, "An image, or a folder of images");
  add_output_flag(*command, options->output,
                  "Folder for NAME.png (mask, 0 and 255) of each image and summary.json");
  command->add_flag("--overlay", options->has_overlay,
                    "Also NAME_overlay.png: the image with the mask over it");
  command->add_flag("--probability", options->has_probability,
                    "Also NAME_probability.png: 0 to 255 for 0 to 1");
  add_force_flag(*command, options->is_forced);
  command->footer(kResearchOnly);
  finish_command(*command, console, chosen,
                 [&console, options] { return run_predict(console, *options); });
}

}  // namespace tessera::cli
