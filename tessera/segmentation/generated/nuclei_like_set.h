// A folder of nuclei-like pictures with masks and a split, as `segment train` reads it.
#pragma once

#include <cstdint>
#include <filesystem>

namespace tessera::segmentation {

struct NucleiLikeSet {
  int num_train = 20, num_val = 4, num_test = 12;
  int height = 256, width = 256;  // pixels
  uint64_t seed = 0;
};

/// Writes, into a folder that is made if need be,
///
///     images/nuclei-000.png  RGB
///     masks/nuclei-000.png   labels, 16-bit grey: 0 background, 1.. nuclei
///     split.csv              id,split: first train, then val, then test
///
/// Files of these names are replaced. The n-th picture depends on seed, sides and n alone. Throws
/// InvalidArgument for counts below 0 or no picture at all, and as make_nuclei_like; IoError.
void write_nuclei_like_set(const std::filesystem::path& folder, const NucleiLikeSet& set);

}  // namespace tessera::segmentation
