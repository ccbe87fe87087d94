#include "tessera/cli/output_folder.h"

#include <system_error>

#include <unistd.h>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace fs = std::filesystem;

OutputFolder::OutputFolder(fs::path path, bool is_forced) : path_(std::move(path)) {
  if (!path_.has_filename()) path_ = path_.parent_path();
  std::error_code failure;
  if (fs::exists(path_, failure) && !fs::is_empty(path_, failure)) {
    if (!is_forced) throw IoError(concat(path_.string(), ": exists; --force replaces it"));
    if (!fs::exists(path_ / "index.html", failure)) {
      throw IoError(concat(path_.string(),
                           ": is not a folder of this program's results (no index.html); "
                           "remove it yourself or choose another name"));
    }
  }
  temporary_ = path_.string() + concat(".part-", ::getpid());
  fs::create_directories(temporary_, failure);
  if (failure) throw IoError(concat(path_.string(), ": cannot be made: ", failure.message()));
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void OutputFolder::commit() {
  std::error_code failure;
  fs::remove_all(path_, failure);
  fs::rename(temporary_, path_, failure);
  if (failure) throw IoError(concat(path_.string(), ": cannot be written: ", failure.message()));
}

}  // namespace tessera::cli
