#include "tessera/cli/segment_data.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tessera/cli/checks.h"
#include "tessera/core/error.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::cli {
namespace {

using segmentation::Split;

segmentation::DatasetSource source_of(const DataFlags& flags) {
  check_data_flags(flags);
  segmentation::DatasetSource source;
  source.images = flags.images;
  source.masks = flags.masks;
  if (!flags.split.empty()) source.split_csv = flags.split;
  if (!flags.groups.empty()) source.groups_csv = flags.groups;
  source.foreground = segmentation::parse_foreground_rule(flags.foreground);
  source.val_fraction = flags.validation_share;
  return source;
}

int64_t count_empty(const segmentation::Dataset& data) {
  int64_t count = 0;
  for (size_t i = 0; i < data.size(); ++i) count += data.foreground_pixels(i) == 0 ? 1 : 0;
  return count;
}

}  // namespace

void add_data_flags(CLI::App& command, DataFlags& flags) {
  command.add_option("--images", flags.images, "Folder of images: PNG, JPEG, TIFF");
  command.add_option("--masks", flags.masks,
                     "Folder of masks of the same names (a.jpg with a.png) and sizes");
  command.add_option("--split", flags.split,
                     "CSV with the columns id,split: train, val or test for each name");
  command
      .add_option("--foreground", flags.foreground,
                  "What is foreground in a mask: nonzero, above:N, or auto (looks at the masks)")
      ->capture_default_str();
}

void add_split_flags(CLI::App& command, DataFlags& flags) {
  command.add_option("--groups", flags.groups,
                     "CSV with the columns id,group: a group (a patient, a film) stays on one "
                     "side of the split");
  command
      .add_option("--validation-share", flags.validation_share,
                  "Share of the images that validate where there is no --split")
      ->check(number_in(0, 0.9))
      ->capture_default_str();
}

void check_data_flags(const DataFlags& flags) {
  // Not by the parser, since --config may give them.
  TESSERA_CHECK(!flags.images.empty(), "[--images] needs a folder of images, got: nothing");
  TESSERA_CHECK(!flags.masks.empty(), "[--masks] needs a folder of masks, got: nothing");
  segmentation::parse_foreground_rule(flags.foreground);
}

segmentation::Dataset open_data(const DataFlags& flags, uint64_t seed) {
  auto source = source_of(flags);
  source.seed = seed;
  return segmentation::open_dataset(source, torch_ops::torch_executor());
}

segmentation::Dataset open_data_to_score(const DataFlags& flags) {
  auto source = source_of(flags);
  source.needs_train = false;
  if (flags.split.empty()) source.whole_set = Split::kTest;
  return segmentation::open_dataset(source, torch_ops::torch_executor());
}

std::string describe_sizes(const segmentation::Dataset& data) {
  std::map<std::pair<int, int>, int> counts;
  for (size_t i = 0; i < data.size(); ++i) ++counts[{data.width(i), data.height(i)}];
  std::vector<std::pair<int, std::pair<int, int>>> sizes;
  for (const auto& [size, count] : counts) sizes.push_back({count, size});
  std::sort(sizes.rbegin(), sizes.rend());
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, sizes.size()); ++i) {
    const auto& [count, size] = sizes[i];
    text += concat(text.empty() ? "" : ", ", size.first, " x ", size.second);
    if (sizes.size() > 1) text += concat(" (", count, ")");
  }
  if (sizes.size() > kShown) text += concat(" and ", sizes.size() - kShown, " other sizes");
  return text;
}

std::string describe_split(const segmentation::Dataset& data) {
  std::string text;
  for (const auto split : {Split::kTrain, Split::kVal, Split::kTest}) {
    const size_t count = data.indices(split).size();
    if (count > 0)
      text += concat(text.empty() ? "" : ", ", count, " ", segmentation::split_name(split));
  }
  return text;
}

void describe_data(Console& console, const DataFlags& flags, const segmentation::Dataset& data) {
  const int64_t num_empty = count_empty(data);
  say_fact(console, "images",
           concat(data.size(), " in ", flags.images, ": ", describe_sizes(data)));
  say_fact(console, "masks",
           concat(flags.masks, ", foreground ", data.foreground().description,
                  num_empty > 0 ? concat("; ", num_empty, " empty") : ""));
  for (const auto& warning : data.warnings()) console.warn(warning);
  console.event({{"event", "data"},
                 {"images", data.size()},
                 {"sizes", describe_sizes(data)},
                 {"foreground", segmentation::foreground_rule_name(data.foreground().rule)},
                 {"empty_masks", num_empty},
                 {"train", data.indices(Split::kTrain).size()},
                 {"val", data.indices(Split::kVal).size()},
                 {"test", data.indices(Split::kTest).size()}});
}

std::vector<size_t> indices_of(const segmentation::Dataset& data,
                               const std::vector<Split>& splits) {
  std::vector<size_t> all;
  for (const auto split : splits) {
    const auto some = data.indices(split);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void say_fact(Console& console, const std::string& name, const std::string& text) {
  constexpr size_t kColumn = 12;
  console.say(name + std::string(kColumn - std::min(kColumn - 1, name.size()), ' ') + text);
}

}  // namespace tessera::cli
