#include "tessera/cli/output_folder.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/video_writer.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarker = ".tessera";
constexpr const char* kMarkerTitle = "tessera.folder/1";

fs::path without_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

void check(const std::error_code& failure, const fs::path& path) {
  if (failure) throw IoError(concat(path.string(), ": cannot be written: ", failure.message()));
}

/// Everything under a folder but folders, as paths relative to it; links are not followed.
std::set<std::string> files_of(const fs::path& folder) {
  std::set<std::string> files;
  std::error_code failure;
  fs::recursive_directory_iterator entry(folder, failure), end;
  for (; !failure && entry != end; entry.increment(failure)) {
    if (entry->symlink_status().type() == fs::file_type::directory) continue;
    files.insert(entry->path().lexically_relative(folder).string());
  }
  if (failure) {
    throw IoError(concat(folder.string(), ": cannot be looked into: ", failure.message()));
  }
  return files;
}

/// What the marker lists, with the marker itself; nothing where there is none.
std::set<std::string> listed_files(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(fs::symlink_status(folder / kMarker, ignored))) return {};
  std::istringstream lines(read_text(folder / kMarker));
  std::string line;
  if (!std::getline(lines, line) || line != kMarkerTitle) return {};
  std::set<std::string> files{kMarker};
  while (std::getline(lines, line)) files.insert(line);
  return files;
}

void write_marker(const fs::path& folder) {
  std::string text = concat(kMarkerTitle, "\n");
  for (const auto& file : files_of(folder)) text += file + "\n";
  write_file(folder / kMarker, text);
}

/// Removes a folder's listed files and the folders that this leaves empty, and nothing else. Only
/// names that the walk found are removed, so a marker that lists "../x" does no harm.
void remove_listed(const fs::path& folder) {
  std::error_code ignored;
  const auto listed = listed_files(folder);
  for (const auto& file : files_of(folder)) {
    if (listed.contains(file)) fs::remove(folder / file, ignored);
  }
  std::vector<fs::path> folders{folder};
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
    if (entry.symlink_status().type() == fs::file_type::directory) folders.push_back(entry.path());
  }
  std::reverse(folders.begin(), folders.end());              // a folder is found before those in it
  for (const auto& one : folders) fs::remove(one, ignored);  // refused where not empty
}

bool has_something(const fs::path& path) {
  std::error_code ignored;
  const auto type = fs::symlink_status(path, ignored).type();
  if (type == fs::file_type::not_found) return false;
  return type != fs::file_type::directory || !fs::is_empty(path, ignored);
}

}  // namespace

void check_output_folder(const fs::path& path, bool is_forced) {
  media::check_parent_folder(path);
  const fs::path folder = without_slash(path);
  if (!has_something(folder)) return;
  if (!is_forced) {
    throw IoError(concat(path.string(),
                         ": exists already; choose another name, or --force to "
                         "replace results of this program"));
  }
  std::error_code ignored;
  const bool is_folder = fs::symlink_status(folder, ignored).type() == fs::file_type::directory;
  const auto listed = is_folder ? listed_files(folder) : std::set<std::string>();
  if (listed.empty()) {
    throw IoError(concat(path.string(),
                         ": must be a folder of this program's results (with a file ", kMarker,
                         ") to be replaced; remove it yourself or choose another name"));
  }
  for (const auto& file : files_of(folder)) {
    if (!listed.contains(file)) {
      throw IoError(
          concat(path.string(),
                 ": must hold nothing but this program's results to be replaced, got: ", file));
    }
  }
}

OutputFolder::OutputFolder(fs::path path, bool is_forced) : path_(without_slash(path)) {
  check_output_folder(path_, is_forced);
  temporary_ = path_.string() + concat(".part-", ::getpid());
  std::error_code failure;
  fs::remove_all(temporary_, failure);  // left by a process of the same number that was killed
  fs::create_directory(temporary_, failure);
  check(failure, path_);
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void OutputFolder::commit() {
  write_marker(temporary_);
  const fs::path old = path_.string() + concat(".old-", ::getpid());
  std::error_code failure, ignored;
  const bool has_old = has_something(path_);
  if (has_old) fs::rename(path_, old, failure);
  check(failure, path_);
  fs::rename(temporary_, path_, failure);
  if (failure && has_old) fs::rename(old, path_, ignored);
  check(failure, path_);
  if (has_old) remove_listed(old);
}

}  // namespace tessera::cli
