#include "tessera/cli/models.h"

#include <algorithm>
#include <system_error>

#include "tessera/core/env.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> search_folders() {
  std::vector<fs::path> folders;
  if (const auto named = env::models_folder()) folders.emplace_back(*named);
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure).parent_path();
  // In a checkout the program is build/<preset>/tessera and the models are at the top.
  for (const char* relative : {"models", "../models", "../../models", "../share/tessera/models"}) {
    folders.push_back((program / relative).lexically_normal());
  }
  return folders;
}

}  // namespace

fs::path find_model(const std::string& name_or_folder) {
  std::error_code failure;
  if (fs::exists(name_or_folder, failure)) return name_or_folder;
  if (name_or_folder.find('/') == std::string::npos) {
    for (const auto& folder : search_folders()) {
      if (fs::exists(folder / name_or_folder / "config.json", failure))
        return folder / name_or_folder;
    }
  }
  std::string known;
  for (const auto& folder : installed_models()) {
    known += (known.empty() ? "" : ", ") + folder.filename().string();
  }
  throw IoError(concat(name_or_folder, ": no such model folder; models found: ",
                       known.empty() ? "none" : known, "; looked in ", describe_model_folders()));
}

std::vector<fs::path> installed_models() {
  std::vector<fs::path> models;
  for (const auto& folder : search_folders()) {
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder, failure)) {
      if (fs::exists(entry.path() / "config.json", failure)) models.push_back(entry.path());
    }
  }
  std::sort(models.begin(), models.end());
  models.erase(std::unique(models.begin(), models.end()), models.end());
  return models;
}

std::string describe_model_folders() {
  std::string text;
  for (const auto& folder : search_folders()) text += (text.empty() ? "" : ", ") + folder.string();
  return text;
}

}  // namespace tessera::cli
