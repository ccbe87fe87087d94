#include "tessera/segmentation/data/files.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kExtensions = {".png", ".jpg", ".jpeg", ".tif", ".tiff"};
constexpr const char* kExtensionList = ".png, .jpg, .jpeg, .tif or .tiff";

std::string lower_case(std::string text) {
  for (char& letter : text) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return text;
}

bool is_image_name(const fs::path& path) {
  const std::string extension = lower_case(path.extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

/// Everything in the folder that is not hidden, by name.
std::vector<fs::directory_entry> visible_entries(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  fs::directory_iterator iterator(folder, error);
  if (error) {
    throw IoError(
        concat(folder.string(), ": must be a folder that can be read, got: ", error.message()));
  }
  for (const fs::directory_entry& entry : iterator) {
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

}  // namespace

ImageFolder list_folder(const fs::path& folder, std::vector<std::string>& findings) {
  ImageFolder result;
  std::vector<fs::directory_entry> entries;
  try {
    entries = visible_entries(folder);
  } catch (const IoError& error) {
    findings.emplace_back(error.what());
    return result;
  }
  std::map<std::string, fs::path> by_lower_stem;
  for (const fs::directory_entry& entry : entries) {
    const fs::path& path = entry.path();
    if (entry.is_directory() || !is_image_name(path)) {
      result.ignored.push_back(path.filename().string() + (entry.is_directory() ? "/" : ""));
      continue;
    }
    const std::string stem = path.stem().string();
    const auto [first, is_new] = by_lower_stem.emplace(lower_case(stem), path);
    if (!is_new) {
      findings.push_back(concat(path.string(), ": a stem must name one file, got: ",
                                first->second.filename().string(), " beside it"));
      continue;
    }
    result.by_stem.emplace(stem, path);
  }
  if (result.by_stem.empty()) {
    findings.push_back(
        concat(folder.string(), ": must hold ", kExtensionList, " files, got: ",
               entries.empty() ? "an empty folder" : concat(entries.size(), " of other kinds")));
  }
  return result;
}

std::vector<Sample> pair_by_stem(const ImageFolder& images, const ImageFolder& masks,
                                 std::vector<std::string>& findings) {
  std::vector<Sample> samples;
  // A folder that could not be read or is empty was reported once; its files are not missed singly.
  if (images.by_stem.empty() || masks.by_stem.empty()) return samples;
  for (const auto& [stem, path] : images.by_stem) {
    const auto mask = masks.by_stem.find(stem);
    if (mask == masks.by_stem.end()) {
      findings.push_back(
          concat(path.string(), ": an image must have a mask of the same stem, got: none"));
    } else {
      samples.push_back({stem, path, mask->second});
    }
  }
  for (const auto& [stem, path] : masks.by_stem) {
    if (!images.by_stem.contains(stem)) {
      findings.push_back(
          concat(path.string(), ": a mask must have an image of the same stem, got: none"));
    }
  }
  return samples;
}

void throw_findings(const fs::path& where, const std::vector<std::string>& findings) {
  if (findings.empty()) return;
  constexpr size_t kShown = 50;
  std::string text =
      concat(where.string(), ": the data must pass every check, got: ", findings.size(),
             findings.size() == 1 ? " finding" : " findings");
  for (size_t i = 0; i < std::min(kShown, findings.size()); ++i) text += "\n  " + findings[i];
  if (findings.size() > kShown) text += concat("\n  and ", findings.size() - kShown, " more");
  throw IoError(text);
}

std::vector<Sample> list_images(const fs::path& file_or_folder) {
  std::error_code error;
  if (!fs::is_directory(file_or_folder, error)) {
    if (!fs::exists(file_or_folder, error)) {
      throw IoError(file_or_folder.string() +
                    ": must be an image or a folder of images, got: "
                    "nothing there");
    }
    return {{file_or_folder.stem().string(), file_or_folder, {}}};
  }
  std::vector<std::string> findings;
  const ImageFolder folder = list_folder(file_or_folder, findings);
  throw_findings(file_or_folder, findings);
  std::vector<Sample> samples;
  for (const auto& [stem, path] : folder.by_stem) samples.push_back({stem, path, {}});
  return samples;
}

}  // namespace tessera::segmentation
