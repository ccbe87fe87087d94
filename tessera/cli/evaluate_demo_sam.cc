// tessera evaluate-demo-sam: how well a promptable model finds single instances.
#include <filesystem>
#include <memory>
#include <string>

#include "tessera/cli/checks.h"
#include "tessera/cli/command.h"
#include "tessera/cli/common_flags.h"
#include "tessera/cli/prompt_scoring.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/segmentation/demo_sam/evaluation_sets.h"
#include "tessera/segmentation/sam/sam_files.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string sam, images, labels, split_csv, which = "test", device = "cpu", output;
  int generated = 0, tile = 256, max_instances = 0;
};

int run(Console& console, const Options& options) {
  const bool has_files = !options.images.empty() && !options.labels.empty();
  TESSERA_CHECK(!options.sam.empty(), "[--sam] a model is needed (--sam FOLDER), got: nothing");
  TESSERA_CHECK((options.generated > 0) != has_files,
                "[evaluate-demo-sam] needs either --generated N or --images and --labels");
  const auto sam = segmentation::load_sam(options.sam);
  const int side = static_cast<int>(sam->config.image_size);
  segmentation::PictureSource source;
  std::string name;
  if (has_files) {
    auto files = segmentation::labelled_files(options.images, options.labels, options.split_csv,
                                              options.which);
    name = concat(options.images, " (", files.size(), " images)");
    source = segmentation::labelled_pictures(std::move(files), options.tile, side,
                                             options.max_instances);
  } else {
    name = concat("generated scenes (", options.generated, ")");
    source = segmentation::held_out_scenes(side, options.generated, options.max_instances);
  }
  const auto scores = score_prompts(console, *sam, source, options.device);
  say_prompt_scores(console, scores, name);
  if (!options.output.empty())
    write_file(options.output, segmentation::prompt_scores_json(scores, name));
  return kOk;
}

}  // namespace

void add_evaluate_demo_sam(CLI::App& program, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand(
      "evaluate-demo-sam",
      "Measure how well a Segment Anything Model finds single instances from a point, three points "
      "and a box.\n\n"
      "  tessera evaluate-demo-sam --sam models/demo-sam --generated 200\n"
      "  tessera evaluate-demo-sam --sam models/demo-sam --images set/images --labels set/labels "
      "--split set/split.csv");
  command->add_option("--sam", options->sam, "Model folder or official weight file");
  command->add_option("--generated", options->generated, "Measure on so many held-out scenes")
      ->check(not_negative());
  command->add_option("--images", options->images, "Folder of images");
  command->add_option("--labels", options->labels, "Folder of label maps, paired by stem");
  command->add_option("--split", options->split_csv, "CSV with the columns id and split");
  command->add_option("--which", options->which, "Split to measure on: train, val or test")
      ->capture_default_str();
  command
      ->add_option("--tile", options->tile,
                   "Side of the squares that images are cut into, source pixels; 0: whole images")
      ->check(number_in(0, 16'384))
      ->capture_default_str();
  command
      ->add_option("--max-instances", options->max_instances,
                   "Ask for at most so many instances of an image; 0: all")
      ->check(not_negative());
  command->add_option("--device", options->device, "cpu, cuda or cuda:N")->capture_default_str();
  command->add_option("-o,--output", options->output, "Write the scores to this JSON file");
  finish_command(*command, console, chosen, [&console, options] { return run(console, *options); });
}

}  // namespace tessera::cli
