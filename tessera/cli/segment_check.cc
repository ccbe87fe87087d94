// tessera segment check: is this data set fit for training, and what will training need?
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "tessera/cli/common_flags.h"
#include "tessera/cli/models.h"
#include "tessera/cli/segment.h"
#include "tessera/cli/segment_data.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/core/error.h"
#include "tessera/segmentation/data/tiles.h"
#include "tessera/segmentation/sam/config.h"
#include "tessera/segmentation/training/trainer.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using segmentation::Split;

struct Options {
  DataFlags data;
  std::string sam = kDefaultSam;
};

/// The sizes of a SAM without its weights, where there is a config.json; else those of Meta's,
/// which all share one geometry.
segmentation::SamConfig sizes_of(const std::string& name) {
  const fs::path found = find_model(name);
  return fs::is_directory(found) ? segmentation::read_sam_config(found / "config.json")
                                 : segmentation::sam_vit_b();
}

void describe_foreground(Console& console, const segmentation::Dataset& data) {
  std::vector<double> shares;
  for (size_t i = 0; i < data.size(); ++i) {
    shares.push_back(static_cast<double>(data.foreground_pixels(i)) /
                     (static_cast<double>(data.height(i)) * data.width(i)));
  }
  std::sort(shares.begin(), shares.end());
  char text[120];
  std::snprintf(text, sizeof(text), "foreground is %.1f %% to %.1f %% of an image, median %.1f %%",
                100 * shares.front(), 100 * shares.back(), 100 * shares[shares.size() / 2]);
  say_fact(console, "area", text);
}

/// What embeddings of the default settings will take; an image larger than a tile has several.
void describe_cache(Console& console, const segmentation::SamConfig& sam, int tile,
                    const segmentation::Dataset& data) {
  const segmentation::AutoSamSettings settings;
  double entries = 0;
  for (const auto split : {Split::kTrain, Split::kVal}) {
    for (const size_t i : data.indices(split)) {
      const double pixels = static_cast<double>(data.height(i)) * data.width(i);
      const double tiles = tile == 0
                               ? 1
                               : std::clamp(pixels / (static_cast<double>(tile) * tile), 1.0,
                                            static_cast<double>(settings.max_tiles_per_image));
      entries += tiles * (split == Split::kTrain ? settings.views_per_image : 1);
    }
  }
  const double bytes = entries * static_cast<double>(sam.prompt_dim * sam.grid() * sam.grid()) * 2;
  std::error_code failure;
  const auto disk = fs::space(".", failure);
  say_fact(console, "cache",
           concat("about ", format_bytes(bytes), " of SAM's embeddings (", settings.views_per_image,
                  " views an image)",
                  failure ? ""
                          : "; " + format_bytes(static_cast<double>(disk.available)) +
                                " are free here"));
}

/// The flags that were given, to be copied.
std::string flags_text(const Options& options) {
  const DataFlags usual;
  std::string text;
  const auto add = [&](const char* flag, const std::string& value, const std::string& as_usual) {
    if (value != as_usual) text += concat(" ", flag, " ", value);
  };
  add("--images", options.data.images, "");
  add("--masks", options.data.masks, "");
  add("--split", options.data.split, "");
  add("--groups", options.data.groups, "");
  add("--foreground", options.data.foreground, usual.foreground);
  add("--sam", options.sam, kDefaultSam);
  return text;
}

int run_check(Console& console, const Options& options) {
  check_data_flags(options.data);
  const auto sam = sizes_of(options.sam);
  const auto data = open_data(options.data, segmentation::AutoSamSettings().seed);
  describe_data(console, options.data, data);
  say_fact(console, "split", describe_split(data));
  describe_foreground(console, data);
  auto images = data.indices(Split::kTrain);
  const auto choice = segmentation::choose_tile(data, images, segmentation::kAutoTile,
                                                static_cast<int>(sam.mask_size()),
                                                static_cast<int>(sam.image_size));
  say_fact(console, "tile", choice.text);
  describe_cache(console, sam, choice.tile, data);
  console.say("All files are fit for training.");
  say_fact(console, "next", concat("tessera segment train", flags_text(options), " -o run"));
  return kOk;
}

}  // namespace

void add_segment_check(CLI::App& group, Console& console, Run& chosen) {
  auto options = std::make_shared<Options>();
  auto* command = group.add_subcommand(
      "check",
      "Read every image and mask, report all that stands against training, and say what training\n"
      "will need.\n\n"
      "  tessera segment check --images photos --masks masks\n"
      "  tessera segment check --images photos --masks masks --split split.csv");
  add_data_flags(*command, options->data);
  add_split_flags(*command, options->data);
  command->add_option("--sam", options->sam, "The SAM that training will use: name, folder, file")
      ->capture_default_str();
  finish_command(*command, console, chosen,
                 [&console, options] { return run_check(console, *options); });
}

}  // namespace tessera::cli
