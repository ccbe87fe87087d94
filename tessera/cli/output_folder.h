// A folder of results that appears when it is complete.
#pragma once

#include <filesystem>

namespace tessera::cli {

class OutputFolder {
 public:
  /// Throws IoError when something is at `path` and `is_forced` is false, or when it is a folder
  /// that this program did not make (it has no report.json or index.html to show for it).
  OutputFolder(std::filesystem::path path, bool is_forced);

  /// Removes what was not committed.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Where to write until commit().
  const std::filesystem::path& temporary_path() const { return temporary_; }

  /// Gives the folder its name, replacing an older one.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
};

}  // namespace tessera::cli
