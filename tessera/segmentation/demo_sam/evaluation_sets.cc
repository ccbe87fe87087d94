#include "tessera/segmentation/demo_sam/evaluation_sets.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/media/read_image.h"
#include "tessera/segmentation/data/split.h"
#include "tessera/segmentation/data/tiles.h"
#include "tessera/segmentation/demo_sam/recipe.h"
#include "tessera/segmentation/demo_sam/targets.h"

namespace tessera::segmentation {
namespace {

namespace fs = std::filesystem;

/// Some of the values, in ascending order; all of them for most = 0.
std::vector<uint16_t> some_of(std::vector<uint16_t> values, int most, uint64_t seed) {
  Random random(seed);
  while (most > 0 && static_cast<int>(values.size()) > most) {
    values.erase(values.begin() + random.below(static_cast<int64_t>(values.size())));
  }
  return values;
}

std::map<std::string, fs::path> files_by_stem(const fs::path& folder) {
  std::error_code failure;
  std::map<std::string, fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.is_regular_file()) files[entry.path().stem().string()] = entry.path();
  }
  if (failure) throw IoError(concat(folder.string(), ": cannot be read: ", failure.message()));
  return files;
}

[[noreturn]] void fail(const fs::path& path, const std::vector<std::string>& findings) {
  std::string text = concat(path.string(), ": ", findings.size(), " findings");
  for (const auto& finding : findings) text += "\n  " + finding;
  throw IoError(text);
}

struct InstanceBox {
  int x0 = std::numeric_limits<int>::max(), y0 = x0, x1 = -1, y1 = -1;
};

/// The instances with numbers of our own, 1 to n in the order of their labels: stored labels may be
/// any.
struct Instances {
  std::vector<uint16_t> labels;    // (H, W)
  std::vector<InstanceBox> boxes;  // by label - 1
};

Instances renumber(const media::LabelImage& stored) {
  std::map<uint32_t, uint16_t> numbers;
  for (const uint32_t value : stored.data) {
    if (value != 0) numbers[value] = 0;
  }
  uint16_t next = 0;
  for (auto& [value, number] : numbers) number = ++next;
  numbers[0] = 0;
  Instances result{std::vector<uint16_t>(stored.data.size()),
                   std::vector<InstanceBox>(numbers.size() - 1)};
  for (int y = 0; y < stored.height; ++y) {
    for (int x = 0; x < stored.width; ++x) {
      const size_t at = size_t(y) * stored.width + x;
      const uint16_t label = result.labels[at] = numbers.at(stored.data[at]);
      if (label == 0) continue;
      InstanceBox& box = result.boxes[label - 1];
      box = {std::min(box.x0, x), std::min(box.y0, y), std::max(box.x1, x), std::max(box.y1, y)};
    }
  }
  return result;
}

/// The tile whose middle is nearest to the box's.
size_t home_of(const InstanceBox& box, const TilePlan& plan) {
  size_t home = 0;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < plan.origins.size(); ++i) {
    const int64_t dx = 2 * plan.origins[i].x + plan.tile - (box.x0 + box.x1 + 1);
    const int64_t dy = 2 * plan.origins[i].y + plan.tile - (box.y0 + box.y1 + 1);
    if (dx * dx + dy * dy < least) {
      least = dx * dx + dy * dy;
      home = i;
    }
  }
  return home;
}

/// The window of a label map; what lies beyond it is background.
std::vector<uint16_t> crop(const std::vector<uint16_t>& labels, int height, int width,
                           TileOrigin origin, int side) {
  std::vector<uint16_t> result(size_t(side) * side, 0);
  for (int y = std::max(0, -origin.y); y < std::min(side, height - origin.y); ++y) {
    for (int x = std::max(0, -origin.x); x < std::min(side, width - origin.x); ++x) {
      result[size_t(y) * side + x] = labels[size_t(y + origin.y) * width + x + origin.x];
    }
  }
  return result;
}

}  // namespace

