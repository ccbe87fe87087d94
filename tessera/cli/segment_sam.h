// The frozen SAM of the segment commands: found, loaded and described.
#pragma once

#include <string>

#include "tessera/segmentation/training/autosam_model.h"

namespace tessera::cli {

inline constexpr const char* kDefaultSam = "demo-sam";

/// A name (see find_model), a folder, or a file -> the frozen SAM; its `path` is the name, or the
/// absolute path, so that a run finds it again from another folder. Throws IoError.
segmentation::FrozenSam load_named_sam(const std::string& name_or_path);

/// One line: size, parameters, and whether it has the layout of one of Meta's models or is a small
/// one of our own.
std::string describe_sam(const segmentation::FrozenSam& sam);

}  // namespace tessera::cli
