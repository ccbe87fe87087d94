// A folder of results that appears when it is complete, and replaces only a folder of its own kind.
//
// Every such folder holds a file `.tessera` that lists what was written into it. --force gives up
// a folder only if that list names everything in it, so that a wrong name deletes nobody's files.
#pragma once

#include <filesystem>

namespace tessera::cli {

/// Throws unless an OutputFolder can be made at `path`: InvalidArgument for a name like ".",
/// IoError when its parent is missing or cannot be written, when something is there and
/// `is_forced` is false, or when that is no folder of this program's results or holds other files
/// too. An empty folder does not count.
void check_output_folder(const std::filesystem::path& path, bool is_forced);

class OutputFolder {
 public:
  /// Makes a temporary folder beside `path`. Throws what check_output_folder throws.
  OutputFolder(std::filesystem::path path, bool is_forced);

  /// Removes what was not committed.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Where to write until commit().
  const std::filesystem::path& temporary_path() const { return temporary_; }

  /// Gives the folder its name. An older one steps aside first, comes back if that fails, and is
  /// then removed, but for files that were put into it in the meantime. Throws IoError.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
};

}  // namespace tessera::cli
