#include "tessera/segmentation/data/instances.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

/// Gives `number` to the patch that holds pixel `first`.
void fill_patch(const std::vector<uint32_t>& values, int height, int width, int64_t first,
                uint32_t number, std::vector<uint32_t>& numbers) {
  std::vector<int64_t> open{first};
  numbers[first] = number;
  while (!open.empty()) {
    const int64_t pixel = open.back();
    open.pop_back();
    const int y = static_cast<int>(pixel / width), x = static_cast<int>(pixel % width);
    for (int v = std::max(0, y - 1); v <= std::min(height - 1, y + 1); ++v) {
      for (int u = std::max(0, x - 1); u <= std::min(width - 1, x + 1); ++u) {
        const int64_t neighbour = int64_t{v} * width + u;
        if (numbers[neighbour] != 0 || values[neighbour] != values[first]) continue;
        numbers[neighbour] = number;
        open.push_back(neighbour);
      }
    }
  }
}

}  // namespace

std::vector<uint32_t> connected_patches(const std::vector<uint32_t>& values, int height,
                                        int width) {
  TESSERA_CHECK(height >= 0 && width >= 0 &&
                    values.size() == static_cast<size_t>(height) * static_cast<size_t>(width),
                "[connected_patches] values must be (height, width), got ", values.size(), " for ",
                height, " x ", width);
  std::vector<uint32_t> numbers(values.size());
  uint32_t count = 0;
  for (size_t pixel = 0; pixel < values.size(); ++pixel) {
    if (values[pixel] == 0 || numbers[pixel] != 0) continue;
    fill_patch(values, height, width, static_cast<int64_t>(pixel), ++count, numbers);
  }
  return numbers;
}

std::vector<uint32_t> instances_of(const media::LabelImage& mask, const ForegroundRule& rule) {
  if (rule.kind == ForegroundRule::Kind::kNonzero)
    return connected_patches(mask.data, mask.height, mask.width);
  const auto foreground = foreground_of(mask, rule);
  return connected_patches({foreground.begin(), foreground.end()}, mask.height, mask.width);
}

}  // namespace tessera::segmentation
