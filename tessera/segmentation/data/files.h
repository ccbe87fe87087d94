// Image files of a folder by stem; private to the folder.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tessera/segmentation/data/dataset.h"

namespace tessera::segmentation {

struct ImageFolder {
  std::map<std::string, std::filesystem::path> by_stem;
  /// Files of other kinds and subfolders, sorted.
  std::vector<std::string> ignored;
};

/// Lists a folder. A missing folder, one without images, and two files of one stem (also when they
/// differ in case alone) become findings; of such files the first by name counts.
ImageFolder list_folder(const std::filesystem::path& folder, std::vector<std::string>& findings);

/// Pairs by stem, ascending; what has no partner becomes a finding.
std::vector<Sample> pair_by_stem(const ImageFolder& images, const ImageFolder& masks,
                                 std::vector<std::string>& findings);

/// Throws IoError with all findings, up to 50 and a count of the others, unless there are none.
/// The text begins with `where`.
void throw_findings(const std::filesystem::path& where, const std::vector<std::string>& findings);

}  // namespace tessera::segmentation
