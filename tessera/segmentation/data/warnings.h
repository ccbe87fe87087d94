// What is no error in a data set, but what the user should know; private to the folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tessera/segmentation/data/checked_pair.h"
#include "tessera/segmentation/data/split.h"

namespace tessera::segmentation {

/// Files that are no images.
void warn_of_ignored(const std::filesystem::path& folder, const std::vector<std::string>& ignored,
                     std::vector<std::string>& warnings);

/// Grey images of more than 8 bits that became 8 by different ranges; see Note [Sixteen bits to
/// eight] in media/read_image.h.
void warn_of_scales(const std::vector<Sample>& samples, const std::vector<CheckedPair>& pairs,
                    std::vector<std::string>& warnings);

/// Groups in more than one split.
void warn_of_groups(const std::vector<std::string>& groups, const std::vector<Split>& splits,
                    std::vector<std::string>& warnings);

/// Pictures that are alike but in different splits.
void warn_of_duplicates(const std::vector<Sample>& samples, const std::vector<Split>& splits,
                        const std::vector<CheckedPair>& pairs, std::vector<std::string>& warnings);

}  // namespace tessera::segmentation
