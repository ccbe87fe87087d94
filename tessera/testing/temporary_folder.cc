#include "tessera/testing/temporary_folder.h"

#include <cstdlib>
#include <string>
#include <system_error>

#include "tessera/core/error.h"

namespace tessera::testing {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tessera-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw IoError(pattern + ": cannot be created");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tessera::testing