PictureSource held_out_scenes(int side, int64_t count, int max_instances) {
  return [=, next = int64_t{0}]() mutable -> std::optional<EvaluationPicture> {
    if (next == count) return std::nullopt;
    const int64_t index = next++;
    const PreparedScene scene = make_prepared_scene({.size = side}, kHeldOutSeed, index);
    EvaluationPicture picture;
    const size_t area = size_t(side) * side;
    picture.planes.resize(3 * area);
    for (size_t i = 0; i < area; ++i) {
      for (size_t c = 0; c < 3; ++c) picture.planes[c * area + i] = scene.rgb[3 * i + c];
    }
    picture.truth_side = side;
    picture.labels.assign(scene.labels.begin(), scene.labels.end());
    for (size_t i = 0; i < scene.boxes.size(); ++i) picture.instances.push_back(uint16_t(i + 1));
    picture.instances = some_of(picture.instances, max_instances, kHeldOutSeed + uint64_t(index));
    return picture;
  };
}

std::vector<LabelledFile> labelled_files(const fs::path& images, const fs::path& labels,
                                         const fs::path& split_csv, const std::string& split) {
  const auto image_of = files_by_stem(images), labels_of = files_by_stem(labels);
  std::vector<std::string> findings, ids;
  for (const auto& [stem, path] : image_of) {
    ids.push_back(stem);
    if (!labels_of.contains(stem)) findings.push_back(path.string() + ": has no label map");
  }
  for (const auto& [stem, path] : labels_of) {
    if (!image_of.contains(stem)) findings.push_back(path.string() + ": has no image");
  }
  const auto wanted = parse_split(split);
  TESSERA_CHECK(wanted.has_value(),
                "[labelled_files] split must be train, val or test, got: ", split);
  std::vector<Split> splits(ids.size(), *wanted);
  if (!split_csv.empty()) splits = read_split_csv(split_csv, ids, findings, /*needs_train=*/false);
  if (!findings.empty()) fail(images, findings);
  std::vector<LabelledFile> files;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (splits[i] == *wanted) files.push_back({image_of.at(ids[i]), labels_of.at(ids[i])});
  }
  if (files.empty()) throw IoError(concat(images.string(), ": holds no image of split ", split));
  return files;
}

std::vector<EvaluationPicture> cut_into_pictures(const media::Image& image,
                                                 const media::LabelImage& labels, int tile,
                                                 int side, int max_instances, uint64_t seed) {
  const int span = tile > 0 ? tile : std::max(image.height, image.width);
  const TilePlan plan = tile_plan(image.height, image.width, span, std::max(1, span / 2));
  const Instances instances = renumber(labels);
  std::vector<uint16_t> all;
  for (size_t i = 0; i < instances.boxes.size(); ++i) all.push_back(uint16_t(i + 1));
  std::map<size_t, std::vector<uint16_t>> by_home;
  for (const uint16_t label : some_of(all, max_instances, seed)) {
    by_home[home_of(instances.boxes[label - 1], plan)].push_back(label);
  }
  std::vector<EvaluationPicture> pictures;
  for (auto& [index, own] : by_home) {
    EvaluationPicture picture;
    picture.planes = tile_picture(image, plan, index, side).planes;
    picture.truth_side = span;
    picture.labels = crop(instances.labels, image.height, image.width, plan.origins[index], span);
    const std::set<uint16_t> visible(picture.labels.begin(), picture.labels.end());
    for (const uint16_t label : own) {
      if (visible.contains(label)) picture.instances.push_back(label);
    }
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

PictureSource labelled_pictures(std::vector<LabelledFile> files, int tile, int side,
                                int max_instances) {
  return [=, next = size_t{0},
          waiting =
              std::vector<EvaluationPicture>()]() mutable -> std::optional<EvaluationPicture> {
    while (waiting.empty()) {
      if (next == files.size()) return std::nullopt;
      const LabelledFile& file = files[next];
      const media::Image image = media::read_image(file.image);
      const media::LabelImage labels = media::read_label_image(file.labels);
      if (labels.height != image.height || labels.width != image.width) {
        throw IoError(concat(file.labels.string(), ": must be of its image's size ", image.width,
                             " x ", image.height, ", got: ", labels.width, " x ", labels.height));
      }
      waiting = cut_into_pictures(image, labels, tile, side, max_instances, next);
      ++next;
    }
    EvaluationPicture picture = std::move(waiting.front());
    waiting.erase(waiting.begin());
    return picture;
  };
}

}  // namespace tessera::segmentation
