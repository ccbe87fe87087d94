#include "tessera/segmentation/data/warnings.h"

#include <algorithm>
#include <map>
#include <set>

#include "tessera/core/error.h"

namespace tessera::segmentation {

void warn_of_ignored(const std::filesystem::path& folder, const std::vector<std::string>& ignored,
                     std::vector<std::string>& warnings) {
  if (ignored.empty()) return;
  constexpr size_t kShown = 5;
  std::string text = concat(folder.string(), ": ", ignored.size(), " ignored:");
  for (size_t i = 0; i < std::min(kShown, ignored.size()); ++i) text += " " + ignored[i];
  warnings.push_back(text + (ignored.size() > kShown ? " ..." : ""));
}

void warn_of_scales(const std::vector<Sample>& samples, const std::vector<CheckedPair>& pairs,
                    std::vector<std::string>& warnings) {
  std::map<double, size_t> first;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (pairs[i].white > 255) first.emplace(pairs[i].white, i);
  }
  if (first.size() < 2) return;
  std::string text = "images of more than 8 bits were scaled by different ranges:";
  for (const auto& [white, index] : first) {
    text += concat(" ", samples[index].id, " by ", white);
  }
  warnings.push_back(text);
}

void warn_of_groups(const std::vector<std::string>& groups, const std::vector<Split>& splits,
                    std::vector<std::string>& warnings) {
  std::map<std::string, std::set<Split>> sides;
  for (size_t i = 0; i < groups.size(); ++i) sides[groups[i]].insert(splits[i]);
  for (const auto& [group, found] : sides) {
    if (found.size() < 2) continue;
    std::string names;
    for (const Split split : found)
      names += concat(names.empty() ? "" : " and ", split_name(split));
    warnings.push_back(concat("group ", group, " is in ", names, ": scores may be too good"));
  }
}

void warn_of_duplicates(const std::vector<Sample>& samples, const std::vector<Split>& splits,
                        const std::vector<CheckedPair>& pairs, std::vector<std::string>& warnings) {
  constexpr int kShown = 10;
  int found = 0;
  for (size_t a = 0; a < samples.size(); ++a) {
    for (size_t b = a + 1; b < samples.size(); ++b) {
      if (splits[a] == splits[b]) continue;
      const bool is_same = pairs[a].image_digest == pairs[b].image_digest;
      if (!is_same && !is_near_duplicate(pairs[a].fingerprint, pairs[b].fingerprint)) continue;
      if (found++ < kShown) {
        warnings.push_back(concat(samples[a].id, " (", split_name(splits[a]), ") and ",
                                  samples[b].id, " (", split_name(splits[b]), ") are ",
                                  is_same ? "the same file" : "nearly the same picture"));
      }
    }
  }
  if (found > kShown) {
    warnings.push_back(concat(found - kShown, " more pairs of like pictures across splits"));
  }
}

}  // namespace tessera::segmentation
