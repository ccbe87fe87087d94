// Which images `segment evaluate` scores.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/cli/segment_data.h"
#include "tessera/segmentation/data/dataset.h"

namespace tessera::cli {

struct Selection {
  std::vector<size_t> images;
  std::string name;        // "test", "val", "train", "all"
  size_t num_trained = 0;  // of them, the run was trained on
};

/// The images of part `which` ("auto", "test", "val", "train", "all"): of the split file, or else
/// of what RUN/split.csv says they were to the run; those it does not know count as test. "auto" is
/// test, or val where there is none. Throws IoError when there is none, or split.csv is damaged.
Selection select_images(const segmentation::Dataset& data, const DataFlags& flags,
                        const std::string& which, const std::filesystem::path& run);

/// "validation" for "val", "training" for "train", nothing for "all".
std::string word_for(const std::string& part);

/// "135 test images", "1 validation image".
std::string images_text(const Selection& selection);

}  // namespace tessera::cli
