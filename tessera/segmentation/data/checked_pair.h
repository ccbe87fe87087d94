// One image and its mask, decoded and looked at; private to the folder.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/data/near_duplicates.h"

namespace tessera::segmentation {

/// What one pair gave. The rule is decided only when all masks were seen, so that the mask is kept
/// under both: bit 0 for nonzero, bit 1 for above the threshold.
struct CheckedPair {
  std::vector<std::string> findings;
  std::shared_ptr<LoadedSample> loaded;  // null when it did not fit
  std::string image_digest, mask_digest;
  int height = 0, width = 0;
  double white = 255;  // the file's value that became 255
  MaskEvidence evidence;
  int64_t nonzero_pixels = 0, above_pixels = 0;
  Fingerprint fingerprint;
};

/// Decodes and checks a pair; what is wrong goes to `findings`. `used` counts the bytes that all
/// pairs keep in memory.
CheckedPair check_pair(const Sample& sample, const DatasetSource& source,
                       std::atomic<int64_t>& used);

/// Leaves the mask of one rule.
void apply_rule(LoadedSample& loaded, const ForegroundRule& rule);

}  // namespace tessera::segmentation
