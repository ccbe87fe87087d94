#include "tessera/cli/segment_selection.h"

#include <algorithm>
#include <initializer_list>
#include <map>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/csv.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using segmentation::Split;

/// What an image was to the run: by its content, so that names and folders may differ.
enum class Role { kTrain, kVal, kTest, kNew };

/// SHA-256 of an image -> its role, from RUN/split.csv. Empty where there is none (a bare model).
std::map<std::string, Role> roles_of(const fs::path& run) {
  const fs::path file = run / "split.csv";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  std::vector<std::string> findings;
  std::map<std::string, std::string> digests;
  for (const auto& row : segmentation::read_csv(file, "sha256", findings))
    digests[row.id] = row.value;
  std::map<std::string, Role> roles;
  for (const auto& row : segmentation::read_csv(file, "split", findings)) {
    const auto split = segmentation::parse_split(row.value);
    if (!split) findings.push_back(concat("line ", row.line, ": unknown split ", row.value));
    roles[digests[row.id]] = split == Split::kTrain ? Role::kTrain
                             : split == Split::kVal ? Role::kVal
                                                    : Role::kTest;
  }
  if (!findings.empty()) throw IoError(concat(file.string(), ": ", findings.front()));
  return roles;
}

std::vector<Role> roles_in(const segmentation::Dataset& data,
                           const std::map<std::string, Role>& known) {
  std::vector<Role> roles;
  for (size_t i = 0; i < data.size(); ++i) {
    const auto found = known.find(data.digest(i));
    roles.push_back(found == known.end() ? Role::kNew : found->second);
  }
  return roles;
}

std::vector<size_t> images_with(const std::vector<Role>& roles,
                                std::initializer_list<Role> wanted) {
  std::vector<size_t> images;
  for (size_t i = 0; i < roles.size(); ++i) {
    if (std::find(wanted.begin(), wanted.end(), roles[i]) != wanted.end()) images.push_back(i);
  }
  return images;
}

/// Without --split an image's part is what it was to the run; one that the run never saw tests it.
Selection select_by_run(const std::vector<Role>& roles, const std::string& which) {
  const auto unseen = images_with(roles, {Role::kTest, Role::kNew});
  if (which == "test" || (which == "auto" && !unseen.empty())) return {unseen, "test"};
  if (which == "val" || which == "auto") return {images_with(roles, {Role::kVal}), "val"};
  if (which == "train") return {images_with(roles, {Role::kTrain}), "train"};
  return {images_with(roles, {Role::kTrain, Role::kVal, Role::kTest, Role::kNew}), "all"};
}

Selection select_by_file(const segmentation::Dataset& data, const std::string& which) {
  if (which == "all") return {indices_of(data, {Split::kTrain, Split::kVal, Split::kTest}), which};
  const std::string name = which == "auto" ? "test" : which;
  return {data.indices(*segmentation::parse_split(name)), name};
}

}  // namespace

Selection select_images(const segmentation::Dataset& data, const DataFlags& flags,
                        const std::string& which, const fs::path& run) {
  const auto roles = roles_in(data, roles_of(run));
  auto selection = flags.split.empty() ? select_by_run(roles, which) : select_by_file(data, which);
  if (selection.images.empty()) {
    const auto part = [&](const char* name) {
      const auto some =
          flags.split.empty() ? select_by_run(roles, name) : select_by_file(data, name);
      return concat(some.images.size(), " ", name);
    };
    throw IoError(concat(flags.split.empty() ? flags.images : flags.split,
                         ": must have an image of part \"", selection.name, "\", got: none (",
                         part("train"), ", ", part("val"), ", ", part("test"), "; see --which)"));
  }
  for (const size_t image : selection.images)
    selection.num_trained += roles[image] == Role::kTrain ? 1 : 0;
  return selection;
}

std::string word_for(const std::string& part) {
  if (part == "all") return "";
  return part == "val" ? "validation" : part == "train" ? "training" : part;
}

std::string images_text(const Selection& selection) {
  const size_t count = selection.images.size();
  const std::string word = word_for(selection.name);
  return concat(count, word.empty() ? "" : " " + word, count == 1 ? " image" : " images");
}

}  // namespace tessera::cli
